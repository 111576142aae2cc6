import { abortable } from "../../abort.ts";
import { isObject } from "../../options.ts";
import { chatCompletions } from "./chat.ts";
import { completions } from "./completions.ts";
import { ApiError, apiError } from "./errors.ts";
import { Fields } from "./fields.ts";
import { json } from "./replies.ts";
import { responses } from "./responses.ts";
import { type Call, now, type ServedModel } from "./served.ts";
import { embeddings, rerank } from "./vectors.ts";

/** What POST goes to, and the field that the prompt comes from. */
const ENDPOINTS: Readonly<
  Record<string, readonly [answer: (call: Call, cancel: () => void) => Promise<Response>, prompt: string]>
> = {
  "chat/completions": [chatCompletions, "messages"],
  completions: [completions, "prompt"],
  responses: [responses, "input"],
  embeddings: [embeddings, "input"],
  rerank: [rerank, "query"],
};

/**
 * A `fetch` that answers as OpenAI's API does, out of models in this page: for the `fetch` option of its clients. The
 * address may be any whose path ends as there, such as `http://tab/v1/chat/completions`; nothing goes over the network.
 *
 * Failures are responses in OpenAI's form. Only a signal rejects, with its reason.
 * @param models one model, served under `info.name`, or several by the names that requests have for them
 */
export function createFetch(models: ServedModel | Readonly<Record<string, ServedModel>>): typeof fetch {
  const named = isModel(models) ? { [models.info.name]: models } : { ...models };
  const since = now();
  return async (input, init) => {
    const request = input instanceof Request ? input : null;
    const signal = init?.signal ?? request?.signal ?? new AbortController().signal;
    signal.throwIfAborted();
    const method = (init?.method ?? request?.method ?? "GET").toUpperCase();
    const { pathname } = new URL(request?.url ?? `${input}`, "http://tab");
    const path = pathname.replace(/^.*\/v1\/|^\//, "").replace(/\/$/, "");
    const listed = /^models(?:\/(.+))?$/.exec(path);
    const endpoint = Object.hasOwn(ENDPOINTS, path) ? ENDPOINTS[path] : undefined;
    const [answer, prompt = ""] = endpoint ?? [];
    const allow = listed ? "GET" : "POST";
    try {
      if (!listed && !answer)
        throw new ApiError(404, `There is nothing at ${method} ${pathname}.`, { code: "unknown_url" });
      if (method !== allow)
        throw new ApiError(405, `${method} is not allowed here; use ${allow}.`, {
          code: "method_not_allowed",
        });
      if (!answer) return json(modelList(named, listed?.[1], since));
      const fields = new Fields(await bodyOf(request, init));
      const name = fields.required("model", fields.text("model"));
      // its reader may end a stream, too
      const ended = new AbortController();
      const either = AbortSignal.any([signal, ended.signal]);
      const call = { name, model: modelOf(named, name), fields, signal: either };
      return await abortable(
        answer(call, () => ended.abort()),
        signal,
      );
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const failed = apiError(error, prompt);
      return json(failed.body, failed.status, failed.status === 405 ? { allow } : {});
    }
  };
}

const isModel = (models: object): models is ServedModel =>
  "chat" in models && typeof models.chat === "function";

async function bodyOf(
  request: Request | null,
  init: RequestInit | undefined,
): Promise<Record<string, unknown>> {
  const text = await (request && init?.body === undefined ? request : new Response(init?.body)).text();
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined; // JSON.parse fails in no other way: refused below
  }
  if (!isObject(body))
    throw new ApiError(400, "The body of the request is no JSON object.", { code: "invalid_json" });
  return body as Record<string, unknown>;
}

function modelOf(named: Readonly<Record<string, ServedModel>>, name: string): ServedModel {
  const model = Object.hasOwn(named, name) ? named[name] : undefined;
  if (model) return model;
  throw new ApiError(
    404,
    `There is no model ${JSON.stringify(name)} here. Known: ${Object.keys(named).join(", ")}.`,
    { param: "model", code: "model_not_found" },
  );
}

/** What is no encoding stays as it is. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // decodeURIComponent fails in no other way
  }
}

function modelList(named: Readonly<Record<string, ServedModel>>, wanted: string | undefined, since: number) {
  const describe = (id: string) => ({ id, object: "model", created: since, owned_by: "intab" });
  if (wanted !== undefined) {
    const name = decoded(wanted);
    modelOf(named, name);
    return describe(name);
  }
  return { object: "list", data: Object.keys(named).map(describe) };
}
