import { transfer } from "comlink";
import { DisposedError } from "../errors.ts";
import { loadModel } from "../runtime/load-model.ts";
import type { Session } from "../runtime/session.ts";
import type { Host } from "./protocol.ts";

/** The worker's side: one model, and the calls under way by their numbers. */
export function createHost(): Host {
  let session: Session | undefined;
  const running = new Map<number, AbortController>();

  const cancellable = async <T>(request: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const controller = new AbortController();
    running.set(request, controller);
    try {
      return await work(controller.signal);
    } finally {
      running.delete(request);
    }
  };
  const loaded = (): Session => {
    if (!session) throw new DisposedError("disposed", "No model is loaded in this worker. Load it again.");
    return session;
  };

  return {
    load: (request, source, settings, onProgress) =>
      cancellable(request, async signal => {
        session = await loadModel(source, settings, { signal, onProgress });
        return session.info;
      }),

    generate: (request, prompt, options, deliver) =>
      cancellable(request, async signal => {
        let delivered: unknown;
        const result = await loaded().generate(prompt, options, signal, chunk => {
          delivered = deliver(chunk);
        });
        await delivered; // chunks go another way than the result: it must not overtake them
        return result;
      }),

    logits: (request, ids, last) =>
      cancellable(request, async signal => {
        const values = await (last ? loaded().lastLogits(ids, signal) : loaded().logits(ids, signal));
        return transfer(values, [values.buffer]);
      }),
    score: (request, ids) => cancellable(request, signal => loaded().score(ids, signal)),

    tokenize: async (text, options) => loaded().tokenizer.encode(text, options),
    detokenize: async ids => loaded().tokenizer.decode(ids),
    renderChat: async (messages, options) => loaded().template.render(messages.map(message => ({ ...message })), options),

    cancel(request) {
      running.get(request)?.abort();
    },

    async dispose() {
      for (const controller of running.values()) controller.abort();
      const ending = session;
      session = undefined;
      await ending?.dispose();
    },
  };
}
