/** The key-value part of a GGUF header: values as plain JavaScript. `fields.ts` gives typed access to them. */
import { bad, type Metadata } from "./fields.ts";
import type { HeaderReader } from "./header-reader.ts";
import {
  MAX_ARRAY_DEPTH,
  MAX_ARRAY_ELEMENTS,
  MAX_KEY_BYTES,
  MAX_METADATA_ENTRIES,
  MAX_STRING_BYTES,
} from "./limits.ts";

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
