/** A model whose answers are given, for what stands in front of a model. Its chat template is a real one. */
import type { ServedModel } from "../../../src/api/openai/served.ts";
import { InputError } from "../../../src/errors.ts";
import { Generation } from "../../../src/page/generation.ts";
import { createRenderer } from "../../../src/tokenizer/chat-template.ts";
import type {
  ChatMessage,
  ChatOptions,
  GenerateChunk,
  GenerateResult,
  ModelInfo,
} from "../../../src/types.ts";

export interface FakeOptions {
  /** What it answers, chunk by chunk. Default: "Hello" and " there". */
  chunks?: Chunks | ((messages: readonly ChatMessage[]) => Chunks);
  finishReason?: "stop" | "length";
  template?: string;
  /** Texts of control tokens; their ids count from 1,000. */
  controls?: readonly string[];
  /** What every generation fails with. */
  failure?: Error;
  /** Stays silent after its chunks until it is cancelled. */
  hangs?: boolean;
}

type Chunks = readonly (string | GenerateChunk)[];

export interface Asked {
  prompt: unknown;
  options: ChatOptions;
}

const SIMPLE =
  "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}";

/** Words and marks are tokens. */
export function fakeModel(options: FakeOptions = {}): ServedModel & { asked: Asked[]; cancelled: number } {
  const { chunks = ["Hello", " there"], finishReason = "stop", template = SIMPLE, controls = [] } = options;
  const render = createRenderer({ bos_token: "<s>", eos_token: "</s>" });
  const words: string[] = [];
  const idOf = (word: string): number => {
    if (!words.includes(word)) words.push(word);
    return words.indexOf(word);
  };
  const encode = (text: string): number[] => (text.match(/\s*\S+|\s+$/g) ?? []).map(idOf);
  const chunksFor = (prompt: unknown): GenerateChunk[] =>
    (typeof chunks === "function" ? chunks(prompt as ChatMessage[]) : chunks).map(chunk =>
      typeof chunk === "string" ? { text: chunk, ids: encode(chunk) } : chunk,
    );

  const generate = (prompt: unknown, asked: ChatOptions): Generation => {
    model.asked.push({ prompt, options: asked });
    const given = chunksFor(prompt);
    const own = new AbortController();
    const signal = asked.signal ? AbortSignal.any([asked.signal, own.signal]) : own.signal;
    const result = (): GenerateResult => ({
      text: given.map(({ text }) => text).join(""),
      ids: given.flatMap(({ ids }) => ids),
      promptIds: [],
      finishReason: signal.aborted ? "abort" : finishReason,
      timings: { ...TIMINGS, generatedTokens: given.flatMap(({ ids }) => ids).length },
    });
    return new Generation(
      async deliver => {
        await null;
        if (options.failure) throw options.failure;
        for (const chunk of given) {
          if (signal.aborted) return result();
          deliver(chunk);
          await new Promise(resolve => setTimeout(resolve));
        }
        if (options.hangs && !signal.aborted)
          await new Promise(resolve => signal.addEventListener("abort", resolve));
        return result();
      },
      () => {
        model.cancelled++;
        own.abort();
      },
    );
  };

  const model = {
    asked: [] as Asked[],
    cancelled: 0,
    info: { name: "fake", hiddenSize: 2, contextLength: 64 } as ModelInfo,
    chat: (messages: readonly ChatMessage[], asked: ChatOptions = {}) => generate(messages, asked),
    generate: (prompt: string | readonly number[], asked: ChatOptions = {}) => generate(prompt, asked),
    embed: async (texts: string | readonly (string | readonly number[])[]) =>
      [texts].flat(1).map((_, index) => Float32Array.of(0.5, index)),
    rerank: async (_query: string, documents: readonly string[]) => {
      if (documents.includes("")) throw new InputError("not-a-reranker", "This model is no reranker.");
      return documents.map((_, index) => ({ index, score: index })).reverse();
    },
    tokenize: async (text: string, { parseSpecial = false } = {}) =>
      parseSpecial && controls.includes(text) ? [1000 + controls.indexOf(text)] : encode(text),
    detokenize: async (ids: readonly number[]) => ids.map(id => controls[id - 1000] ?? words[id]).join(""),
    renderChat: async (messages: readonly ChatMessage[], asked = {}) => render(template, messages, asked),
  };
  return model;
}

const TIMINGS: GenerateResult["timings"] = {
  promptTokens: 20,
  cachedPromptTokens: 16,
  generatedTokens: 0,
  prefillMs: 1,
  decodeMs: 1,
  timeToFirstTokenMs: 1,
  prefillTokensPerSecond: 1,
  decodeTokensPerSecond: 1,
  dispatchesPerToken: 1,
  submitsPerToken: 1,
  longestPrefillSubmitMs: 1,
  longestDecodeSubmitMs: 1,
};
