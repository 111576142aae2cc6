/**
 * How text is cut into words before byte-level BPE, by the name in `tokenizer.ggml.pre`. A word is never merged with
 * its neighbour, so a wrong pattern gives wrong ids without any error: only names whose pattern is known are listed.
 *
 * The names are llama.cpp's, and so is their meaning: where its pattern is simpler than the one in the model's own
 * tokenizer.json, a file of that name is cut the simpler way here too. It tells capital from small letters in ASCII
 * only (`gpt-4o`, `tekken`, ...), so that a mark, such as a vowel sign of Hindi, ends a word.
 */
import { UnsupportedModelError } from "../errors.ts";

/** Cuts a piece of text into smaller ones, which joined are the piece again. */
export type Cut = (text: string) => string[];

export interface PreTokenizer {
  /** Applied one after the other, each to the pieces of the one before. */
  cuts: readonly Cut[];
  /** A word that is a token is taken whole, even where the merges would not lead there. */
  wholeWordsFirst: boolean;
  /** Where the file does not say whether the beginning-of-text token is added. */
  addBos: boolean;
  /** The vocabulary spells text as it is, with `▁` for a space, not in GPT-2's alphabet of bytes. */
  raw: boolean;
  /** A run of newlines that is a token is taken whole. */
  wholeNewlines: boolean;
}

/** `\s` is Unicode's white space here; JavaScript's own lacks U+0085 and has U+FEFF. */
const whiteSpace = (source: string): string =>
  source
    .replaceAll(String.raw`\s`, String.raw`\p{White_Space}`)
    .replaceAll(String.raw`\S`, String.raw`\P{White_Space}`);

/** Cuts into the matches of a pattern and what lies between them. */
function byPattern(source: string): Cut {
  const pattern = new RegExp(whiteSpace(source), "gu");
  return text => {
    const pieces: string[] = [];
    let from = 0;
    for (const match of text.matchAll(pattern)) {
      if (match.index > from) pieces.push(text.slice(from, match.index));
      if (match[0] !== "") pieces.push(match[0]);
      from = match.index + match[0].length;
    }
    if (from < text.length) pieces.push(text.slice(from));
    return pieces;
  };
}

/**
 * Cuts each run of `digit` into threes, counted from its end; what stands before a run stays with its first digits, as
 * in llama.cpp. Not a pattern: its look-ahead would take O(n²).
 */
function threesFromTheEnd(digit: string): Cut {
  const runs = new RegExp(`(?:${digit})+`, "gu");
  return text => {
    const pieces: string[] = [];
    let from = 0;
    for (const { 0: run, index } of text.matchAll(runs)) {
      const digits = [...run];
      let end = index;
      for (let i = 0; i < digits.length; i++) {
        end += digits[i]!.length;
        if ((digits.length - i) % 3 !== 1) continue;
        pieces.push(text.slice(from, end));
        from = end;
      }
    }
    if (from < text.length) pieces.push(text.slice(from));
    return pieces;
  };
}

const spaces = String.raw`\s+(?!\S)|\s+`;
const contraction = "'(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])";
const gpt2 = String.raw`'(?:[stmd]|re|ve|ll)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|${spaces}`;

const symbols = String.raw` ?[^\s\p{L}\p{N}]+[\r\n]*`;
const lines = String.raw`\s*[\r\n]+`;
/** GPT-4's pattern, with the number of digits that a word may have. */
const cl100k = (numbers: string): string =>
  String.raw`${contraction}|[^\r\n\p{L}\p{N}]?\p{L}+|${numbers}|${symbols}|${lines}|${spaces}`;

/** GPT-4o's pattern: a word is capitals, then small letters, of `letters` that are both where they are not ASCII. */
const o200k = (letters: string, ending: string, numbers: string): string => {
  const [capital, small] = [`(?![a-z])[${letters}]`, `(?![A-Z])[${letters}]`].map(one => `(?:${one})`);
  const lead = String.raw`[^\r\n\p{L}\p{N}]?`;
  return (
    `${lead}${capital}*${small}+${ending}|${lead}${capital}+${small}*${ending}|${numbers}|` +
    String.raw` ?[^\s\p{L}\p{N}]+[\r\n/]*|${lines}|${spaces}`
  );
};
/** The same in llama.cpp's wording of four categories, in which every letter is both. */
const o200kAnyCase = (numbers: string): string =>
  String.raw`[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+(?:${contraction})?|${numbers}| ?[^\s\p{L}\p{N}]+[\r\n/]*|${lines}|${spaces}`;

const upTo3Digits = String.raw`\p{N}{1,3}`;
const digit = String.raw`\p{N}`;
const cjk = String.raw`[\u4E00-\u9FA5\u3040-\u309F\u30A0-\u30FF]+`;
const asciiMark = String.raw`[!"#$%&'()*+,\-.\/:;<=>?@\[\\\]^_\x60\{\|\}~][A-Za-z]+`;
const deepseek3 = (marks: string, breaks: string): string =>
  String.raw`${asciiMark}|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+${marks}|${breaks}|${spaces}`;

/** DeepSeek's list of letters that have a case, as its first tokenizer has it. */
const casedLetters = String.raw`A-Za-z\u00B5\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u01BA\u01BC-\u01BF\u01C4-\u0293\u0295-\u02AF\u0370-\u0373\u0376\u0377\u037B-\u037D\u037F\u0386\u0388-\u038A\u038C\u038E-\u03A1\u03A3-\u03F5\u03F7-\u0481\u048A-\u052F\u0531-\u0556\u10A0-\u10C5\u13A0-\u13F5\u13F8-\u13FD\u1C90-\u1CBA\u1CBD-\u1CBF\u1D00-\u1D2B\u1D6B-\u1D77\u1D79-\u1D9A\u1E00-\u1F15\u1F18-\u1F1D\u1F20-\u1F45\u1F48-\u1F4D\u1F50-\u1F57\u1F59\u1F5B\u1F5D\u1F5F-\u1F7D\u1F80-\u1FB4\u1FB6-\u1FBC\u1FBE\u1FC2-\u1FC4\u1FC6-\u1FCC\u1FD0-\u1FD3\u1FD6-\u1FDB\u1FE0-\u1FEC\u1FF2-\u1FF4\u1FF6-\u1FFC\u2102\u2107\u210A-\u2113\u2115\u2119-\u211D\u2124\u2126\u2128\u212A-\u212D\u212F-\u2134\u2139\u213C-\u213F\u2145-\u2149\u214E\u2183\u2184\u2C00-\u2C7B\u2C7E-\u2CE4\u2CEB-\u2CEE\u2CF2\u2CF3\uA640-\uA66D\uA680-\uA69B\uA722-\uA76F\uA771-\uA787\uA78B-\uA78E\uAB70-\uABBF\uFB00-\uFB06\uFB13-\uFB17\uFF21-\uFF3A\uFF41-\uFF5A\u{10400}-\u{1044F}\u{104B0}-\u{104D3}\u{104D8}-\u{104FB}\u{10C80}-\u{10CB2}\u{10CC0}-\u{10CF2}\u{118A0}-\u{118DF}\u{1E900}-\u{1E943}`;
/** Its Chinese and Korean, a range that spans white space, which counts as such. */
const deepseekCjk = String.raw`(?:(?!\s)[\u4E00-\u9FA5\u0800-\u4E00\uAC00-\uD7FF])+`;

const han = String.raw`[\u4E00-\u9FFF\u3400-\u4DBF\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2CEAF}\u{2CEB0}-\u{2EBEF}\uF900-\uFAFF\u{2F800}-\u{2FA1F}]`;

interface Family {
  names: string;
  /** Patterns, or cuts that are none. */
  cuts: readonly (string | Cut)[];
  wholeWordsFirst?: boolean;
  addBos?: boolean;
  raw?: boolean;
  wholeNewlines?: boolean;
}

const wholeLines = String.raw`[^\n]+|\n+`;

const families: readonly Family[] = [
  {
    names:
      "gpt-2 phi-2 jina-es jina-de gigachat jina-v2-es jina-v2-de a.x-4.0 mellum modern-bert jina-v1-en jina-v2-code " +
      "roberta-bpe exaone4 mpt olmo jais trillion granite-docling",
    cuts: [gpt2],
  },
  { names: "starcoder refact command-r smollm codeshell exaone minerva-7b mellum2", cuts: [digit, gpt2] },
  {
    names: "llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano",
    cuts: [cl100k(upTo3Digits)],
    wholeWordsFirst: true,
    addBos: true,
  },
  { names: "dbrx smaug-bpe chatglm-bpe", cuts: [cl100k(upTo3Digits)] },
  { names: "glm4 glm5", cuts: [cl100k(upTo3Digits)], wholeWordsFirst: true },
  {
    names: "qwen2 deepseek-r1-qwen kormo f2llmv2 stablelm2 megrez hunyuan solar-open grok-2",
    cuts: [cl100k(digit)],
  },
  {
    names: "qwen35",
    cuts: [
      String.raw`${contraction}|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|${lines}|${spaces}`,
    ],
  },
  {
    names: "ufakzeka",
    cuts: [String.raw`[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|${symbols}|${lines}|${spaces}`],
  },
  { names: "minicpm5", cuts: [upTo3Digits, cl100k(String.raw`\p{N}+`)], wholeWordsFirst: true },
  { names: "laguna", cuts: [wholeLines, cl100k(digit)] },
  {
    names: "jais-2",
    cuts: [
      String.raw`${contraction}|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|${symbols}|${lines}|` +
        [512, 256, 128, 64, 32, 16, 8, 4].map(n => String.raw`\s{${n}}(?!\S)|`).join("") +
        String.raw`\s{1,2}(?!\S)|\s`,
    ],
  },
  {
    names: "bailingmoe bailingmoe2 llada-moe",
    cuts: [String.raw`${contraction}|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|${symbols}|\s*[\r\n]|${spaces}`],
  },
  {
    names: "seed-coder",
    cuts: [String.raw`${contraction}|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|${lines}|${spaces}`],
  },
  {
    names: "exaone-moe",
    cuts: [
      String.raw`${contraction}|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}|` +
        String.raw` ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|${spaces}`,
    ],
  },
  {
    names: "gpt-4o llama4 kanana2 talkie minimax-m2",
    cuts: [o200k(String.raw`\p{L}`, `(?:${contraction})?`, upTo3Digits)],
  },
  {
    names: "granite-embed-multi-97m",
    cuts: [o200k(String.raw`\p{L}\p{M}`, `(?:${contraction})?`, upTo3Digits)],
    wholeWordsFirst: true,
  },
  { names: "tekken", cuts: [o200k(String.raw`\p{L}`, "", digit)], wholeWordsFirst: true, addBos: true },
  { names: "tiny_aya cohere2moe", cuts: [threesFromTheEnd(digit), o200kAnyCase(upTo3Digits)] },
  {
    names: "youtu",
    cuts: [
      String.raw`[\uAC00-\uD7A3\u3131-\u318E]+|(?:(?!\s)[\uFF01\u2026\u201C\u201D\u2018\u2019\u2014\uFF1A\uFF1B\uFF0C\u3001-\u303F\uFE30-\uFE4F])+|[\u3105-\u312F]+|${cjk}`,
      o200kAnyCase(digit),
    ],
    wholeWordsFirst: true,
  },
  {
    names: "deepseek-llm",
    cuts: [
      String.raw`[\r\n]`,
      String.raw`\s?[${casedLetters}]+`,
      String.raw`\s?[!-\/:-~\uFF01-\uFF0F\uFF1A-\uFF5E\u2018-\u201F\u3001-\u3002]+`,
      String.raw`\s+$`,
      deepseekCjk,
      String.raw`\p{N}+`,
    ],
  },
  {
    names: "deepseek-coder",
    cuts: [String.raw`[\r\n]`, String.raw`\s?\p{L}+`, String.raw`\s?\p{P}+`, deepseekCjk, digit],
  },
  {
    names: "deepseek-v3 hunyuan-dense joyai-llm hy_v4",
    cuts: [upTo3Digits, cjk, deepseek3(String.raw`[\r\n]*`, lines)],
  },
  { names: "spark2_5", cuts: [upTo3Digits, cjk, deepseek3("", String.raw`[\r\n]`), digit] },
  {
    names: "afmoe",
    cuts: [
      threesFromTheEnd(digit),
      // from U+8C48 on, which is how llama.cpp's source spells the first compatibility ideograph
      String.raw`(?:(?!\s)[\u4E00-\u9FFF\u3400-\u4DBF\u8C48-\uFAFF\u3040-\u309F\u30A0-\u30FF\uFF65-\uFF9F\u2F00-\u2FDF\u0E40-\u0E7F\u0E80-\u0EFF\u1780-\u17FF\u1000-\u109F\uAA60-\uAA7F\uA9E0-\uA9FF\uAC00-\uD7AF\u1100-\u11FF])+`,
      deepseek3(String.raw`[\r\n]*`, lines),
    ],
  },
  {
    names: "kimi-k2",
    cuts: [
      String.raw`${han}+|[^\r\n\p{L}\p{N}]?(?:(?!${han})\p{L})+(?:${contraction})?|\p{N}{1,3}|${symbols}|${lines}|${spaces}`,
    ],
  },
  {
    names: "falcon",
    cuts: [String.raw`[\p{P}$+<=>^~\|\x60]+`, gpt2, "[0-9][0-9][0-9]"],
  },
  {
    names: "chameleon",
    cuts: [
      "<sentinel:[0-9]+>",
      "IMGIMG[A-I]{1,4}Z",
      "[\\t\\n]|    |  ",
      digit,
      String.raw`[\p{P}!-\/:-@\[-\x60\{-~]`,
      gpt2,
    ],
    addBos: true,
  },
  {
    names: "poro-chat bloom gpt3-finnish",
    cuts: [String.raw` ?[^\(\s\|.,!?\u2026\u3002\uFF0C\u3001\u0964\u06D4\u060C\)]+`],
  },
  {
    names: "viking",
    cuts: [String.raw` ?[^\(\s\|.,!?\u2026\u3002\uFF0C\u3001\u0964\u06D4\u060C\)]+`, digit],
  },
  { names: "superbpe", cuts: [String.raw`\p{N}+`, threesFromTheEnd("[0-9]")] },
  {
    names: "gemma4 granite-embed-multi-311m",
    cuts: [wholeLines],
    raw: true,
    wholeNewlines: true,
    addBos: true,
  },
  { names: "sarvam-moe", cuts: [wholeLines], raw: true },
  {
    // What llama.cpp does for files that name no pre-tokenizer.
    names: "default",
    cuts: [String.raw`[\p{P}$+<=>^~\|]+`, gpt2, String.raw`\p{N}+`, "[0-9][0-9][0-9]"],
  },
];

const familyOf = new Map(families.flatMap(family => family.names.split(" ").map(name => [name, family])));

/** The pre-tokenizer of that name, else `UnsupportedModelError` `tokenizer` that lists the known ones. */
export function preTokenizer(name: string): PreTokenizer {
  const family = familyOf.get(name);
  if (!family) {
    const supported = [...familyOf.keys()];
    throw new UnsupportedModelError(
      "tokenizer",
      `The file's pre-tokenizer "${name}" (tokenizer.ggml.pre) is not supported. Supported: ${supported.join(" ")}. ` +
        "Use a model with one of these, or report this name.",
      { details: { pre: name, supported } },
    );
  }
  const { cuts, wholeWordsFirst = false, addBos = false, raw = false, wholeNewlines = false } = family;
  return {
    cuts: cuts.map(cut => (typeof cut === "string" ? byPattern(cut) : cut)),
    wholeWordsFirst,
    addBos,
    raw,
    wholeNewlines,
  };
}
