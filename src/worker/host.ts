import { releaseProxy, transfer } from "comlink";
import { abortable } from "../abort.ts";
import type { Host } from "../boundary/protocol.ts";
import {
  fitRules,
  ids as idList,
  loadRules,
  renderRules,
  text,
  tokenizeRules,
} from "../engine/option-rules.ts";
import type { Unfinished } from "../engine/request.ts";
import type { Session } from "../engine/session.ts";
import { DisposedError, InputError } from "../errors.ts";
import { fitModel } from "../load/fit.ts";
import { loadModel } from "../load/load-model.ts";
import { loadText } from "../load/load-text.ts";
import type { TextSide } from "../load/text-side.ts";
import { check, checkAll, nameRule } from "../options.ts";
import { getJournal, JournalWriter } from "../storage/journals.ts";
import { getSession, putSession, storedBytesOf } from "../storage/saved-sessions.ts";
import { createRenderer } from "../tokenizer/index.ts";
import type { GenerateChunk, GenerateResult } from "../types.ts";

/** What a cancelled load may still take to clean up; then the next one may begin, whatever holds this one up. Milliseconds. */
const CANCEL_GRACE_MS = 400;

/** The worker's side: one model, any number of tokenizers, and the calls under way by their numbers. */
export function createHost(): Host {
  let session: Session | undefined;
  let sessionOf: number | undefined;
  const texts = new Map<number, Pick<TextSide, "tokenizer" | "template">>();
  const running = new Map<number, { controller: AbortController; ended: Promise<unknown> }>();
  let loading = false;
  let lock: Promise<string> | undefined;

  const cancellable = <T>(request: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const controller = new AbortController();
    const ended = work(controller.signal).finally(() => running.delete(request));
    running.set(request, { controller, ended });
    return ended;
  };
  /** The same for what may wait for a network or a database that does not answer a signal. */
  const leavable = <T>(request: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> =>
    cancellable(request, signal => abortable(work(signal), signal, CANCEL_GRACE_MS));
  const loaded = (): Session => {
    if (!session) throw new DisposedError("disposed", "No model is loaded in this worker. Load it again.");
    return session;
  };
  /** A generation, whose chunks go another way than the result, which must not overtake them. */
  const delivering = (
    request: number,
    deliver: (chunk: GenerateChunk) => void,
    work: (signal: AbortSignal, pass: (chunk: GenerateChunk) => void) => Promise<GenerateResult>,
  ): Promise<GenerateResult> =>
    cancellable(request, async signal => {
      let delivered: unknown;
      try {
        return await work(signal, chunk => {
          delivered = deliver(chunk);
        });
      } finally {
        await delivered;
        release(deliver);
      }
    });
  /** Keeps a journal of a generation until it ends, in whatever way but with the worker. */
  const journaled = async (
    name: string,
    work: (journal: JournalWriter<Unfinished>) => Promise<GenerateResult>,
  ): Promise<GenerateResult> => {
    const journal = new JournalWriter<Unfinished>(name, loaded().binding);
    try {
      return await work(journal);
    } finally {
      await journal.end();
    }
  };
  const textOf = (of: number): Pick<TextSide, "tokenizer" | "template"> => texts.get(of) ?? loaded();

  return {
    async load(request, source, settings, onProgress) {
      if (session || loading) {
        release(source);
        throw new InputError(
          "option",
          "This worker holds a model already. Dispose that one first, or give another worker.",
          { details: { option: "worker" } },
        );
      }
      loading = true;
      let reported: unknown;
      const report: typeof onProgress = progress => {
        reported = onProgress(progress);
      };
      try {
        return await leavable(request, async signal => {
          checkAll(settings, loadRules);
          const opened = await loadModel(source, settings, { signal, onProgress: report });
          await reported; // progress goes another way than the result, which must not overtake it
          if (signal.aborted) {
            await opened.dispose();
            throw signal.reason;
          }
          session = opened;
          sessionOf = request;
          texts.set(request, opened);
          return opened.info;
        });
      } finally {
        loading = false;
        release(source);
        release(onProgress);
      }
    },

    loadText: (request, source, settings) =>
      leavable(request, async signal => {
        checkAll(settings, loadRules);
        const side = await loadText(source, settings, signal);
        texts.set(request, side);
        return side.info;
      }).finally(() => release(source)),
    async renderTemplate(template, tokens, messages, options) {
      check("template", template, text);
      checkAll(options, renderRules);
      return createRenderer(tokens)(template, messages, options);
    },
    fit: (request, source, settings) =>
      leavable(request, async signal => {
        checkAll(settings, fitRules);
        return fitModel(source, settings, { signal, onProgress: () => {} });
      }).finally(() => release(source)),

    generate: (request, prompt, options, deliver) =>
      delivering(request, deliver, (signal, pass) => {
        const { journal: name, ...rest } = options;
        if (name === undefined) return loaded().generate(prompt, rest, signal, pass);
        check("journal", name, nameRule);
        return journaled(name, journal => loaded().generate(prompt, rest, signal, pass, journal));
      }),
    resume: (request, name, deliver) =>
      delivering(request, deliver, async (signal, pass) => {
        check("journal", name, nameRule);
        const unfinished = await getJournal<Unfinished>(name, loaded().binding);
        return journaled(name, async journal => {
          journal.begin(unfinished);
          return loaded().resume(unfinished, signal, pass, journal);
        });
      }),
    prepare: (request, prompt, options) =>
      cancellable(request, async signal => loaded().prepare(prompt, options, signal)),

    saveSession: (request, name, ids, page) =>
      cancellable(request, async signal => {
        check("name", name, nameRule);
        const { binding } = loaded();
        const { layers, states, ids: kept } = await loaded().take(ids, signal);
        const blobs = (parts: readonly ArrayBuffer[]): Blob[] => parts.map(part => new Blob([part]));
        const stored = { binding, ids: kept, layers: blobs(layers), states: blobs(states), page };
        await putSession(name, stored);
        return { name, tokens: kept.length, bytes: storedBytesOf(stored), savedAt: Date.now() };
      }),
    restoreSession: (request, name) =>
      cancellable(request, async signal => {
        check("name", name, nameRule);
        const { ids, page, ...stored } = await getSession(name, loaded().binding);
        const bytes = (parts: readonly Blob[]): Promise<ArrayBuffer[]> =>
          Promise.all(parts.map(part => part.arrayBuffer()));
        const [layers, states] = [await bytes(stored.layers), await bytes(stored.states)];
        if (ids.length > 0) await loaded().put({ ids, layers, states }, signal);
        return { ids, page };
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

    async tokenize(given, options, of) {
      check("text", given, text);
      checkAll(options, tokenizeRules);
      return textOf(of).tokenizer.encode(given, options);
    },
    async detokenize(ids, of) {
      check("ids", ids, idList);
      return textOf(of).tokenizer.decode(ids);
    },
    async renderChat(messages, options, of) {
      checkAll(options, renderRules);
      return textOf(of).template.render(messages, options);
    },

    cancel(request) {
      running.get(request)?.controller.abort();
    },

    alive: () => (lock ??= holdLock()),

    async dispose(of, requests = []) {
      const reason = new DisposedError("disposed", "This model was disposed. Load it again.");
      const ending = requests.map(request => running.get(request)).filter(call => call !== undefined);
      for (const { controller } of ending) controller.abort(reason);
      texts.delete(of);
      if (of === sessionOf) {
        const closing = session;
        session = undefined;
        sessionOf = undefined;
        await closing?.dispose();
      }
      await Promise.allSettled(ending.map(({ ended }) => ended)); // their answers leave before this one
    },
  };
}

/** The browser frees it when the worker ends, in whatever way. */
function holdLock(): Promise<string> {
  const name = `intab-worker ${crypto.randomUUID()}`;
  return new Promise(resolve => {
    const held = navigator.locks?.request(name, () => {
      resolve(name);
      return new Promise<never>(() => {});
    });
    if (held)
      held.catch(() => resolve("")); // no locks in a sandbox
    else resolve("");
  });
}

/** Closes the channel behind a callback, which only garbage collection would do otherwise. */
function release(callback: unknown): void {
  if (typeof callback === "function") (callback as { [releaseProxy]?: () => void })[releaseProxy]?.();
}
