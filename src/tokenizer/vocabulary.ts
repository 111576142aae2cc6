/**
 * Reads the `tokenizer.ggml.*` fields of a GGUF file into one checked record. Everything after this file may trust
 * the lengths and the ranges.
 */
import { ModelFormatError } from "../errors.ts";
import { endOfTurnNames } from "./end-of-turn.ts";

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
  scores: ArrayLike<number> | null;
  merges: readonly string[] | null;
  idOf: ReadonlyMap<string, number>;
  bosId: number | null;
  eosId: number | null;
  eotId: number | null;
  eomId: number | null;
  unknownId: number | null;
  paddingId: number | null;
  /** `null` = the file is silent, the kind of tokenizer decides. */
  addBos: boolean | null;
  addEos: boolean | null;
  addSpacePrefix: boolean | null;
  /** White space after these tokens is dropped when special tokens are parsed; see `stripsAfter`. */
  stripAfter: ReadonlySet<number>;
}

type Metadata = Readonly<Record<string, unknown>>;

/** Reads and checks the fields. Throws `ModelFormatError` `bad-gguf` naming the field that is wrong. */
export function readVocabulary(metadata: Metadata): Vocabulary {
  const model = stringField(metadata, "tokenizer.ggml.model");
  if (model === null) throw badField("tokenizer.ggml.model", "is missing, so the file has no tokenizer");
  const tokens = stringsField(metadata, "tokenizer.ggml.tokens");
  if (tokens === null || tokens.length === 0) throw badField("tokenizer.ggml.tokens", "is missing or empty");
  const idOf = new Map<string, number>();
  for (let id = 0; id < tokens.length; id++) idOf.set(tokens[id]!, id);
  const types = readTypes(metadata, tokens, idOf);
  const idField = (name: string): number | null => {
    const id = numberField(metadata, `tokenizer.ggml.${name}_token_id`);
    if (id === null) return null;
    if (Number.isInteger(id) && id >= 0 && id < tokens.length) return id;
    throw badField(
      `tokenizer.ggml.${name}_token_id`,
      `is ${id}, outside the vocabulary of ${tokens.length} tokens`,
    );
  };
  return {
    model,
    pre: stringField(metadata, "tokenizer.ggml.pre") || "default",
    tokens,
    types,
    scores: numbersField(metadata, "tokenizer.ggml.scores", tokens.length),
    merges: stringsField(metadata, "tokenizer.ggml.merges"),
    idOf,
    bosId: idField("bos"),
    eosId: idField("eos"),
    eotId: idField("eot"),
    eomId: idField("eom"),
    unknownId: idField("unknown"),
    paddingId: idField("padding"),
    addBos: booleanField(metadata, "tokenizer.ggml.add_bos_token"),
    addEos: booleanField(metadata, "tokenizer.ggml.add_eos_token"),
    addSpacePrefix: booleanField(metadata, "tokenizer.ggml.add_space_prefix"),
    stripAfter: stripsAfter(metadata, tokens, types),
  };
}

function readTypes(
  metadata: Metadata,
  tokens: readonly string[],
  idOf: ReadonlyMap<string, number>,
): Uint8Array {
  const given = numbersField(metadata, "tokenizer.ggml.token_type", tokens.length);
  const types = new Uint8Array(tokens.length).fill(TokenType.normal);
  if (given) for (let id = 0; id < types.length; id++) types[id] = given[id]!;
  // Converters often typed these as normal or user-defined. Left so, user text could end a turn.
  for (const name of endOfTurnNames) {
    const id = idOf.get(name);
    if (id !== undefined) types[id] = TokenType.control;
  }
  return types;
}

/**
 * Phi-3's own tokenizer drops white space after its special tokens. GGUF has no field for that, so it goes by the
 * model's name, as in llama.cpp.
 */
function stripsAfter(metadata: Metadata, tokens: readonly string[], types: Uint8Array): ReadonlySet<number> {
  const ids = new Set<number>();
  if (!/phi-?3/i.test(stringField(metadata, "general.name") ?? "")) return ids;
  for (let id = 0; id < tokens.length; id++) {
    const special =
      types[id] === TokenType.control ||
      types[id] === TokenType.userDefined ||
      types[id] === TokenType.unknown;
    if (special && !["<unk>", "<s>", "<|endoftext|>"].includes(tokens[id]!)) ids.add(id);
  }
  return ids;
}

function stringField(metadata: Metadata, key: string): string | null {
  const value = metadata[key] ?? null;
  if (value === null || typeof value === "string") return value;
  throw badField(key, `is a ${typeof value}, not a string`);
}

function booleanField(metadata: Metadata, key: string): boolean | null {
  const value = metadata[key] ?? null;
  if (value === null || typeof value === "boolean") return value;
  throw badField(key, `is a ${typeof value}, not a boolean`);
}

function numberField(metadata: Metadata, key: string): number | null {
  const value = metadata[key] ?? null;
  if (value === null || typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  throw badField(key, `is a ${typeof value}, not a number`);
}

function stringsField(metadata: Metadata, key: string): readonly string[] | null {
  const value = metadata[key] ?? null;
  if (value === null) return null;
  if (!Array.isArray(value)) throw badField(key, "is not a list");
  const odd = value.findIndex(item => typeof item !== "string");
  if (odd >= 0) throw badField(key, `has a ${typeof value[odd]} at ${odd}, not a string`);
  return value;
}

function numbersField(metadata: Metadata, key: string, length: number): ArrayLike<number> | null {
  const value = metadata[key] ?? null;
  if (value === null) return null;
  if (!Array.isArray(value) && !ArrayBuffer.isView(value)) throw badField(key, "is not a list");
  const list = value as ArrayLike<unknown>;
  if (list.length !== length) throw badField(key, `has ${list.length} entries for ${length} tokens`);
  for (let i = 0; i < length; i++) {
    if (typeof list[i] !== "number") throw badField(key, `has a ${typeof list[i]} at ${i}, not a number`);
  }
  return list as ArrayLike<number>;
}

export function badField(key: string, problem: string): ModelFormatError {
  return new ModelFormatError("bad-gguf", `${key} ${problem}. Get the file again or convert it again.`, {
    details: { key },
  });
}
