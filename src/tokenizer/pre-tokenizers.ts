/**
 * How text is cut into words before byte-level BPE, by the name in `tokenizer.ggml.pre`. A word is never merged with
 * its neighbour, so a wrong pattern gives wrong ids without any error: only names whose pattern is known are listed.
 *
 * `\p{White_Space}` stands where the originals have `\s`: JavaScript's `\s` has U+FEFF and lacks U+0085. Contractions
 * are spelt out where the originals have `(?i:...)`, which older browsers cannot parse.
 */
import { UnsupportedModelError } from "../errors.ts";

export interface PreTokenizer {
  /** Applied one after the other: each cuts the pieces of the one before into matches and what lies between. */
  patterns: readonly RegExp[];
  /** A word that is a token is taken whole, even where the merges would not lead there. */
  wholeWordsFirst: boolean;
  /** Where the file does not say whether the beginning-of-text token is added. */
  addBos: boolean;
}

const space = "\\p{White_Space}";
const endSpaces = `${space}+(?!\\P{White_Space})|${space}+`;
const contraction = "'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])";

const gpt2 = `'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^${space}\\p{L}\\p{N}]+|${endSpaces}`;
const digits = "\\p{N}";
const cl100k = (numbers: string): string =>
  `${contraction}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${numbers}| ?[^${space}\\p{L}\\p{N}]+[\\r\\n]*|${space}*[\\r\\n]+|${endSpaces}`;

const upper = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
const lower = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
const o200k = (ending: string, numbers: string): string =>
  `[^\\r\\n\\p{L}\\p{N}]?${upper}*${lower}+${ending}|[^\\r\\n\\p{L}\\p{N}]?${upper}+${lower}*${ending}|` +
  `${numbers}| ?[^${space}\\p{L}\\p{N}]+[\\r\\n/]*|${space}*[\\r\\n]+|${endSpaces}`;

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
    patterns: [cl100k("\\p{N}{1,3}")],
    wholeWordsFirst: true,
    addBos: true,
  },
  { names: "dbrx smaug-bpe glm4 chatglm-bpe", patterns: [cl100k("\\p{N}{1,3}")] },
  {
    names: "qwen2 deepseek-r1-qwen kormo f2llmv2 stablelm2 megrez hunyuan solar-open grok-2",
    patterns: [cl100k(digits)],
  },
  { names: "gpt-4o llama4 kanana2", patterns: [o200k(`(?:${contraction})?`, "\\p{N}{1,3}")] },
  { names: "tekken", patterns: [o200k("", digits)], wholeWordsFirst: true, addBos: true },
  {
    // What llama.cpp does for files that name no pre-tokenizer.
    names: "default",
    patterns: ["[\\p{P}$+<=>^~|]+", gpt2, "\\p{N}+", "[0-9][0-9][0-9]"],
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
    patterns: family.patterns.map(source => new RegExp(source, "gu")),
    wholeWordsFirst: family.wholeWordsFirst ?? false,
    addBos: family.addBos ?? false,
  };
}

/** Cuts `text` into words; joined, they are `text` again. */
export function splitWords(text: string, patterns: readonly RegExp[]): string[] {
  let pieces = [text];
  for (const pattern of patterns) {
    const finer: string[] = [];
    for (const piece of pieces) {
      let end = 0;
      for (const match of piece.matchAll(pattern)) {
        if (match.index > end) finer.push(piece.slice(end, match.index));
        finer.push(match[0]);
        end = match.index + match[0].length;
      }
      if (end < piece.length) finer.push(piece.slice(end));
    }
    pieces = finer;
  }
  return pieces;
}
