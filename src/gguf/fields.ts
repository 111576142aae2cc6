/** Typed access to the key-value part of a GGUF header, with named errors. */
import { ModelFormatError } from "../errors.ts";
import { rangeOf } from "./ranges.ts";

/**
 * Metadata by key. 64-bit integers are numbers where that loses nothing, else bigints; arrays are arrays. It has no
 * prototype, so that a key such as `__proto__` is only a key.
 */
export type Metadata = Record<string, unknown>;

export function bad(what: string, details: Record<string, string | number>): ModelFormatError {
  return new ModelFormatError(
    "bad-gguf",
    `Not a sound GGUF file: it ${what}. The file is damaged or was not made by a known converter: get it again.`,
    { details },
  );
}

/**
 * A finite number inside its range (`ranges.ts`). `fallback`, which may be any number or null, where the key is absent;
 * without one, absence is an error (`bad-gguf`).
 */
export function getNumber<F extends number | null = number>(
  metadata: Metadata,
  key: string,
  fallback?: F,
): number | F {
  if (fallback !== undefined && !Object.hasOwn(metadata, key)) return fallback;
  return checkNumber(key, lookUp(metadata, key, fallback));
}

/** @throws ModelFormatError `bad-gguf` unless `value` is a number that `key` may have */
export function checkNumber(key: string, value: unknown): number {
  const range = rangeOf(key);
  if (typeof value === "number" && Number.isFinite(value)) {
    if (!range) return value;
    if (value >= range.least && value <= range.most && (!range.whole || Number.isInteger(value)))
      return value;
  }
  if (!range || (typeof value !== "number" && typeof value !== "bigint"))
    throw wrongType(key, "a finite number below 2^53", value);
  const wanted = `a ${range.whole ? "whole " : ""}number from ${range.least} to ${range.most}`;
  throw bad(`says that ${key} is ${value}, where ${wanted} is possible`, {
    key,
    value: String(value),
    wanted,
  });
}

/** A string. `fallback` where the key is absent; without one, absence is an error (`bad-gguf`). */
export function getString<F extends string | null = string>(
  metadata: Metadata,
  key: string,
  fallback?: F,
): string | F {
  const value = lookUp(metadata, key, fallback);
  if (typeof value === "string" || value === null) return value as string | F;
  throw wrongType(key, "a string", value);
}

/** True or false. `fallback` where the key is absent. */
export function getBoolean<F extends boolean | null>(
  metadata: Metadata,
  key: string,
  fallback: F,
): boolean | F {
  const value = lookUp(metadata, key, fallback);
  if (typeof value === "boolean" || value === null) return value as boolean | F;
  throw wrongType(key, "true or false", value);
}

interface Elements {
  string: string;
  number: number;
  boolean: boolean;
}

/**
 * An array whose elements are all of the JavaScript type `of`. `fallback` where the key is absent; without one,
 * absence is an error (`bad-gguf`).
 */
export function getArray<K extends keyof Elements, F extends Elements[K][] | null = Elements[K][]>(
  metadata: Metadata,
  key: string,
  of: K,
  fallback?: F,
): Elements[K][] | F {
  const value = lookUp(metadata, key, fallback);
  if (value === null) return value as F;
  if (!Array.isArray(value)) throw wrongType(key, `an array of ${of}s`, value);
  for (let i = 0; i < value.length; i++) {
    if (typeof value[i] !== of) throw wrongType(key, `an array of ${of}s`, value[i], ` at ${i}`);
  }
  return value;
}

function lookUp(metadata: Metadata, key: string, fallback: unknown): unknown {
  const value = (Object.hasOwn(metadata, key) ? metadata[key] : undefined) ?? fallback;
  if (value !== undefined) return value;
  throw new ModelFormatError(
    "bad-gguf",
    `The model file lacks the metadata "${key}", which is needed to run it. Convert the model again with a current ` +
      "llama.cpp, or take another file of it.",
    { details: { key } },
  );
}

function wrongType(key: string, wanted: string, value: unknown, where = ""): ModelFormatError {
  const got =
    typeof value === "object" ? "an array" : `the ${typeof value} ${String(value).slice(0, 40)}${where}`;
  return new ModelFormatError(
    "bad-gguf",
    `The metadata "${key}" should be ${wanted}, and the model file has ${got}.`,
    {
      details: { key, wanted, got },
    },
  );
}
