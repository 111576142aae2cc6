/**
 * Reads the `tokenizer.ggml.*` fields of a GGUF file into one checked record. Everything after this file may trust
 * the lengths and the ranges.
 */
import { ModelFormatError } from "../errors.ts";
import { getArray, getBoolean, getNumber, getString, type Metadata } from "../gguf/fields.ts";
import { endOfTurnNames, hasMessageEnds, hasPlainEnd } from "./end-of-turn.ts";

/** `tokenizer.ggml.token_type`, as llama.cpp numbers it. */
export const TokenType = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

export interface Vocabulary {
  /** `tokenizer.ggml.model`: `gpt2`, `llama`, ... */
  model: string;
  /** `tokenizer.ggml.pre`, `default` where the file has none. */
  pre: string;
  tokens: readonly string[];
  /** One `TokenType` per token. Tokens that are known to end a turn count as control whatever the file says. */
  types: Uint8Array;
  /** All 0 where the file has none. */
  scores: ArrayLike<number>;
  merges: readonly string[] | null;
  idOf: ReadonlyMap<string, number>;
  bosId: number | null;
  eosId: number | null;
  eotId: number | null;
  eomId: number | null;
  unknownId: number | null;
  paddingId: number | null;
  separatorId: number | null;
  /** `null` = the file is silent, the kind of tokenizer decides. */
  addBos: boolean | null;
  addEos: boolean | null;
  addSpacePrefix: boolean | null;
  /** Runs of spaces count as one (unigram). */
  removeExtraWhitespaces: boolean;
  /** What WordPiece does to text first. */
  lowercase: boolean;
  stripAccents: boolean;
  /** SentencePiece's normaliser; see `charsmap.ts`. */
  charsmap: Uint8Array | null;
  /** White space before and after these tokens is dropped; see `stripping`. */
  stripBefore: ReadonlySet<number>;
  stripAfter: ReadonlySet<number>;
  /** What was wrong and is ignored, in sentences for the developer. */
  warnings: readonly string[];
}

/** Longest token, in UTF-16 units: the longest known have about 1,000. */
const MAX_TOKEN = 65_536;
/** Longest token that is looked for in text place by place, in UTF-16 units: runs of spaces reach 128. Bounds the time. */
export const MAX_SOUGHT = 256;

/**
 * Reads and checks the fields. Throws `ModelFormatError` `bad-gguf` naming the field that is wrong; what llama.cpp reads all the
 * same (an id outside of the vocabulary, no scores) is read as there.
 */
export function readVocabulary(metadata: Metadata): Vocabulary {
  const model = getString(metadata, "tokenizer.ggml.model", null);
  if (model === null) throw badField("tokenizer.ggml.model", "is missing, so the file has no tokenizer");
  const tokens = getArray(metadata, "tokenizer.ggml.tokens", "string", null);
  if (tokens === null || tokens.length === 0) throw badField("tokenizer.ggml.tokens", "is missing or empty");
  const idOf = new Map<string, number>();
  for (let id = 0; id < tokens.length; id++) {
    const { length } = tokens[id]!;
    if (length > MAX_TOKEN)
      throw badField(
        "tokenizer.ggml.tokens",
        `has a token of ${length} characters (${id}); at most ${MAX_TOKEN} are read`,
      );
    idOf.set(tokens[id]!, id);
  }
  const types = readTypes(metadata, tokens, idOf);
  const warnings: string[] = [];
  const idField = (name: string): number | null => {
    const key = `tokenizer.ggml.${name}_token_id`;
    const given = metadata[key];
    const id = typeof given === "bigint" ? Number(given) : getNumber(metadata, key, -1);
    if (id === -1 || id === 0xffff_ffff) return null; // some converters write -1 for "none"
    if (Number.isInteger(id) && id >= 0 && id < tokens.length) return id;
    warnings.push(
      `The file's ${key} is ${id}, outside its vocabulary of ${tokens.length} tokens, and is ignored.`,
    );
    return null;
  };
  const ids = {
    bosId: idField("bos"),
    eosId: idField("eos"),
    eotId: idField("eot"),
    eomId: idField("eom"),
    unknownId: idField("unknown"),
    paddingId: idField("padding"),
    separatorId: idField("seperator") ?? idField("separator"), // the format's spelling, and the right one
  };
  for (const [name, id] of Object.entries(defaultIds[model] ?? {})) {
    if (id < tokens.length) ids[name as keyof typeof ids] ??= id;
  }
  const lowercase = getBoolean(metadata, "tokenizer.ggml.normalizer.lowercase", true);
  return {
    model,
    pre: getString(metadata, "tokenizer.ggml.pre", null) || "default",
    tokens,
    types,
    scores: numbersOf(metadata, "tokenizer.ggml.scores", tokens.length) ?? new Float32Array(tokens.length),
    merges: getArray(metadata, "tokenizer.ggml.merges", "string", null),
    idOf,
    ...ids,
    addBos: getBoolean(metadata, "tokenizer.ggml.add_bos_token", null),
    addEos: getBoolean(metadata, "tokenizer.ggml.add_eos_token", null),
    addSpacePrefix: getBoolean(metadata, "tokenizer.ggml.add_space_prefix", null),
    removeExtraWhitespaces: getBoolean(metadata, "tokenizer.ggml.remove_extra_whitespaces", false),
    lowercase,
    stripAccents: getBoolean(metadata, "tokenizer.ggml.normalizer.strip_accents", lowercase),
    charsmap: model === "t5" ? charsmapOf(metadata) : null,
    ...stripping(metadata, tokens, types, idOf),
    warnings,
  };
}

/** The ids that each kind's first models had, which files may leave out. */
const defaultIds: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  llama: { bosId: 1, eosId: 2, unknownId: 0 },
  bert: { bosId: 101, separatorId: 102, unknownId: 100, paddingId: 0 },
  t5: { eosId: 1, unknownId: 2, paddingId: 0 },
};

/**
 * Marks of fill-in-the-middle, by the field that may name them by id. Without that field they are known by their text,
 * and as control tokens: converters often typed them otherwise.
 */
const fillInNames: Readonly<Record<string, readonly string[]>> = {
  fim_pre: [
    "<|fim_prefix|>",
    "<fim-prefix>",
    "<fim_prefix>",
    "<｜fim▁begin｜>",
    "<PRE>",
    "▁<PRE>",
    "<|code_prefix|>",
    "<|prefix|>",
  ],
  fim_suf: [
    "<|fim_suffix|>",
    "<fim-suffix>",
    "<fim_suffix>",
    "<｜fim▁hole｜>",
    "<SUF>",
    "▁<SUF>",
    "<|code_suffix|>",
    "<|suffix|>",
  ],
  fim_mid: [
    "<|fim_middle|>",
    "<fim-middle>",
    "<fim_middle>",
    "<｜fim▁end｜>",
    "<MID>",
    "▁<MID>",
    "<|code_middle|>",
    "<|middle|>",
  ],
  fim_pad: ["<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"],
  fim_rep: ["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"],
  fim_sep: ["<|file_sep|>"],
};

/** Marks of the harmony format: they structure a turn, so they are found in any text and show in what is generated. */
const harmonyNames = ["<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"];

function readTypes(
  metadata: Metadata,
  tokens: readonly string[],
  idOf: ReadonlyMap<string, number>,
): Uint8Array {
  const given = numbersOf(metadata, "tokenizer.ggml.token_type", tokens.length);
  const types = new Uint8Array(tokens.length).fill(TokenType.normal);
  if (given) for (let id = 0; id < types.length; id++) types[id] = given[id]!;
  const setType = (name: string, type: number): void => {
    const id = idOf.get(name);
    if (id !== undefined) types[id] = type;
  };
  // Converters often typed these as normal or user-defined. Left so, user text could end a turn.
  for (const name of endOfTurnNames) setType(name, TokenType.control);
  for (const [field, names] of Object.entries(fillInNames)) {
    if (metadata[`tokenizer.ggml.${field}_token_id`] !== undefined) continue;
    for (const name of names) setType(name, TokenType.control);
  }
  for (const name of harmonyNames) setType(name, TokenType.userDefined);
  if (hasMessageEnds(idOf)) setType("<|end|>", TokenType.userDefined);
  if (hasPlainEnd(idOf)) setType("</s>", TokenType.normal);
  return types;
}

/**
 * Some tokenizers drop white space beside their special tokens. GGUF has no field for that, so it goes by the names of
 * model, architecture and pre-tokenizer, as in llama.cpp.
 */
function stripping(
  metadata: Metadata,
  tokens: readonly string[],
  types: Uint8Array,
  idOf: ReadonlyMap<string, number>,
): Pick<Vocabulary, "stripBefore" | "stripAfter"> {
  const name = getString(metadata, "general.name", null) ?? "";
  const before = (token: string) => {
    const id = idOf.get(token);
    return { stripBefore: new Set(id === undefined ? [] : [id]), stripAfter: new Set<number>() };
  };
  const maskPre = /jina-v2-(?:de|es|code)/.test(getString(metadata, "tokenizer.ggml.pre", null) ?? "");
  const maskArchitecture = /nomic-bert-moe|jina-bert-v3/.test(
    getString(metadata, "general.architecture", null) ?? "",
  );
  if (maskPre || maskArchitecture) return before("<mask>");
  const stripAfter = new Set<number>();
  if (/phi-?3/i.test(name)) {
    for (let id = 0; id < tokens.length; id++) {
      const special =
        types[id] === TokenType.control ||
        types[id] === TokenType.userDefined ||
        types[id] === TokenType.unknown;
      if (special && !["<unk>", "<s>", "<|endoftext|>"].includes(tokens[id]!)) stripAfter.add(id);
    }
    return { stripBefore: new Set(), stripAfter };
  }
  return /modern-bert/i.test(name) ? before("[MASK]") : { stripBefore: new Set(), stripAfter };
}

function charsmapOf(metadata: Metadata): Uint8Array | null {
  const bytes = getArray(metadata, "tokenizer.ggml.precompiled_charsmap", "number", null);
  return bytes && Uint8Array.from(bytes);
}

/** The first `length` numbers of a list: one for each token. */
function numbersOf(metadata: Metadata, key: string, length: number): number[] | null {
  const list = getArray(metadata, key, "number", null);
  if (list && list.length < length) throw badField(key, `has ${list.length} entries for ${length} tokens`);
  return list;
}

export function badField(key: string, problem: string): ModelFormatError {
  return new ModelFormatError("bad-gguf", `${key} ${problem}. Get the file again or convert it again.`, {
    details: { key },
  });
}
