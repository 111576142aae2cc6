// The page behind `npm run ask` (scripts/ask.mjs): takes one job from the script, runs it on the engine, hands text back
// while it comes and the rest at the end. Plain data in both directions.
import {
  type ChatMessage,
  type GenerateOptions,
  IntabError,
  type LoadOptions,
  type LoadProgress,
  load,
  loadTokenizer,
  type ModelOrigin,
  openTemplate,
  type RenderChatOptions,
} from "intab";

export type AskInput =
  | { prompt: string; raw: boolean; system?: string }
  | { messages: ChatMessage[] }
  | { ids: number[] };

export type AskTask =
  | {
      kind: "prompt";
      input: AskInput;
      /** Hand the logits of every prompt position to `uploadUrl`. */
      logits: boolean;
      perplexity: boolean;
      generate: boolean;
      options: Omit<GenerateOptions, "signal">;
    }
  | { kind: "tokenize"; texts: { text: string; addSpecial: boolean; parseSpecial: boolean }[] }
  | {
      kind: "render";
      conversations: ({ messages: ChatMessage[] } & Omit<RenderChatOptions, "now">)[];
      /** Instead of the model's. */
      template?: string;
      /** The time for `strftime_now`, without zone. */
      now?: string;
    }
  | { kind: "embed"; texts: (string | number[])[] }
  | { kind: "rerank"; queries: { query: string; documents: string[] }[] };

/** Needs no GPU. */
type TextTask = AskTask & { kind: "tokenize" | "render" };

export interface AskJob {
  /** The model's address; absent: the files in the page's input. */
  url?: string;
  /** No model at all: a template alone. */
  modelless?: boolean;
  loadOptions: Pick<LoadOptions, "contextLength" | "features" | "token" | "hubUrl">;
  task: AskTask;
  /** Where a PUT stores logits. */
  uploadUrl: string;
}

export type AskAnswer =
  | { ok: true; result: Record<string, unknown> }
  | { ok: false; error: { name: string; code?: string; message: string; stack?: string; cause?: string } };

type Model = Awaited<ReturnType<typeof load>>;

declare global {
  interface Window {
    /** Called by the script. */
    intabAsk: (job: AskJob) => Promise<AskAnswer>;
    /** Given by the script. */
    intabText: (text: string) => Promise<void>;
    intabProgress: (progress: LoadProgress) => Promise<void>;
  }
}

window.intabAsk = async job => {
  try {
    return { ok: true, result: await runJob(job) };
  } catch (error) {
    return { ok: false, error: describe(error) };
  }
};

async function runJob(job: AskJob): Promise<Record<string, unknown>> {
  const { task } = job;
  if (task.kind === "render" && job.modelless) return { render: await renderWith(task, templateTokens) };
  const source = job.url ?? document.querySelector<HTMLInputElement>("#model");
  if (!source) throw new Error("The page got no model.");
  if (task.kind === "tokenize" || task.kind === "render") return runText(source, task, job.loadOptions);
  const model = await load(source, {
    ...job.loadOptions,
    onProgress: progress => void window.intabProgress(progress),
  });
  try {
    return withFacts(model, await runModel(model, task, job.uploadUrl));
  } finally {
    await model.dispose();
  }
}

/** What a template without a model has for the special tokens. */
const templateTokens = { bos_token: "<BOS>", eos_token: "<EOS>", unk_token: "<UNK>", pad_token: "<PAD>" };

/** Tokens and templates need no GPU, nor more of the file than its header. */
async function runText(
  source: ModelOrigin,
  task: TextTask,
  { token, hubUrl }: AskJob["loadOptions"],
): Promise<Record<string, unknown>> {
  const tokenizer = await loadTokenizer(source, {
    ...(token === undefined ? {} : { token }),
    ...(hubUrl === undefined ? {} : { hubUrl }),
  });
  try {
    const { name, vocabularySize, warnings, specialTokens } = tokenizer.info;
    const model = { name, vocabularySize, warnings };
    if (task.kind === "tokenize") {
      const lists: number[][] = [];
      for (const { text, ...options } of task.texts) lists.push(await tokenizer.tokenize(text, options));
      return { tokenize: lists, model };
    }
    if (task.template !== undefined) return { render: await renderWith(task, specialTokens), model };
    return { render: await renderAll(tokenizer.renderChat.bind(tokenizer), task), model };
  } finally {
    await tokenizer.dispose();
  }
}

type RenderTask = AskTask & { kind: "render" };

async function renderWith(task: RenderTask, tokens: Readonly<Record<string, string>>) {
  const template = openTemplate(task.template ?? "", { tokens });
  try {
    return await renderAll(template.render.bind(template), task);
  } finally {
    await template.dispose();
  }
}

/** The text of each conversation, or what its template raised. */
async function renderAll(
  render: (messages: ChatMessage[], options: RenderChatOptions) => Promise<string>,
  { conversations, now }: RenderTask,
): Promise<({ text: string } | { error: string })[]> {
  const results: ({ text: string } | { error: string })[] = [];
  for (const { messages, ...options } of conversations) {
    try {
      const text = await render(messages, { ...options, ...(now !== undefined && { now: new Date(now) }) });
      results.push({ text });
    } catch (error) {
      if (!(error instanceof IntabError) || error.details.templateMessage === undefined) throw error;
      results.push({ error: `${error.details.templateError}: ${error.details.templateMessage}` });
    }
  }
  return results;
}

function withFacts(model: Model, answer: Record<string, unknown>): Record<string, unknown> {
  const { adapter, kernels, gpuBytes, loadMs } = model.info;
  const { name, architecture, parameterCount, vocabularySize, contextLength } = model.info;
  const { vendor, features, fallback, description, subgroupSize } = adapter;
  return {
    ...answer,
    adapter: { vendor, architecture: adapter.architecture, description, features, fallback, subgroupSize },
    kernels,
    timings: { loadMs, ...(answer.timings as object | undefined) },
    gpuBytes,
    model: { name, architecture, parameterCount, vocabularySize, contextLength },
  };
}

async function runModel(
  model: Model,
  task: Exclude<AskTask, TextTask>,
  uploadUrl: string,
): Promise<Record<string, unknown>> {
  if (task.kind === "prompt") return runPrompt(model, task, uploadUrl);
  if (task.kind === "embed") {
    const vectors = await model.embed(task.texts);
    return { embed: vectors.map(vector => [...vector]) };
  }
  const rankings = [];
  for (const { query, documents } of task.queries) rankings.push(await model.rerank(query, documents));
  return { rerank: rankings };
}

async function runPrompt(
  model: Model,
  { input, logits, perplexity, generate, options }: AskTask & { kind: "prompt" },
  uploadUrl: string,
): Promise<Record<string, unknown>> {
  const extra: Record<string, unknown> = {};
  let timings = notGenerated(0, 0);
  let promptIds: readonly number[] = [];
  if (logits || perplexity) promptIds = await idsOf(model, input);
  if (logits) {
    const start = performance.now();
    const values = await model.logits(promptIds);
    timings = notGenerated(promptIds.length, performance.now() - start);
    await upload(uploadUrl, values);
    extra.logits = { shape: [promptIds.length, values.length / promptIds.length], dtype: "float32" };
  }
  if (perplexity) {
    if (promptIds.length < 2) {
      throw new IntabError(
        "option",
        `Perplexity needs at least 2 ids; there is ${promptIds.length}. Give a longer prompt.`,
      );
    }
    const start = performance.now();
    const scores = await model.score(promptIds);
    timings = notGenerated(promptIds.length, performance.now() - start);
    extra.meanNegativeLogLikelihood = -scores.reduce((sum, score) => sum + score, 0) / scores.length;
  }
  if (!generate) {
    if (promptIds.length === 0) promptIds = await idsOf(model, input);
    return { text: "", ids: [], promptIds, finishReason: "length", ...timings, ...extra };
  }
  const generation = start(model, input, options);
  const delivered: Promise<void>[] = [];
  for await (const { text } of generation) if (text !== "") delivered.push(window.intabText(text));
  const result = await generation;
  await Promise.all(delivered);
  const { dispatchesPerToken, submitsPerToken, ...times } = result.timings;
  const { text, reasoning, ids, finishReason } = result;
  return {
    text,
    ...(reasoning === undefined ? {} : { reasoning }),
    ids: [...ids],
    promptIds: [...result.promptIds],
    finishReason,
    timings: times,
    dispatchesPerToken,
    submitsPerToken,
    ...extra,
  };
}

/** What stands for the figures of a generation where there was only a prompt. */
function notGenerated(promptTokens: number, prefillMs: number) {
  return {
    timings: {
      promptTokens,
      cachedPromptTokens: 0,
      generatedTokens: 0,
      prefillMs,
      decodeMs: 0,
      timeToFirstTokenMs: 0,
      prefillTokensPerSecond: prefillMs > 0 ? (promptTokens / prefillMs) * 1000 : 0,
      decodeTokensPerSecond: 0,
    },
    dispatchesPerToken: 0,
    submitsPerToken: 0,
  };
}

/** The conversation, if the input is one that goes through the chat template. */
function conversation(model: Model, input: AskInput): ChatMessage[] | undefined {
  if ("messages" in input) return input.messages;
  if ("ids" in input || input.raw) return undefined;
  if (!model.info.hasChatTemplate && input.system === undefined) return undefined;
  const system = input.system === undefined ? [] : [{ role: "system", content: input.system }];
  return [...system, { role: "user", content: input.prompt }];
}

function start(model: Model, input: AskInput, options: GenerateOptions) {
  const messages = conversation(model, input);
  if (messages) return model.chat(messages, options);
  return model.generate("ids" in input ? input.ids : (input as { prompt: string }).prompt, options);
}

/** The ids that a generation from this input would start from. */
async function idsOf(model: Model, input: AskInput): Promise<readonly number[]> {
  if ("ids" in input) return input.ids;
  const messages = conversation(model, input);
  if (!messages)
    return model.tokenize((input as { prompt: string }).prompt, { addSpecial: true, parseSpecial: true });
  return (await model.chat(messages, { maxTokens: 0 })).promptIds;
}

async function upload(url: string, values: Float32Array): Promise<void> {
  const bytes = new Uint8Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength);
  const response = await fetch(url, { method: "PUT", body: bytes });
  if (!response.ok) throw new Error(`The script did not take the logits: HTTP status ${response.status}.`);
}

function describe(error: unknown) {
  if (!(error instanceof Error)) return { name: "Error", message: String(error) };
  const cause = error.cause instanceof Error ? `${error.cause.name}: ${error.cause.message}` : undefined;
  const named = error instanceof IntabError;
  return {
    name: error.name,
    message: error.message,
    ...(named ? { code: error.code } : { stack: error.stack ?? "" }),
    ...(cause === undefined ? {} : { cause }),
  };
}
