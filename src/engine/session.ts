import type { Prompt } from "../boundary/protocol.ts";
import { DisposedError, InputError } from "../errors.ts";
import type { Buffers } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import { rethrowLoss, unlessLost } from "../gpu/loss.ts";
import { check, checkAll, refused } from "../options.ts";
import { randomSeed } from "../sampling/options.ts";
import {
  type AnswerParts,
  type ChatTemplate,
  createAnswerStream,
  type Tokenizer,
} from "../tokenizer/index.ts";
import type { RankingPrompt } from "../tokenizer/ranking.ts";
import type {
  ChatOptions,
  EmbedOptions,
  FinishReason,
  GenerateChunk,
  GenerateResult,
  ModelInfo,
  PreparedPrompt,
  ProfileOptions,
  ProfileResult,
  RankedDocument,
  TemplateOptions,
} from "../types.ts";
import type { CacheJobs, KeptTokens } from "./cache-jobs.ts";
import type { Embedder } from "./embedder.ts";
import type { Engine } from "./engine.ts";
import type { Evaluator } from "./evaluator.ts";
import { embedRules, generateRules, text, texts as textList, textOrIds } from "./option-rules.ts";
import type { Profiler } from "./profiler.ts";
import { checkIds, type Request, readPrompt, readRequest, request, type Unfinished } from "./request.ts";
import { type Counters, noCounters } from "./sequence.ts";

/** What a model with an output needs to generate. */
export interface Generator {
  evaluator: Evaluator;
  profiler: Profiler;
  cache: CacheJobs;
}

export interface SessionParts {
  gpu: Gpu;
  buffers: Buffers;
  tokenizer: Tokenizer;
  template: ChatTemplate;
  /** undefined for models that only embed. */
  generator: Generator | undefined;
  engine: Engine;
  embedder: Embedder;
  ranking: RankingPrompt;
  info: ModelInfo;
  /** The same for the same file and settings: what was computed under one is of use under no other. */
  binding: string;
}

/** Takes down what a generation needs to be gone on with elsewhere. */
export interface Journal {
  begin(unfinished: Unfinished): void;
  add(ids: readonly number[]): void;
}

/** Text and ids so far, and when they came. */
interface Progress {
  text: string;
  /** Empty also where the model marks none. */
  reasoning: string;
  ids: number[];
  finishReason: FinishReason;
  /** Prompt positions computed. */
  promptTokens: number;
  generated: number;
  /** Of these, the ones of an earlier run. */
  resumed: number;
  startedAt: number;
  firstAt: number;
  lastAt: number;
  counters: Counters;
}

/** A loaded model at work: text in, text out. */
export class Session {
  readonly info: ModelInfo;
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate;
  readonly #parts: SessionParts;
  readonly #closing = new AbortController();

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.info = parts.info;
    this.tokenizer = parts.tokenizer;
    this.template = parts.template;
  }

  /**
   * Generates after a prompt and hands over each piece of text as it becomes certain. An aborted signal is no failure,
   * whenever it comes: the result holds what there is by then and says `abort`. So does `dispose()` on the way.
   * @throws InputError `option`, `token-id`, `prompt-too-long`, `chat-template`, `messages`; ModelFormatError `not-finite`; DisposedError; DeviceLostError
   */
  async generate(
    prompt: Prompt,
    options: Omit<ChatOptions, keyof TemplateOptions>,
    signal: AbortSignal,
    deliver: (chunk: GenerateChunk) => void,
    journal?: Journal,
  ): Promise<GenerateResult> {
    const calledAt = performance.now();
    this.#closing.signal.throwIfAborted();
    this.#generator();
    const seed = options.seed ?? randomSeed();
    const read = readRequest(prompt, { ...options, seed }, this.#parts);
    const { promptIds, reasoning } = read;
    journal?.begin({ promptIds, reasoning, options: { ...options, seed }, ids: [] });
    return this.#run(read, calledAt, signal, deliver, journal);
  }

  /** Goes on with a generation that was broken off; its text so far is handed over first. Otherwise as `generate`. */
  async resume(
    unfinished: Unfinished,
    signal: AbortSignal,
    deliver: (chunk: GenerateChunk) => void,
    journal?: Journal,
  ): Promise<GenerateResult> {
    const calledAt = performance.now();
    this.#closing.signal.throwIfAborted();
    this.#generator();
    return this.#run(request(unfinished, this.#parts), calledAt, signal, deliver, journal);
  }

  /** Computes a prompt ahead of a request that begins with it. Rejects with the signal's reason. @throws as `generate` */
  async prepare(
    prompt: Prompt,
    options: Pick<ChatOptions, "specialTokens">,
    signal: AbortSignal,
  ): Promise<PreparedPrompt> {
    const { cache } = this.#generator();
    checkAll(options, generateRules);
    const { ids } = readPrompt(prompt, options, this.tokenizer, this.template);
    checkIds(ids, this.info, "prompt");
    const cachedPromptTokens = await this.#guarded(signal, either => cache.prepare(ids, either));
    return { promptTokens: ids.length, cachedPromptTokens, promptIds: ids };
  }

  /** What the cache has of these tokens, from the first on. */
  async take(ids: readonly number[], signal: AbortSignal): Promise<KeptTokens> {
    const { cache } = this.#generator();
    return this.#guarded(signal, either => cache.take(ids, either));
  }

  /** Brings back what `take` gave. @throws InputError `not-restorable` */
  async put(kept: KeptTokens, signal: AbortSignal): Promise<void> {
    const { cache } = this.#generator();
    if (kept.ids.length > 0) checkIds(kept.ids, this.info);
    return this.#guarded(signal, either => cache.put(kept, either));
  }

  get binding(): string {
    return this.#parts.binding;
  }

  async #run(
    request: Request,
    calledAt: number,
    signal: AbortSignal,
    deliver: (chunk: GenerateChunk) => void,
    journal: Journal | undefined,
  ): Promise<GenerateResult> {
    const progress = noProgress();
    try {
      await this.#guarded(signal, either => this.#generate(request, progress, either, deliver, journal));
    } catch (error) {
      const aborted = signal.aborted || this.#closing.signal.aborted;
      if (!aborted || (error !== signal.reason && error !== this.#closing.signal.reason)) throw error;
      progress.finishReason = "abort";
    }
    return summary(request.promptIds, progress, calledAt);
  }

  /** Float32 logits of every position, `[ids.length, vocabulary]`. Rejects with the signal's reason. */
  async logits(ids: readonly number[], signal: AbortSignal): Promise<Float32Array<ArrayBuffer>> {
    const { evaluator } = this.#generator();
    checkIds(ids, this.info);
    return this.#guarded(signal, either => evaluator.logits(ids, either));
  }

  /** Logits after the last id alone, `[vocabulary]`. Rejects with the signal's reason. */
  async lastLogits(ids: readonly number[], signal: AbortSignal): Promise<Float32Array<ArrayBuffer>> {
    const { evaluator } = this.#generator();
    checkIds(ids, this.info);
    return this.#guarded(signal, either => evaluator.lastLogits(ids, either));
  }

  /**
   * Natural logarithm of the probability of `ids[1..]`, each given those before it: `[ids.length - 1]`. Rejects with the
   * signal's reason.
   */
  async score(ids: readonly number[], signal: AbortSignal): Promise<Float32Array<ArrayBuffer>> {
    const { evaluator } = this.#generator();
    checkIds(ids, this.info);
    return this.#guarded(signal, either => evaluator.score(ids, either));
  }

  /** One embedding per text. Rejects with the signal's reason. @throws InputError `option`, `prompt-too-long`, `token-id` */
  async embed(
    texts: readonly (string | readonly number[])[],
    options: Omit<EmbedOptions, "signal">,
    signal: AbortSignal,
  ): Promise<Float32Array<ArrayBuffer>[]> {
    checkAll(options, embedRules);
    const { hiddenSize } = this.info;
    const { pooling = this.info.pooling, normalize = true, dimensions = hiddenSize } = options;
    if (dimensions > hiddenSize)
      throw refused("dimensions", dimensions, `at most ${hiddenSize}, which is what this model has`);
    if (!Array.isArray(texts)) throw refused("texts", texts, "a list");
    const all = (texts as typeof texts).map((text, index) => {
      check(`texts[${index}]`, text, textOrIds);
      return typeof text === "string" ? this.tokenizer.encode(text, { addSpecial: true }) : text;
    });
    for (const [index, ids] of all.entries()) checkIds(ids, this.info, `texts[${index}]`);
    return this.#guarded(signal, either =>
      Promise.all(
        all.map(async ids => {
          const whole = await this.#parts.embedder.embed(ids, pooling, either);
          const kept = whole.subarray(0, dimensions);
          const length = normalize ? Math.hypot(...kept) || 1 : 1;
          return Float32Array.from(kept, value => value / length);
        }),
      ),
    );
  }

  /**
   * Documents by relevance, the best first. Rejects with the signal's reason.
   * @throws InputError `not-a-reranker`, `prompt-too-long`
   */
  async rerank(query: string, documents: readonly string[], signal: AbortSignal): Promise<RankedDocument[]> {
    if (!this.info.ranks) {
      throw new InputError(
        "not-a-reranker",
        "This model has no classifier that ranks documents. Take a reranker, or compare embed(query) with embed(documents).",
      );
    }
    check("query", query, text);
    check("documents", documents, textList);
    const all = documents.map(document => this.#parts.ranking(query, document));
    for (const ids of all) checkIds(ids, this.info);
    return this.#guarded(signal, async either => {
      const scores = await Promise.all(
        all.map(async ids => relevance(await this.#parts.embedder.rank(ids, either))),
      );
      return scores.map((score, index) => ({ index, score })).sort((a, b) => b.score - a.score);
    });
  }

  /** GPU time per kernel. Rejects with the signal's reason. */
  async profile(options: ProfileOptions, signal: AbortSignal): Promise<ProfileResult> {
    const { profiler } = this.#generator();
    const { engine } = this.#parts;
    return this.#guarded(signal, either => engine.job(() => profiler.profile(options, either), either, true));
  }

  /** Ends what runs and what waits, then frees the GPU. Later calls reject with DisposedError. */
  async dispose(): Promise<void> {
    this.#closing.abort(new DisposedError("disposed", "This model was disposed. Load it again."));
    const { buffers, engine, gpu } = this.#parts;
    await unlessLost(gpu, engine.idle()).catch(() => {}); // a lost GPU may never come to an end
    buffers.destroy();
    gpu.destroy();
  }

  /** @throws InputError `not-generative` */
  #generator(): Generator {
    const { generator } = this.#parts;
    if (generator) return generator;
    throw new InputError(
      "not-generative",
      `This model (${this.info.architecture}) embeds texts and does not generate. Use embed() or rerank(), or load another model.`,
    );
  }

  /** Runs `work` with a signal that `dispose()` ends as well; errors by their cause. */
  async #guarded<T>(signal: AbortSignal, work: (either: AbortSignal) => Promise<T>): Promise<T> {
    const either = AbortSignal.any([signal, this.#closing.signal]);
    try {
      either.throwIfAborted();
      return await work(either);
    } catch (error) {
      if (either.aborted) throw error;
      return await rethrowLoss(this.#parts.gpu, error);
    }
  }

  async #generate(
    { promptIds, reasoning, sampling, maxTokens, endIds, stop, cachePrompt, priority, generated }: Request,
    progress: Progress,
    signal: AbortSignal,
    deliver: (chunk: GenerateChunk) => void,
    journal: Journal | undefined,
  ): Promise<void> {
    if (maxTokens === 0) return;
    const stream = createAnswerStream(this.tokenizer, reasoning, { stop, previousId: promptIds.at(-1) });
    const emit = ({ text, reasoning }: AnswerParts, ids: readonly number[]): void => {
      progress.text += text;
      progress.reasoning += reasoning;
      progress.ids.push(...ids);
      if (text !== "" || reasoning !== "" || ids.length > 0)
        deliver({ text, ids, ...(reasoning && { reasoning }) });
    };
    let ended = false;
    const take = (batch: readonly number[]): void => {
      const piece = { text: "", reasoning: "" };
      const fresh: number[] = [];
      for (const id of batch) {
        progress.generated++;
        ended = endIds.has(id);
        if (ended) break;
        fresh.push(id);
        const { text, reasoning } = stream.push(id);
        piece.text += text;
        piece.reasoning += reasoning;
        ended = stream.stopped !== null;
        if (ended) break;
      }
      emit(piece, fresh);
    };
    if (generated.length > 0) take(generated);
    progress.resumed = progress.generated;
    if (!ended && generated.length < maxTokens) {
      const enough = new AbortController();
      const onTokens = (ids: readonly number[]): void => {
        if (enough.signal.aborted) return; // queued before it was
        progress.lastAt = performance.now();
        progress.firstAt ||= progress.lastAt;
        try {
          take(ids);
          journal?.add(ids);
          if (ended) enough.abort();
        } catch (error) {
          enough.abort(error);
        }
      };
      const request = {
        ids: [...promptIds, ...generated],
        shares: cachePrompt,
        draws: { sampling, promptTokens: promptIds.length, maxTokens, deliver: onTokens },
        priority,
        signal: AbortSignal.any([signal, enough.signal]),
        counters: progress.counters,
      };
      await this.#parts.engine.run(request).catch(error => {
        if (!ended && !(signal.aborted && error === signal.reason)) throw error;
      });
      progress.startedAt = progress.counters.begunAt;
      if (progress.startedAt > 0) progress.promptTokens = promptIds.length;
    }
    if (ended) progress.finishReason = "stop";
    else if (progress.generated < maxTokens && signal.aborted) progress.finishReason = "abort";
    emit(stream.flush(), []);
    if (stream.stopped !== null) progress.finishReason = "stop";
  }
}

/** A single logit as it is; of several labels the probability of the first, which stands for yes. */
function relevance(logits: Float64Array): number {
  if (logits.length === 1) return logits[0]!;
  const largest = Math.max(...logits);
  const weights = logits.map(logit => Math.exp(logit - largest));
  return weights[0]! / weights.reduce((a, b) => a + b);
}

function noProgress(): Progress {
  return {
    text: "",
    reasoning: "",
    ids: [],
    finishReason: "length",
    promptTokens: 0,
    generated: 0,
    resumed: 0,
    startedAt: 0,
    firstAt: 0,
    lastAt: 0,
    counters: noCounters(),
  };
}

function summary(promptIds: readonly number[], progress: Progress, calledAt: number): GenerateResult {
  const {
    text,
    reasoning,
    ids,
    finishReason,
    promptTokens,
    generated,
    resumed,
    startedAt,
    firstAt,
    lastAt,
    counters,
  } = progress;
  const prefillMs = firstAt > 0 ? firstAt - startedAt : 0;
  const decodeMs = lastAt - firstAt;
  const steps = Math.max(1, counters.decodeSteps);
  return {
    text,
    ...(reasoning && { reasoning }),
    ids,
    promptIds,
    finishReason,
    timings: {
      promptTokens,
      cachedPromptTokens: counters.cachedPromptTokens,
      generatedTokens: generated,
      prefillMs,
      decodeMs,
      timeToFirstTokenMs: firstAt > 0 ? firstAt - calledAt : 0,
      prefillTokensPerSecond:
        prefillMs > 0 ? ((promptTokens - counters.cachedPromptTokens) / prefillMs) * 1000 : 0,
      decodeTokensPerSecond: decodeMs > 0 ? ((generated - resumed - 1) / decodeMs) * 1000 : 0,
      dispatchesPerToken: counters.decodeDispatches / steps,
      submitsPerToken: counters.decodeSubmits / steps,
      longestPrefillSubmitMs: counters.longestPrefillSubmit,
      longestDecodeSubmitMs: counters.longestDecodeSubmit,
    },
  };
}
