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
  /** There only while a request waits to be sent again, in the phases `header` and `download`. */
  retry?: Retry;
}

/** A request that failed for now, and will be sent again. */
export interface Retry {
  /** Number of the try that comes, from 2 on, and how many there are until the load fails. */
  attempt: number;
  attempts: number;
  /** Wait before it. Milliseconds. */
  waitMs: number;
  /** What went wrong, in words. */
  reason: string;
}

/** A whole model, or one file of a split one: an address, or something that holds the bytes. */
export type ModelFile = string | URL | Blob | FileSystemFileHandle | ArrayBuffer | Uint8Array<ArrayBuffer>;

/**
 * What `load` takes.
 *
 * - An address: a URL (relative ones resolve against the page), or one on the Hugging Face Hub as
 *   `hf:owner/repo/file.gguf`, `hf:owner/repo:Q4_K_M` or `hf:owner/repo` (which takes Q4_K_M, else Q4_0, else the nearest
 *   there is), each with a revision as `hf:owner/repo@revision`. Of a split model (`-00001-of-00003.gguf`) any part's.
 * - A `File`, `Blob` or `FileSystemFileHandle`, which is read in place and not copied.
 * - The file's bytes, as an `ArrayBuffer` or `Uint8Array`, which are copied.
 * - The files of a split model in any order, as a list or as `{ files }` (so an `<input type="file" multiple>` will do).
 * - A `ReadableStream` of the file's bytes: read once, in order, into the GPU, and not stored.
 */
export type ModelOrigin =
  | ModelFile
  | readonly ModelFile[]
  | { readonly files: Iterable<ModelFile> | null }
  | ReadableStream<Uint8Array>;

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
  /**
   * Requests that run at a time at most; more wait. They share the KV cache's positions, and their next tokens come from the same pass
   * over the weights. Each takes some memory for its sampling, by the size of the vocabulary. Default 8. Range 1 to 8.
   */
  maxSequences?: number;
  /**
   * Headers for the download, such as an `Authorization`. Never stored. Where the server redirects to another origin,
   * `fetch` takes `Authorization` off; other headers go along.
   */
  headers?: Record<string, string>;
  /**
   * Access token of the Hugging Face Hub (`hf_...`), for private and gated repositories. Sent to the Hub alone, not to
   * other servers and not to the store that the Hub redirects to. Never stored, and in no error or report.
   */
  token?: string;
  /** The Hub's address, for a mirror. Default `https://huggingface.co`. */
  hubUrl?: string;
  /**
   * What the model is stored under, where its address changes from time to time: a name, or better an address without what
   * changes, such as `https://example.com/model.gguf`. One key stands for one file for ever. Default: the address without
   * fragment, user, password, and what signs it (of S3, Google, Azure, CloudFront and the like, `token`).
   */
  cacheKey?: string;
  /**
   * Switch optional GPU features off, to compare or to work around a driver. Default: all that the adapter has.
   * `subgroupMatrix`: matrix units in prefill, where the browser offers them (Chromium with unsafe WebGPU APIs switched
   * on); they need the other two. Of what is on, the first load measures which kernels are the fastest here; a page without
   * IndexedDB takes what suits most GPUs.
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
  /**
   * Take over what earlier requests have computed of the same beginning, in whole pages of 16 tokens, and keep this one's for later
   * ones. The answer is the same but for rounding. Default true.
   */
  cachePrompt?: boolean;
  /** Where more requests wait than run at a time, those with more begin first; else in order. Default 0. Whole number from -1,000 to 1,000. */
  priority?: number;
  /**
   * Write down in IndexedDB, under this name, what the generation has so far, so that `model.resume(name)` goes on with it where its tab
   * was closed or killed. It is removed when the generation ends, in whatever other way. Default: nothing is written.
   */
  journal?: string;
  /** Ends the generation, whenever it comes: the result holds the text so far and says `abort`. Nothing rejects. */
  signal?: AbortSignal;
}

/** Which token states make an embedding: their mean, the first one, or the last. */
export type Pooling = "mean" | "first" | "last";

export interface EmbedOptions {
  /** Default: as the model's file says; without that the mean for encoders, the last token for causal models. */
  pooling?: Pooling;
  /** Scale to length 1, so that a dot product is the cosine similarity. Default true. */
  normalize?: boolean;
  /** Keep this many leading dimensions (Matryoshka embeddings, Kusupati et al. 2022). Default: all. */
  dimensions?: number;
  /** Ends the work; the promise rejects with its reason. */
  signal?: AbortSignal;
}

export interface RankedDocument {
  /** Place in the list that was given. */
  index: number;
  /** Higher is more relevant: a logit, or for classifiers of yes and no the probability of yes. */
  score: number;
}

/** A piece of a message's content. Models here read text. */
export interface TextPart {
  type: "text";
  text: string;
}

/** A call that the model asked for, as the OpenAI API writes it. */
export interface ToolCall {
  id?: string;
  type?: "function";
  /** `arguments` as an object, which templates can print; as JSON text only for templates that ask for that. */
  function: { name: string; arguments: Record<string, unknown> | string };
}

/** A message of a conversation. Further fields are handed to the model's template as they are. */
export interface ChatMessage {
  /** One of these, or another that the model's template knows. */
  role: "system" | "developer" | "user" | "assistant" | "tool" | (string & {});
  /** `null` for an assistant's message that only calls tools. Parts are joined where the template knows text only. */
  content: string | readonly TextPart[] | null;
  /** Calls that an assistant's message made. */
  tool_calls?: readonly ToolCall[];
  /** Which call a `tool` message answers, and of which function. */
  tool_call_id?: string;
  name?: string;
  /** An earlier answer's reasoning (`reasoning` of a result). Most templates leave it out again. */
  reasoning_content?: string;
}

/** A function that the model may call, as the OpenAI API describes it. */
export interface ToolDefinition {
  type: "function";
  function: {
    name: string;
    description?: string;
    /** JSON Schema of the arguments. */
    parameters?: Record<string, unknown>;
  };
}

/** What a conversation's template gets besides the messages. A template ignores what it does not know. */
export interface TemplateOptions {
  /** Functions on offer. A model file with a template of its own for tools (`tool_use`) uses that one. */
  tools?: readonly ToolDefinition[];
  /** Texts to answer from, mostly `{ title, text }`. */
  documents?: readonly Readonly<Record<string, unknown>>[];
  /** The template's switch `enable_thinking`, of models that can answer with and without reasoning. Default: the template's. */
  enableThinking?: boolean;
  /** Any further variable of the template, by its name there, such as `reasoning_effort`. */
  templateVariables?: Readonly<Record<string, unknown>>;
}

export interface ChatOptions extends GenerateOptions, TemplateOptions {
  /**
   * What the text of a control token, such as `<|im_end|>`, is in messages, tools and documents. `text`, the default: text
   * like any other, so that nobody can end a turn or begin one by writing it; what the template itself writes stays control.
   * `control`: the token, for conversations that the app itself wrote in the model's own marks.
   */
  specialTokens?: "text" | "control";
}

/** A piece of the answer: whole characters only. */
export interface GenerateChunk {
  text: string;
  /** A piece of the reasoning before the answer, in a chat with a model that marks it. */
  reasoning?: string;
  /** Ids of the tokens that ended in this chunk. */
  ids: readonly number[];
}

/** `stop` = end-of-turn token or stop string, `length` = maxTokens or context full, `abort` = the signal. */
export type FinishReason = "stop" | "length" | "abort";

export interface Timings {
  /** Tokens of the prompt. */
  promptTokens: number;
  /** Of these, the ones whose keys and values an earlier request had computed: `cachePrompt`. */
  cachedPromptTokens: number;
  /** Tokens generated, the end-of-turn token included. */
  generatedTokens: number;
  prefillMs: number;
  decodeMs: number;
  /** From the call to the first token on the CPU. */
  timeToFirstTokenMs: number;
  /** Of the tokens that were computed, the cached ones left out. */
  prefillTokensPerSecond: number;
  /** Over the tokens after the first; 0 with fewer than two. */
  decodeTokensPerSecond: number;
  /** GPU dispatches and queue submits per generated token, prefill not counted. */
  dispatchesPerToken: number;
  submitsPerToken: number;
  /**
   * Longest time that one submit kept the GPU, of prefill and of decode, as the CPU sees it: from its start, or the end of
   * the one before it, to the news of its end, which may come some 3 ms late. Milliseconds; 0 where there was none.
   */
  longestPrefillSubmitMs: number;
  longestDecodeSubmitMs: number;
}

export interface GenerateResult {
  /** The answer, without the reasoning before it. */
  text: string;
  /** The reasoning, in a chat with a model that marks it. Stop strings are not looked for in it. */
  reasoning?: string;
  /** Generated ids, without the end-of-turn token that ended it. */
  ids: readonly number[];
  promptIds: readonly number[];
  finishReason: FinishReason;
  timings: Timings;
}

export interface PrepareOptions extends TemplateOptions, Pick<ChatOptions, "specialTokens" | "signal"> {}

/** Of a conversation: how it begins, and what its template gets. */
export interface SessionOptions extends TemplateOptions {
  /** The messages so far, such as one of the role `system`. Default: none. */
  messages?: readonly ChatMessage[];
}

/** What `prepare()` did. */
export interface PreparedPrompt {
  promptTokens: number;
  /** Of these, the ones that were computed before. */
  cachedPromptTokens: number;
  promptIds: readonly number[];
}

/** A conversation that was saved with what was computed of it. */
export interface SavedSession {
  name: string;
  /** Tokens that need not be computed again. */
  tokens: number;
  /** Bytes that their keys and values take. */
  bytes: number;
  /** Milliseconds since 1970. */
  savedAt: number;
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
  /** It generates text: `generate`, `chat`, `logits`, `score`. Encoders only embed. */
  generates: boolean;
  /** It is a reranker: `rerank`. */
  ranks: boolean;
  /** How the file wants token states to become one embedding. */
  pooling: Pooling;
  /** What the file leaves open and was guessed, in sentences for the developer; the worker's console has them too. */
  warnings: readonly string[];
  /** Bytes of all its files. */
  fileBytes: number;
  /** Address under which the cache has it, for `models.remove()`; `null` for files and streams. */
  url: string | null;
  /**
   * GPU memory held after loading: weights, KV cache, scratch. The first `logits()` or `score()` takes up to 64 rows of
   * the vocabulary in f32 more.
   */
  gpuBytes: number;
  /** Bytes of weights that every decode step reads, as the file stores them: the token embedding only where the output shares it. */
  weightBytesPerToken: number;
  /** Bytes of keys and values in all layers for one position. */
  kvBytesPerPosition: number;
  adapter: AdapterFacts;
  /**
   * Which variants of its kernels the model runs here, such as `{ matvec: ["subgroups"], matmul: ["matrix-128x128",
   * "matrix-64x64"], "attention-decode": ["tiled"] }`; `docs/kernels.md` names them. Kernels without a choice are left out.
   */
  kernels: Readonly<Record<string, readonly string[]>>;
  loadMs: number;
}

/** What `loadTokenizer()` found. */
export interface TokenizerInfo {
  /** `general.name` of the file, else its file name. */
  name: string;
  /** `tokenizer.ggml.model`: `gpt2`, `llama`, `bert`, `t5`, ... */
  kind: string;
  vocabularySize: number;
  /** What chat templates know as `bos_token`, `eos_token`, `unk_token` and `pad_token`, where the file has them. */
  specialTokens: Readonly<Record<string, string>>;
  hasChatTemplate: boolean;
  /** What the file leaves open and was guessed. */
  warnings: readonly string[];
}

export interface FitOptions
  extends Pick<
    LoadOptions,
    "headers" | "token" | "hubUrl" | "cacheKey" | "features" | "maxSequences" | "signal" | "worker"
  > {
  /** Positions of the KV cache. Default: as for `load()`. */
  contextLength?: number;
  /**
   * GPU memory that the model may take. WebGPU does not tell how much there is; without this only the adapter's limits
   * count, and `load()` finds out the rest before it fetches a weight. Bytes.
   */
  memoryBytes?: number;
}

/** GPU memory of a loaded model. While it loads, about 8 MiB more. */
export interface FitBytes {
  weights: number;
  /** Keys and values of `contextLength` positions. */
  kvCache: number;
  /** Activations, tables, logits, sampler. */
  scratch: number;
  total: number;
}

export interface FitReason {
  /** As the error of a load has it, such as `architecture`, `tensor-type`, `adapter-limit`, `gpu-memory`. */
  code: string;
  /** With what would fit instead. */
  message: string;
  details: Readonly<Record<string, string | number | boolean | null | readonly string[]>>;
}

/** Answer of `fit()`. */
export interface Fit {
  fits: boolean;
  /** Why not; empty where it fits. */
  reasons: readonly FitReason[];
  name: string;
  /** Empty where the file names none. */
  architecture: string;
  parameterCount: number;
  tensorTypes: Readonly<Record<string, number>>;
  fileBytes: number;
  trainedContextLength: number | null;
  /** Positions that `bytes` is about. */
  contextLength: number | null;
  /** `null` for a model that cannot run at any size. */
  bytes: FitBytes | null;
  /** The most positions, up to those of the training, within the adapter's limits and `memoryBytes`; 0: none. */
  longestContext: number | null;
  /**
   * Weight types, the largest first, in which the model would fit with this context: estimated as if all its matrices had
   * that type.
   */
  fittingTypes: readonly string[];
  adapter: AdapterFacts;
}

export interface ProfileOptions {
  /** `decode`: the next token, sampling included. `prefill`: a chunk of a prompt, without logits. */
  phase: "decode" | "prefill";
  /** Positions in the KV cache before it, of each sequence. Default 0. */
  context?: number;
  /**
   * Tokens that are computed at once: in decode one of each of so many sequences, by default 1, at most `maxSequences`; in
   * prefill those of the chunk, by default as many as the engine takes.
   */
  rows?: number;
}

export interface KernelTime {
  /** What the kernel does, in which variant of type and shape; the same in every layer. */
  label: string;
  /** Times that it runs. */
  dispatches: number;
  /** GPU time of these dispatches together. */
  microseconds: number;
}

/** GPU time by timestamp queries: medians of passes in which one kind of kernel is repeated. */
export interface ProfileResult extends Required<ProfileOptions> {
  /** In order of their first dispatch. */
  kernels: readonly KernelTime[];
  /** All of them in their order, in one pass. */
  wholeMicroseconds: number;
}

/** A model in this origin's cache. */
export interface CachedModel {
  /** Address for `load()` and `models.remove()`, or the `cacheKey` it was loaded with; of a split model that of its first part. */
  url: string;
  /** Files that it consists of. */
  parts: number;
  totalBytes: number;
  storedBytes: number;
  complete: boolean;
  /** Milliseconds since 1970 of the last load. */
  lastUsed: number;
  /**
   * The record of what is stored cannot be read, so the numbers here are 0. `load()` starts it anew, `models.remove()` takes
   * it away. Absent for a sound one.
   */
  damaged?: true;
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
