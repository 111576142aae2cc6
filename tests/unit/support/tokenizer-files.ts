/** Vocabularies for the tokenizer tests: real files, and small ones built in code. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseGguf } from "../../../src/gguf/gguf.ts";

const root = resolve(import.meta.dirname, "../../..");

/** Same tokenizer and chat template as SmolLM2, and always there. */
export const builtinModel = join(root, "public/models/intab-tiny-q4_0.gguf");

/** The golden data that is too large, or not ours, to be in the repository. */
export const sharedGolden = process.env.INTAB_GOLDEN ?? resolve(root, "../shared/golden");
export const noSharedGolden = !existsSync(join(sharedGolden, "vocab"));
/** Goes into the name of each test that is skipped for want of it. */
export const why = noSharedGolden
  ? ` (SKIPPED: no ${sharedGolden}; set INTAB_GOLDEN to the golden data)`
  : "";

export const readJson = (path: string) => JSON.parse(readFileSync(path, "utf8"));
export const ownGolden = (name: string) => readJson(join(root, "tests/golden/smollm2", name));

/** The metadata of a GGUF file, as the loader reads it. */
export async function readMetadata(path: string): Promise<Record<string, unknown>> {
  const bytes = new Uint8Array(readFileSync(path));
  const file = await parseGguf(
    async (offset, length) => bytes.subarray(offset, offset + length),
    bytes.length,
  );
  return file.metadata;
}

/** Repeatable numbers from 0 up to, not including, `below`. */
export function createRandom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return below => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

export const types = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 };

/** `[text, type, score]`; type normal and score 0 where left out. */
export type TokenSpec = readonly [text: string, type?: number, score?: number];

/** Metadata of a SentencePiece vocabulary: `<unk> <s> </s>`, the 256 bytes, then `tokens`, from id 259. */
export function sentencePiece(tokens: readonly TokenSpec[], more: Record<string, unknown> = {}) {
  const bytes = Array.from(
    { length: 256 },
    (_, byte): TokenSpec => [`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`, types.byte],
  );
  const first: TokenSpec[] = [
    ["<unk>", types.unknown],
    ["<s>", types.control],
    ["</s>", types.control],
  ];
  return vocabulary("llama", [...first, ...bytes, ...tokens], more);
}

/** Metadata of a byte-level vocabulary whose merges all lead to tokens. */
export function byteLevel(
  tokens: readonly TokenSpec[],
  merges: readonly string[],
  more: Record<string, unknown> = {},
) {
  return vocabulary("gpt2", tokens, {
    "tokenizer.ggml.pre": "gpt-2",
    "tokenizer.ggml.merges": merges,
    ...more,
  });
}

function vocabulary(model: string, tokens: readonly TokenSpec[], more: Record<string, unknown>) {
  return {
    "tokenizer.ggml.model": model,
    "tokenizer.ggml.tokens": tokens.map(([text]) => text),
    "tokenizer.ggml.token_type": tokens.map(([, type]) => type ?? types.normal),
    "tokenizer.ggml.scores": tokens.map(([, , score]) => score ?? 0),
    ...more,
  } as Record<string, unknown>;
}
