/**
 * How text is cut into words before byte-level BPE, by the name in `tokenizer.ggml.pre`. A word is never merged with
 * its neighbour, so a wrong pattern gives wrong ids without any error: only names whose pattern is known are listed.
 *
 * The patterns are written as in the models' own tokenizer.json; @huggingface/tokenizers translates them for
 * JavaScript (`\s` is Unicode's white space, `(?i:` works in every browser).
 */
import { UnsupportedModelError } from "../errors.ts";

export interface PreTokenizer {
  /** Applied one after the other: each cuts the pieces of the one before into matches and what lies between. */
  patterns: readonly string[];
  /** A word that is a token is taken whole, even where the merges would not lead there. */
  wholeWordsFirst: boolean;
  /** Where the file does not say whether the beginning-of-text token is added. */
  addBos: boolean;
}

const spaces = String.raw`\s+(?!\S)|\s+`;
const contraction = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";

const gpt2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|${spaces}`;
const digits = String.raw`\p{N}`;
const upTo3Digits = String.raw`\p{N}{1,3}`;
const cl100k = (numbers: string): string =>
  String.raw`${contraction}|[^\r\n\p{L}\p{N}]?\p{L}+|${numbers}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|${spaces}`;

const upper = String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`;
const lower = String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`;
const o200k = (ending: string, numbers: string): string =>
  String.raw`[^\r\n\p{L}\p{N}]?${upper}*${lower}+${ending}|[^\r\n\p{L}\p{N}]?${upper}+${lower}*${ending}|` +
  String.raw`${numbers}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|${spaces}`;

interface Family {
  names: string;
  patterns: readonly string[];
  wholeWordsFirst?: boolean;
  addBos?: boolean;
}

const families: readonly Family[] = [
  {
    names: "gpt-2 phi-2 mpt olmo jais trillion granite-docling gigachat a.x-4.0 mellum exaone4",
    patterns: [gpt2],
  },
  {
    names: "smollm starcoder refact command-r codeshell exaone minerva-7b mellum2",
    patterns: [digits, gpt2],
  },
  {
    names: "llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2",
    patterns: [cl100k(upTo3Digits)],
    wholeWordsFirst: true,
    addBos: true,
  },
  { names: "dbrx smaug-bpe glm4 chatglm-bpe", patterns: [cl100k(upTo3Digits)] },
  {
    names: "qwen2 deepseek-r1-qwen kormo f2llmv2 stablelm2 megrez hunyuan solar-open grok-2",
    patterns: [cl100k(digits)],
  },
  { names: "gpt-4o llama4 kanana2", patterns: [o200k(`${contraction}?`, upTo3Digits)] },
  { names: "tekken", patterns: [o200k("", digits)], wholeWordsFirst: true, addBos: true },
  {
    // What llama.cpp does for files that name no pre-tokenizer.
    names: "default",
    patterns: [String.raw`[\p{P}$+<=>^~|]+`, gpt2, String.raw`\p{N}+`, "[0-9][0-9][0-9]"],
  },
];

/** The pre-tokenizer of that name, else `UnsupportedModelError` `tokenizer` that lists the known ones. */
export function preTokenizer(name: string): PreTokenizer {
  const family = families.find(({ names }) => names.split(" ").includes(name));
  if (!family) {
    const known = families.map(({ names }) => names).join(" ");
    throw new UnsupportedModelError(
      "tokenizer",
      `The file's pre-tokenizer "${name}" (tokenizer.ggml.pre) is not supported. Supported: ${known}. ` +
        "Use a model with one of these, or report this name.",
      { details: { pre: name, supported: known.split(" ") } },
    );
  }
  return {
    patterns: family.patterns,
    wholeWordsFirst: family.wholeWordsFirst ?? false,
    addBos: family.addBos ?? false,
  };
}
