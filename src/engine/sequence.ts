import type { Dispatch } from "../gpu/dispatch.ts";
import type { PackedSampling } from "../kernels/sample-params.ts";
import type { KvSequence } from "../model/kv/store.ts";

/** Tokens to sample after those that are given. */
export interface Drawing {
  sampling: PackedSampling;
  /** Of the given tokens the first so many are the prompt; the others were sampled by a request that was broken off. */
  promptTokens: number;
  /** Tokens to sample at most, those sampled before included; they fit the KV cache together with the prompt. */
  maxTokens: number;
  /** Hands over what was sampled, in order, the end token too. */
  deliver(ids: readonly number[]): void;
}

/** A sequence's part of a batch of prompts. */
export interface PromptPart {
  sequence: Sequence;
  /** Position of its first row. */
  from: number;
  rows: number;
  /** What it draws, or whose logits are wanted, is its last row. */
  draws: boolean;
}

/** What else is computed of a prompt's rows, and read. Sequences with the same one share batches. */
export interface RowWork {
  dispatches: readonly Dispatch[];
  /** Only after the chunk with the last token. Default: after each. */
  lastOnly?: boolean;
  /** Rows of a batch at most. Default: those of any batch. */
  rows?: number;
}

/** What is asked of the engine for one sequence of tokens. */
export interface SequenceRequest {
  /** At least one. */
  ids: readonly number[];
  /** Whether its keys and values are shared with other requests. */
  shares: boolean;
  draws?: Drawing;
  work?: RowWork;
  /** Called before a part is queued, whose first row is row `at` of the batch. */
  before?(part: PromptPart, at: number): void;
  /** Called once a part is queued: reads what `work` leaves, by copies that are queued at once. @param draw of the batch, where it draws */
  read?(part: PromptPart, at: number, draw: number): Promise<void>;
  /** Those with more are begun first. */
  priority: number;
  /** Ends it, wherever it is. */
  signal: AbortSignal;
  counters: Counters;
}

/** What was done for one request, for its timings. */
export interface Counters {
  /** When it began to run: `performance.now()`. */
  begunAt: number;
  /** Of the prompt, what an earlier request had computed. */
  cachedPromptTokens: number;
  decodeSubmits: number;
  decodeDispatches: number;
  /** Decode steps queued, those past the end included. */
  decodeSteps: number;
  /** Milliseconds. */
  longestPrefillSubmit: number;
  longestDecodeSubmit: number;
}

export function noCounters(): Counters {
  return {
    begunAt: 0,
    cachedPromptTokens: 0,
    decodeSubmits: 0,
    decodeDispatches: 0,
    decodeSteps: 0,
    longestPrefillSubmit: 0,
    longestDecodeSubmit: 0,
  };
}

/**
 * A request on its way: it waits, runs, and may go back to waiting, with all tokens that are known and nothing computed, where
 * others need its room.
 */
export class Sequence {
  readonly request: SequenceRequest;
  /** Tokens that are known: those given, then those sampled. */
  readonly ids: number[];
  /** Its place in the cache while it runs. */
  kv: KvSequence | undefined;
  /** Positions that are computed or queued to be. */
  computed = 0;
  /** Positions to compute before anything is drawn. */
  target = 0;
  /** Tokens that are sampled or queued to be, by this request and before. */
  drawn = 0;
  /** Parts of batches under way. */
  underWay = 0;
  /** How often it began to run: what comes back of an earlier run is nobody's. */
  run = 0;
  /** The end token came. */
  ended = false;
  readonly done: Promise<void>;
  /** Ends it, by an error where there is one. */
  settle: (error?: unknown) => void = () => {};

  constructor(request: SequenceRequest) {
    this.request = request;
    this.ids = [...request.ids];
    this.done = new Promise((resolve, reject) => {
      this.settle = error => (error === undefined ? resolve() : reject(error));
    });
  }

  get prompts(): boolean {
    return this.computed < this.target;
  }

  /** Has a further token to draw, of which all that it depends on is queued. */
  get decodes(): boolean {
    const { draws } = this.request;
    return !this.prompts && !this.ended && draws !== undefined && this.drawn < draws.maxTokens;
  }

  /** Nothing is left to queue, and nothing under way. */
  get finished(): boolean {
    return this.ended || (!this.prompts && !this.decodes && this.underWay === 0);
  }
}
