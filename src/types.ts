/**
 * The plain data that crosses from page to worker and back: options, results, model facts. No class, no function
 * except the two callbacks that the engine keeps on the page (`onProgress`) or replaces (`signal`).
 */

/** Where the time of a load goes. `read` = from the local cache or a File into the GPU, while `download` fills the cache. */
export type LoadPhase = "header" | "download" | "read" | "compile" | "ready";

export interface LoadProgress {
  phase: LoadPhase;
  /** Bytes done so far in this phase (for `download`, those that an earlier, broken download left count as done). */
  loadedBytes: number;
  /** Bytes of the whole phase. */
  totalBytes: number;
  /** Mean over the last seconds; 0 until known. */
  bytesPerSecond: number;
  /** Estimated time left in this phase; `null` until known. */
  secondsLeft: number | null;
}

export interface LoadOptions {
  /** Called on every step of the load, at most about ten times a second. */
  onProgress?: (progress: LoadProgress) => void;
  /** Ends the load. What was downloaded stays and is resumed by the next call. */
  signal?: AbortSignal;
  /**
   * Positions that the KV cache holds. Default: the model's own context length, at most 8,192, fewer when the adapter's
   * limits do not allow them. Positive integer.
   */
  contextLength?: number;
  /** Headers for the download, such as an `Authorization`. Never stored. */
  headers?: Record<string, string>;
  /**
   * Switch optional GPU features off, to compare or to work around a driver. Default: all that the adapter has.
   * `subgroupMatrix`: matrix units in prefill, where the browser offers them (Chromium with unsafe WebGPU APIs switched
   * on); they need the other two.
   */
  features?: { f16?: boolean; subgroups?: boolean; subgroupMatrix?: boolean };
  /** A worker of the caller's making that runs `intab/worker`. Default: intab starts its own. */
  worker?: Worker;
}

export interface SamplingOptions {
  /** 0 = greedy. Default 0.8. Range 0 and up. */
  temperature?: number;
  /** Keep the k most likely tokens. 0 = all. Default 40. */
  topK?: number;
  /** Keep the smallest set of most likely tokens whose probabilities sum to at least this. Default 0.95. Range (0, 1]. */
  topP?: number;
  /** Drop tokens less likely than this share of the most likely one. Default 0.05. Range [0, 1). */
  minP?: number;
  /** Divides (multiplies, if negative) the logits of tokens seen in the last 64 positions. 1 = off, the default. Range 0.01 to 100. */
  repetitionPenalty?: number;
  /** Subtracted once per occurrence of a token in the text generated so far. Default 0. Range [-2, 2]. */
  frequencyPenalty?: number;
  /** Subtracted once if a token occurs in the text generated so far. Default 0. Range [-2, 2]. */
  presencePenalty?: number;
  /** Added to a token's logit, by token id. `-Infinity` bans it. At most 1,024 entries. */
  logitBias?: Record<number, number>;
  /** Same seed, same adapter, same model: same text. Default: drawn at random. Unsigned 32-bit integer. */
  seed?: number;
}

export interface GenerateOptions extends SamplingOptions {
  /** Tokens to generate at most. Default: what is left of the context. */
  maxTokens?: number;
  /** Generation ends before the first of these; the text does not contain it. */
  stop?: string | readonly string[];
  /** Go on past end-of-turn tokens. Default false. */
  ignoreEndOfTurn?: boolean;
  /** Ends the generation, whenever it comes: the result holds the text so far and says `abort`. Nothing rejects. */
  signal?: AbortSignal;
}

export interface ChatMessage {
  role: string;
  content: string;
}

/** A piece of the answer: whole characters only. */
export interface GenerateChunk {
  text: string;
  /** Ids of the tokens that ended in this chunk. */
  ids: readonly number[];
}

/** `stop` = end-of-turn token or stop string, `length` = maxTokens or context full, `abort` = the signal. */
export type FinishReason = "stop" | "length" | "abort";

export interface Timings {
  /** Prompt positions computed. */
  promptTokens: number;
  /** Tokens generated, the end-of-turn token included. */
  generatedTokens: number;
  prefillMs: number;
  decodeMs: number;
  /** From the call to the first token on the CPU. */
  timeToFirstTokenMs: number;
  prefillTokensPerSecond: number;
  /** Over the tokens after the first; 0 with fewer than two. */
  decodeTokensPerSecond: number;
  /** GPU dispatches and queue submits per generated token, prefill not counted. */
  dispatchesPerToken: number;
  submitsPerToken: number;
}

export interface GenerateResult {
  text: string;
  /** Generated ids, without the end-of-turn token that ended it. */
  ids: readonly number[];
  promptIds: readonly number[];
  finishReason: FinishReason;
  timings: Timings;
}

export interface AdapterFacts {
  vendor: string;
  architecture: string;
  description: string;
  /** The browser calls it a fallback: a CPU that plays a GPU. */
  fallback: boolean;
  /**
   * Optional features: in `model.info` those in use (`shader-f16`, `subgroups`, `timestamp-query`,
   * `chromium-experimental-subgroup-matrix`), in `support()` all.
   */
  features: readonly string[];
  subgroupSize: { min: number; max: number } | null;
  limits: Readonly<Record<string, number>>;
}

export interface ModelInfo {
  /** `general.name` of the file, else its file name. */
  name: string;
  architecture: string;
  /** Weights without embeddings counted once more if tied. */
  parameterCount: number;
  /** Tensor types with the number of tensors, such as `{ Q4_0: 210, F32: 61 }`. */
  tensorTypes: Readonly<Record<string, number>>;
  vocabularySize: number;
  layers: number;
  hiddenSize: number;
  /** Positions that this session's KV cache holds. */
  contextLength: number;
  /** Positions that the model was trained for. */
  trainedContextLength: number;
  hasChatTemplate: boolean;
  fileBytes: number;
  /**
   * GPU memory held after loading: weights, KV cache, scratch. The first `logits()` or `score()` takes up to 64 rows of
   * the vocabulary in f32 more.
   */
  gpuBytes: number;
  adapter: AdapterFacts;
  loadMs: number;
}

/** A model in this origin's cache. */
export interface CachedModel {
  url: string;
  totalBytes: number;
  storedBytes: number;
  complete: boolean;
  /** Milliseconds since 1970 of the last load. */
  lastUsed: number;
}

export interface StorageUsage {
  /** Bytes that cached models take. */
  modelBytes: number;
  /** Bytes that this origin uses and may use, as the browser estimates them. */
  usageBytes: number;
  quotaBytes: number;
  /** Whether the browser promised not to evict. */
  persisted: boolean;
}

/** Answer of `support()`. */
export interface Support {
  webgpu: boolean;
  /** Why not, in words with a next step; empty where `webgpu`. */
  reason: string;
  adapter: AdapterFacts | null;
}
