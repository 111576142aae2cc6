/** The key-value part of a GGUF header: values as plain JavaScript, and typed access to them with named errors. */
import { ModelFormatError } from "../errors.ts";
import type { HeaderReader } from "./header-reader.ts";
import {
  MAX_ARRAY_DEPTH,
  MAX_ARRAY_ELEMENTS,
  MAX_KEY_BYTES,
  MAX_METADATA_ENTRIES,
  MAX_STRING_BYTES,
} from "./limits.ts";
import { rangeOf } from "./ranges.ts";

/**
 * Metadata by key. 64-bit integers are numbers where that loses nothing, else bigints; arrays are arrays. It has no
 * prototype, so that a key such as `__proto__` is only a key.
 */
export type Metadata = Record<string, unknown>;

const STRING = 8;
const ARRAY = 9;

/** Value types of fixed size: bytes and how to parse one. */
const SCALARS: ReadonlyMap<number, { bytes: number; parse: (reader: HeaderReader) => unknown }> = new Map([
  [0, { bytes: 1, parse: (r: HeaderReader) => r.u8() }],
  [1, { bytes: 1, parse: (r: HeaderReader) => r.i8() }],
  [2, { bytes: 2, parse: (r: HeaderReader) => r.u16() }],
  [3, { bytes: 2, parse: (r: HeaderReader) => r.i16() }],
  [4, { bytes: 4, parse: (r: HeaderReader) => r.u32() }],
  [5, { bytes: 4, parse: (r: HeaderReader) => r.i32() }],
  [6, { bytes: 4, parse: (r: HeaderReader) => r.f32() }],
  [7, { bytes: 1, parse: (r: HeaderReader) => r.u8() !== 0 }],
  [10, { bytes: 8, parse: (r: HeaderReader) => r.u64() }],
  [11, { bytes: 8, parse: (r: HeaderReader) => r.i64() }],
  [12, { bytes: 8, parse: (r: HeaderReader) => r.f64() }],
]);

/** Fewest bytes of one entry: key length, empty key, value type, one byte of value. */
const MIN_ENTRY_BYTES = 8 + 4 + 1;
/** Elements parsed between two looks at the window: bounds the read-ahead of numeric arrays to 512 KiB. */
const ELEMENTS_PER_STEP = 65_536;

/** What is left of the bound on array elements of one file. */
interface Budget {
  elements: number;
}

export async function readMetadata(reader: HeaderReader, entries: number): Promise<Metadata> {
  if (entries > MAX_METADATA_ENTRIES) {
    throw bad(`declares ${entries} metadata entries; at most ${MAX_METADATA_ENTRIES} are read`, { entries });
  }
  if (entries * MIN_ENTRY_BYTES > reader.bytesLeft) {
    throw reader.truncated(entries * MIN_ENTRY_BYTES, `${entries} metadata entries`);
  }
  const metadata = Object.create(null) as Metadata;
  const budget: Budget = { elements: MAX_ARRAY_ELEMENTS };
  for (let i = 0; i < entries; i++) {
    const key = await readString(reader, MAX_KEY_BYTES, `metadata key ${i + 1} of ${entries}`);
    if (key in metadata) throw bad(`has the metadata key "${key}" twice`, { key });
    const what = `metadata "${key}"`;
    await reader.need(4, what);
    metadata[key] = await readValue(reader, reader.u32(), what, 0, budget);
  }
  return metadata;
}

export async function readString(reader: HeaderReader, maxBytes: number, what: string): Promise<string> {
  await reader.need(8, what);
  const bytes = reader.count();
  if (bytes > maxBytes)
    throw bad(`has a string of ${bytes} bytes in ${what}; at most ${maxBytes} are read`, { what, bytes });
  await reader.need(bytes, what);
  return reader.text(bytes);
}

async function readValue(
  reader: HeaderReader,
  type: number,
  what: string,
  depth: number,
  budget: Budget,
): Promise<unknown> {
  const scalar = SCALARS.get(type);
  if (scalar) {
    await reader.need(scalar.bytes, what);
    return scalar.parse(reader);
  }
  if (type === STRING) return readString(reader, MAX_STRING_BYTES, what);
  if (type === ARRAY) return readArray(reader, what, depth + 1, budget);
  throw bad(`has the unknown value type ${type} in ${what}; types 0 to 12 are defined`, { what, type });
}

async function readArray(
  reader: HeaderReader,
  what: string,
  depth: number,
  budget: Budget,
): Promise<unknown[]> {
  if (depth > MAX_ARRAY_DEPTH)
    throw bad(`nests arrays deeper than ${MAX_ARRAY_DEPTH} in ${what}`, { what, depth });
  await reader.need(12, what);
  const type = reader.u32();
  const length = reader.count();
  budget.elements -= length;
  if (budget.elements < 0) {
    throw bad(
      `has an array of ${length} elements in ${what}; at most ${MAX_ARRAY_ELEMENTS} are read from all arrays together`,
      { what, length },
    );
  }
  const scalar = SCALARS.get(type);
  const minBytes = length * (scalar?.bytes ?? 8);
  if (minBytes > reader.bytesLeft) throw reader.truncated(minBytes, `${what} (${length} elements)`);

  const values: unknown[] = [];
  if (scalar) {
    while (values.length < length) {
      const step = Math.min(length - values.length, ELEMENTS_PER_STEP);
      await reader.need(step * scalar.bytes, what);
      for (let i = 0; i < step; i++) values.push(scalar.parse(reader));
    }
  } else if (type === STRING) {
    while (values.length < length) {
      values.push(await readString(reader, MAX_STRING_BYTES, what));
      // A vocabulary has up to a million strings: no promise for those that are in the window already.
      while (values.length < length && reader.buffered >= 8 && reader.buffered - 8 >= reader.peekCount()) {
        values.push(reader.text(reader.count()));
      }
    }
  } else {
    for (let i = 0; i < length; i++) values.push(await readValue(reader, type, what, depth, budget));
  }
  return values;
}

export function bad(what: string, details: Record<string, string | number>): ModelFormatError {
  return new ModelFormatError(
    "bad-gguf",
    `Not a sound GGUF file: it ${what}. The file is damaged or was not made by a known converter: get it again.`,
    { details },
  );
}

/**
 * A finite number inside its range (`ranges.ts`). `fallback`, which may be any number, where the key is absent; without one,
 * absence is an error (`bad-gguf`).
 */
export function getNumber(metadata: Metadata, key: string, fallback?: number): number {
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
export function getString(metadata: Metadata, key: string, fallback?: string): string {
  const value = lookUp(metadata, key, fallback);
  if (typeof value === "string") return value;
  throw wrongType(key, "a string", value);
}

/**
 * An array whose elements are all of the JavaScript type `of`. `fallback` where the key is absent; without one,
 * absence is an error (`bad-gguf`).
 */
export function getArray(metadata: Metadata, key: string, of: "string", fallback?: string[]): string[];
export function getArray(metadata: Metadata, key: string, of: "number", fallback?: number[]): number[];
export function getArray(metadata: Metadata, key: string, of: "boolean", fallback?: boolean[]): boolean[];
export function getArray(metadata: Metadata, key: string, of: string, fallback?: unknown[]): unknown[] {
  const value = lookUp(metadata, key, fallback);
  if (!Array.isArray(value)) throw wrongType(key, `an array of ${of}s`, value);
  for (const element of value) if (typeof element !== of) throw wrongType(key, `an array of ${of}s`, element);
  return value;
}

function lookUp(metadata: Metadata, key: string, fallback: unknown): unknown {
  const value = Object.hasOwn(metadata, key) ? metadata[key] : fallback;
  if (value !== undefined) return value;
  throw new ModelFormatError(
    "bad-gguf",
    `The model file lacks the metadata "${key}", which is needed to run it. Convert the model again with a current ` +
      "llama.cpp, or take another file of it.",
    { details: { key } },
  );
}

function wrongType(key: string, wanted: string, value: unknown): ModelFormatError {
  const got = typeof value === "object" ? "an array" : `${typeof value} ${String(value).slice(0, 40)}`;
  return new ModelFormatError(
    "bad-gguf",
    `The metadata "${key}" should be ${wanted}, and the model file has ${got}.`,
    {
      details: { key, wanted, got },
    },
  );
}
