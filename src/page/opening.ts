/** From what a caller gives to what crosses to the worker. */
import { proxy, transfer } from "comlink";
import type { RenderChatOptions } from "../boundary/protocol.ts";
import { check, known, plain, refused } from "../options.ts";
import type { LoadOptions, ModelOrigin } from "../types.ts";
import { Connection } from "./connection.ts";
import { checkSignal, renderNames, workerLike } from "./option-names.ts";
import { type CrossingOrigin, crossingOrigin } from "./origin.ts";
import { checkWorkers } from "./start-worker.ts";

/** Opens source and worker for `work`, and leaves neither behind where it fails. */
export async function opening<T>(
  source: ModelOrigin,
  { signal, worker }: Pick<LoadOptions, "signal" | "worker">,
  work: (connection: Connection, origin: CrossingOrigin) => Promise<T>,
): Promise<T> {
  checkSignal(signal);
  signal?.throwIfAborted();
  if (worker !== undefined) check("worker", worker, workerLike);
  else checkWorkers(); // before what a source is to a server
  const origin = await crossingOrigin(source);
  let connection: Connection | undefined;
  try {
    connection = new Connection(worker);
    return await work(connection, origin);
  } catch (error) {
    connection?.abandon();
    throw error;
  } finally {
    origin.release();
  }
}

/** What a call to the worker takes: a stream is pulled from there, and its bytes go over without a copy. */
export function crossing(from: CrossingOrigin["from"]): CrossingOrigin["from"] {
  if (typeof from !== "function") return from;
  return proxy(async () => {
    const bytes = await from();
    return bytes && transfer(bytes, [bytes.buffer]);
  });
}

/** Settings as plain data; `headers` may be a `Headers` too, as for `fetch`. */
export function plainSettings<T extends LoadOptions>({ headers, ...settings }: T): T {
  const all = headers instanceof Headers ? Object.fromEntries(headers) : headers;
  return fields({ ...settings, headers: all }) as T;
}

/** Options as plain data, named as the caller knows them. */
export function fields<T extends object>(options: T): T {
  return Object.fromEntries(
    Object.entries(options)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, plain(value, name)]),
  ) as T;
}

export function sendable(options: RenderChatOptions): RenderChatOptions {
  const { now, ...rest } = known(options, renderNames);
  if (now !== undefined && !(now instanceof Date)) throw refused("now", now, "a Date");
  return { ...fields(rest), ...(now && { now }) };
}
