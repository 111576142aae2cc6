import { releaseProxy, transfer } from "comlink";
import { DisposedError, InputError } from "../errors.ts";
import { fitModel } from "../runtime/fit.ts";
import { loadModel } from "../runtime/load-model.ts";
import { loadText, type TextSide } from "../runtime/load-text.ts";
import type { Session } from "../runtime/session.ts";
import { createRenderer } from "../tokenizer/index.ts";
import type { Host } from "./protocol.ts";

/** The worker's side: one model, and the calls under way by their numbers. */
export function createHost(): Host {
  let session: Session | undefined;
  let textSide: TextSide | undefined;
  const running = new Map<number, { controller: AbortController; ended: Promise<unknown> }>();
  let loading = false;

  const cancellable = <T>(request: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const controller = new AbortController();
    const ended = work(controller.signal).finally(() => running.delete(request));
    running.set(request, { controller, ended });
    return ended;
  };
  const loaded = (): Session => {
    if (!session) throw new DisposedError("disposed", "No model is loaded in this worker. Load it again.");
    return session;
  };

  const texts = (): Pick<TextSide, "tokenizer" | "template"> => textSide ?? loaded();

  return {
    load: (request, source, settings, onProgress) =>
      cancellable(request, async signal => {
        if (session || loading) {
          throw new InputError(
            "option",
            "This worker holds a model already. Dispose that one first, or give another worker.",
            {
              details: { option: "worker" },
            },
          );
        }
        loading = true;
        let reported: unknown;
        const report: typeof onProgress = progress => {
          reported = onProgress(progress);
        };
        try {
          const opened = await loadModel(source, settings, { signal, onProgress: report });
          await reported; // progress goes another way than the result, which must not overtake it
          if (signal.aborted) {
            await opened.dispose();
            throw signal.reason;
          }
          session = opened;
          return session.info;
        } finally {
          loading = false;
          if (typeof source === "function") release(source);
        }
      }),

    loadText: (request, source, settings) =>
      cancellable(request, async signal => {
        textSide = await loadText(source, settings, signal);
        return textSide.info;
      }),
    renderTemplate: async (template, tokens, messages, options) =>
      createRenderer(tokens)(template, messages, options),
    fit: (request, source, settings) =>
      cancellable(request, signal => fitModel(source, settings, { signal, onProgress: () => {} })),

    generate: (request, prompt, options, deliver) =>
      cancellable(request, async signal => {
        let delivered: unknown;
        try {
          return await loaded().generate(prompt, options, signal, chunk => {
            delivered = deliver(chunk);
          });
        } finally {
          await delivered; // chunks go another way than the result, which must not overtake them
          release(deliver);
        }
      }),

    logits: (request, ids, last) =>
      cancellable(request, async signal => {
        const values = await (last ? loaded().lastLogits(ids, signal) : loaded().logits(ids, signal));
        return transfer(values, [values.buffer]);
      }),
    score: (request, ids) => cancellable(request, async signal => loaded().score(ids, signal)),

    profile: (request, options) => cancellable(request, async signal => loaded().profile(options, signal)),

    embed: (request, texts, options) =>
      cancellable(request, async signal => loaded().embed(texts, options, signal)),
    rerank: (request, query, documents) =>
      cancellable(request, async signal => loaded().rerank(query, documents, signal)),

    tokenize: async (text, options) => texts().tokenizer.encode(text, options),
    detokenize: async ids => texts().tokenizer.decode(ids),
    renderChat: async (messages, options) => texts().template.render(messages, options),

    cancel(request) {
      running.get(request)?.controller.abort();
    },

    async dispose() {
      const reason = new DisposedError("disposed", "This model was disposed. Load it again.");
      const ending = [...running.values()];
      for (const { controller } of ending) controller.abort(reason);
      const closing = session;
      session = undefined;
      textSide = undefined;
      await closing?.dispose();
      await Promise.allSettled(ending.map(({ ended }) => ended)); // their answers leave before this one
    },
  };
}

/** Closes the channel behind a callback, which only garbage collection would do otherwise. */
function release(callback: object): void {
  (callback as { [releaseProxy]?: () => void })[releaseProxy]?.();
}
