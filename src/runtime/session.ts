import { DisposedError } from "../errors.ts";
import type { Buffers } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import { type ChatTemplate, createTextStream, type Tokenizer } from "../tokenizer/index.ts";
import type {
  FinishReason,
  GenerateChunk,
  GenerateOptions,
  GenerateResult,
  ModelInfo,
  ProfileOptions,
  ProfileResult,
} from "../types.ts";
import { abortable } from "./abortable.ts";
import type { Evaluator } from "./evaluator.ts";
import { rethrowLoss } from "./gpu-health.ts";
import type { Profiler } from "./profiler.ts";
import { checkIds, type Prompt, type Request, readRequest } from "./request.ts";
import { type LoopCounters, noCounters, type TokenLoop } from "./token-loop.ts";

export interface SessionParts {
  gpu: Gpu;
  buffers: Buffers;
  tokenizer: Tokenizer;
  template: ChatTemplate;
  loop: TokenLoop;
  evaluator: Evaluator;
  profiler: Profiler;
  info: ModelInfo;
}

/** Text and ids so far, and when they came. */
interface Progress {
  text: string;
  ids: number[];
  finishReason: FinishReason;
  /** Prompt positions computed. */
  promptTokens: number;
  generated: number;
  startedAt: number;
  firstAt: number;
  lastAt: number;
  counters: LoopCounters;
}

/** A loaded model at work: text in, text out, one request after the other. */
export class Session {
  readonly info: ModelInfo;
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate;
  readonly #parts: SessionParts;
  readonly #closing = new AbortController();
  /** Ends when the last request so far does; the next one waits for it. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.info = parts.info;
    this.tokenizer = parts.tokenizer;
    this.template = parts.template;
  }

  /**
   * Generates after a prompt and hands over each piece of text as it becomes certain. An aborted signal is no failure,
   * whenever it comes: the result holds what there is by then and says `abort`. So does `dispose()` on the way.
   * @throws InputError `option`, `token-id`, `prompt-too-long`, `chat-template`, `messages`; DisposedError; DeviceLostError
   */
  async generate(
    prompt: Prompt,
    options: GenerateOptions,
    signal: AbortSignal,
    deliver: (chunk: GenerateChunk) => void,
  ): Promise<GenerateResult> {
    const calledAt = performance.now();
    this.#closing.signal.throwIfAborted();
    const request = readRequest(prompt, options, this.#parts);
    const progress = noProgress();
    try {
      await this.#exclusive(signal, either => this.#generate(request, progress, either, deliver));
    } catch (error) {
      const aborted = signal.aborted || this.#closing.signal.aborted;
      if (!aborted || (error !== signal.reason && error !== this.#closing.signal.reason)) throw error;
      progress.finishReason = "abort";
    }
    return summary(request.promptIds, progress, calledAt);
  }

  /** Float32 logits of every position, `[ids.length, vocabulary]`. Rejects with the signal's reason. */
  async logits(ids: readonly number[], signal: AbortSignal): Promise<Float32Array<ArrayBuffer>> {
    checkIds(ids, this.info);
    return this.#exclusive(signal, either => this.#parts.evaluator.logits(ids, either));
  }

  /** Logits after the last id alone, `[vocabulary]`. Rejects with the signal's reason. */
  async lastLogits(ids: readonly number[], signal: AbortSignal): Promise<Float32Array<ArrayBuffer>> {
    checkIds(ids, this.info);
    return this.#exclusive(signal, either => this.#parts.evaluator.lastLogits(ids, either));
  }

  /**
   * Natural logarithm of the probability of `ids[1..]`, each given those before it: `[ids.length - 1]`. Rejects with the
   * signal's reason.
   */
  async score(ids: readonly number[], signal: AbortSignal): Promise<Float32Array<ArrayBuffer>> {
    checkIds(ids, this.info);
    return this.#exclusive(signal, either => this.#parts.evaluator.score(ids, either));
  }

  /** GPU time per kernel. Rejects with the signal's reason. */
  async profile(options: ProfileOptions, signal: AbortSignal): Promise<ProfileResult> {
    return this.#exclusive(signal, either => this.#parts.profiler.profile(options, either));
  }

  /** Ends what runs and what waits, then frees the GPU. Later calls reject with DisposedError. */
  async dispose(): Promise<void> {
    this.#closing.abort(new DisposedError("disposed", "This model was disposed. Load it again."));
    const { buffers, gpu } = this.#parts;
    await Promise.race([this.#turn, gpu.lost.catch(() => {})]); // a lost GPU may never end its turn
    buffers.destroy();
    gpu.destroy();
  }

  /** Runs `work` when all requests before it are through. Rejects early with the reason of the signal or of `dispose()`. */
  async #exclusive<T>(signal: AbortSignal, work: (either: AbortSignal) => Promise<T>): Promise<T> {
    const { gpu } = this.#parts;
    const either = AbortSignal.any([signal, this.#closing.signal]);
    const before = this.#turn;
    let done = (): void => {};
    const through = new Promise<void>(resolve => (done = resolve));
    // whoever leaves the queue early does not let the next one in early
    this.#turn = before.then(() => through);
    try {
      await abortable(Promise.race([gpu.lost, before]), either);
      return await work(either);
    } catch (error) {
      if (either.aborted) throw error;
      return await rethrowLoss(gpu, error);
    } finally {
      done();
    }
  }

  async #generate(
    { promptIds, sampling, maxTokens, endIds, stop }: Request,
    progress: Progress,
    signal: AbortSignal,
    deliver: (chunk: GenerateChunk) => void,
  ): Promise<void> {
    progress.startedAt = performance.now();
    if (maxTokens === 0) return;
    progress.promptTokens = promptIds.length;
    const stream = createTextStream(this.tokenizer, { stop, previousId: promptIds.at(-1) });
    const emit = (text: string, ids: readonly number[]): void => {
      progress.text += text;
      progress.ids.push(...ids);
      if (text !== "" || ids.length > 0) deliver({ text, ids });
    };
    let ended = false;
    const request = { ids: promptIds, sampling, maxTokens, signal };
    for await (const batch of this.#parts.loop.tokens(request, progress.counters)) {
      progress.lastAt = performance.now();
      progress.firstAt ||= progress.lastAt;
      let piece = "";
      const fresh: number[] = [];
      for (const id of batch) {
        progress.generated++;
        ended = endIds.has(id);
        if (ended) break;
        fresh.push(id);
        piece += stream.push(id);
        ended = stream.stopped !== null;
        if (ended) break;
      }
      emit(piece, fresh);
      if (ended) break;
    }
    if (ended) progress.finishReason = "stop";
    else if (progress.generated < maxTokens && signal.aborted) progress.finishReason = "abort";
    emit(stream.flush(), []);
    if (stream.stopped !== null) progress.finishReason = "stop";
  }
}

function noProgress(): Progress {
  return {
    text: "",
    ids: [],
    finishReason: "length",
    promptTokens: 0,
    generated: 0,
    startedAt: 0,
    firstAt: 0,
    lastAt: 0,
    counters: noCounters(),
  };
}

function summary(promptIds: readonly number[], progress: Progress, calledAt: number): GenerateResult {
  const { text, ids, finishReason, promptTokens, generated, startedAt, firstAt, lastAt, counters } = progress;
  const prefillMs = firstAt > 0 ? firstAt - startedAt : 0;
  const decodeMs = lastAt - firstAt;
  const steps = Math.max(1, counters.decodeSteps);
  return {
    text,
    ids,
    promptIds,
    finishReason,
    timings: {
      promptTokens,
      generatedTokens: generated,
      prefillMs,
      decodeMs,
      timeToFirstTokenMs: firstAt > 0 ? firstAt - calledAt : 0,
      prefillTokensPerSecond: prefillMs > 0 ? (promptTokens / prefillMs) * 1000 : 0,
      decodeTokensPerSecond: generated > 1 && decodeMs > 0 ? ((generated - 1) / decodeMs) * 1000 : 0,
      dispatchesPerToken: counters.decodeDispatches / steps,
      submitsPerToken: counters.decodeSubmits / steps,
      longestPrefillSubmitMs: counters.longestPrefillMs,
      longestDecodeSubmitMs: counters.longestDecodeMs,
    },
  };
}
