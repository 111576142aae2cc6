import { DisposedError, InputError } from "../errors.ts";
import type { Buffers } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import { validateSampling } from "../sampling/options.ts";
import { MAX_END_TOKENS, packSampling } from "../sampling/pack.ts";
import { type ChatTemplate, createTextStream, type Tokenizer } from "../tokenizer/index.ts";
import type { ChatMessage, FinishReason, GenerateChunk, GenerateOptions, GenerateResult, ModelInfo } from "../types.ts";
import type { Evaluator } from "./evaluator.ts";
import type { TokenLoop } from "./token-loop.ts";

/** A prompt as text (special tokens are added as the file asks), ids, or messages for the chat template. */
export type Prompt = { text: string } | { ids: readonly number[] } | { messages: readonly ChatMessage[] };

export interface SessionParts {
  gpu: Gpu;
  buffers: Buffers;
  tokenizer: Tokenizer;
  template: ChatTemplate;
  loop: TokenLoop;
  evaluator: Evaluator;
  info: ModelInfo;
}

/** A loaded model at work: text in, text out, one request after the other. */
export class Session {
  readonly info: ModelInfo;
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate;
  readonly #parts: SessionParts;
  readonly #closing = new AbortController();
  /** Ends when the running request does; the next one waits for it. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.info = parts.info;
    this.tokenizer = parts.tokenizer;
    this.template = parts.template;
  }

  /**
   * Generates after a prompt and hands over each piece of text as it becomes certain.
   * @throws InputError `option`, `token-id`, `prompt-too-long`, `chat-template`, `messages`; DisposedError; DeviceLostError
   */
  generate(
    prompt: Prompt,
    options: GenerateOptions,
    signal: AbortSignal,
    deliver: (chunk: GenerateChunk) => void,
  ): Promise<GenerateResult> {
    return this.#exclusive(signal, () => this.#generate(prompt, options, signal, deliver));
  }

  /** Float32 logits of every position, `[ids.length, vocabulary]`. */
  logits(ids: readonly number[], signal: AbortSignal): Promise<Float32Array<ArrayBuffer>> {
    this.#checkPrompt(ids);
    return this.#exclusive(signal, () => this.#parts.evaluator.logits(ids, signal));
  }

  /** Logits after the last id alone, `[vocabulary]`. */
  lastLogits(ids: readonly number[], signal: AbortSignal): Promise<Float32Array<ArrayBuffer>> {
    this.#checkPrompt(ids);
    return this.#exclusive(signal, () => this.#parts.evaluator.lastLogits(ids, signal));
  }

  /** Natural logarithm of the probability of `ids[1..]`, each given those before it: `[ids.length - 1]`. */
  score(ids: readonly number[], signal: AbortSignal): Promise<Float32Array<ArrayBuffer>> {
    this.#checkPrompt(ids);
    return this.#exclusive(signal, () => this.#parts.evaluator.score(ids, signal));
  }

  /** Ends what runs, frees the GPU. Requests that wait are refused with DisposedError. */
  async dispose(): Promise<void> {
    this.#closing.abort();
    await Promise.race([this.#turn, this.#parts.gpu.lost]).catch(() => {}); // its own caller hears of its failure
    this.#parts.buffers.destroy();
    this.#parts.gpu.destroy();
  }

  async #exclusive<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const before = this.#turn;
    let done = (): void => {};
    this.#turn = new Promise<void>(resolve => (done = resolve));
    try {
      await before;
      if (this.#closing.signal.aborted) throw new DisposedError("disposed", "This model was disposed. Load it again.");
      signal.throwIfAborted();
      return await work();
    } finally {
      done();
    }
  }

  async #generate(
    prompt: Prompt,
    options: GenerateOptions,
    signal: AbortSignal,
    deliver: (chunk: GenerateChunk) => void,
  ): Promise<GenerateResult> {
    const started = performance.now();
    const { tokenizer, loop, info } = this.#parts;
    const promptIds = this.#promptIds(prompt);
    this.#checkPrompt(promptIds);
    const room = info.contextLength - promptIds.length;
    const maxTokens = Math.min(room, limit(options.maxTokens) ?? room);
    const endIds = options.ignoreEndOfTurn ? [] : [...tokenizer.endOfTurnIds].slice(0, MAX_END_TOKENS);
    const sampling = packSampling(validateSampling(options, info.vocabularySize), endIds);
    const stop = typeof options.stop === "string" ? [options.stop] : [...(options.stop ?? [])];
    const stream = createTextStream(tokenizer, { stop, previousId: promptIds.at(-1) });

    const counters = { decodeSubmits: 0, decodeDispatches: 0, decodeSteps: 0 };
    const either = AbortSignal.any([signal, this.#closing.signal]);
    const ids: number[] = [];
    let text = "";
    let generated = 0;
    let firstAt = 0;
    let lastAt = 0;
    let finishReason: FinishReason = "length";
    const emit = (piece: string, fresh: readonly number[]): void => {
      text += piece;
      if (piece !== "" || fresh.length > 0) deliver({ text: piece, ids: fresh });
    };
    if (maxTokens > 0) {
      const request = { ids: promptIds, sampling, maxTokens, signal: either };
      for await (const batch of loop.tokens(request, counters)) {
        lastAt = performance.now();
        if (firstAt === 0) firstAt = lastAt;
        let piece = "";
        const fresh: number[] = [];
        for (const id of batch) {
          generated++;
          if (endIds.includes(id)) {
            finishReason = "stop";
            break;
          }
          fresh.push(id);
          piece += stream.push(id);
          if (stream.stopped !== null) {
            finishReason = "stop";
            break;
          }
        }
        ids.push(...fresh);
        emit(piece, fresh);
        if (finishReason === "stop") break;
      }
    }
    if (either.aborted) finishReason = "abort";
    emit(stream.flush(), []);
    const prefillMs = (firstAt || performance.now()) - started;
    const decodeMs = Math.max(0, lastAt - firstAt);
    const steps = Math.max(1, counters.decodeSteps);
    return {
      text,
      ids,
      promptIds,
      finishReason,
      timings: {
        promptTokens: promptIds.length,
        generatedTokens: generated,
        prefillMs,
        decodeMs,
        timeToFirstTokenMs: prefillMs,
        prefillTokensPerSecond: (promptIds.length / prefillMs) * 1000,
        decodeTokensPerSecond: generated > 1 && decodeMs > 0 ? ((generated - 1) / decodeMs) * 1000 : 0,
        dispatchesPerToken: counters.decodeDispatches / steps,
        submitsPerToken: counters.decodeSubmits / steps,
      },
    };
  }

  #promptIds(prompt: Prompt): readonly number[] {
    if ("ids" in prompt) return prompt.ids;
    if ("messages" in prompt) return this.template.encode(prompt.messages.map(message => ({ ...message })));
    return this.tokenizer.encode(prompt.text, { addSpecial: true, parseSpecial: true });
  }

  #checkPrompt(ids: readonly number[]): void {
    const { contextLength, vocabularySize } = this.info;
    if (ids.length === 0) {
      throw new InputError("option", "The prompt is empty: there is nothing to continue. Give at least one token.");
    }
    if (ids.length > contextLength) {
      throw new InputError(
        "prompt-too-long",
        `The prompt has ${ids.length} tokens; the context of this session holds ${contextLength}. Shorten it, or load the model with a larger contextLength (it was trained for ${this.info.trainedContextLength}).`,
        { details: { tokens: ids.length, contextLength } },
      );
    }
    const bad = ids.find(id => !Number.isInteger(id) || id < 0 || id >= vocabularySize);
    if (bad !== undefined) {
      throw new InputError("token-id", `${bad} is no token id: the vocabulary has ${vocabularySize} tokens, from 0.`, {
        details: { id: bad, vocabularySize },
      });
    }
  }
}

function limit(maxTokens: number | undefined): number | undefined {
  if (maxTokens === undefined) return undefined;
  if (Number.isInteger(maxTokens) && maxTokens >= 0) return maxTokens;
  throw new InputError("option", `maxTokens is ${maxTokens}; it must be a whole number from 0.`, {
    details: { option: "maxTokens", value: maxTokens },
  });
}
