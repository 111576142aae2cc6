/**
 * Writes GGUF files for tests, from plain values. Types are chosen as llama.cpp's converter chooses them: integers u32
 * (i32 if negative, u64 if large or bigint), other numbers f32; `typed()` says otherwise. It checks nothing, so that
 * tests can write nonsense.
 */
import { TENSOR_TYPES } from "../../../src/gguf/tensor-types.ts";

export const VALUE_TYPES = {
  u8: 0,
  i8: 1,
  u16: 2,
  i16: 3,
  u32: 4,
  i32: 5,
  f32: 6,
  bool: 7,
  string: 8,
  array: 9,
  u64: 10,
  i64: 11,
  f64: 12,
} as const;
export type ValueType = keyof typeof VALUE_TYPES;

export interface TypedValue {
  readonly as: ValueType;
  readonly value: unknown;
  /** Element type, for arrays. */
  readonly of?: ValueType;
}

/** A metadata value of a chosen type: `typed("u8", 3)`, `typed("array", [1, 2], "i8")`. */
export const typed = (as: ValueType, value: unknown, of?: ValueType): TypedValue =>
  of ? { as, value, of } : { as, value };

export interface TensorSpec {
  name: string;
  /** ggml's name, such as `Q4_0`, or a raw number. */
  type: string | number;
  /** The fastest-moving first: `[columns, rows]`. */
  dims: readonly (number | bigint)[];
  data: Uint8Array;
  /** Offset in the data part. Default: after the tensor before, aligned. */
  offset?: number | bigint;
}

export interface GgufSpec {
  /** Values, or `typed()` values. A list of pairs can hold a key twice. */
  metadata: Record<string, unknown> | readonly (readonly [string, unknown])[];
  tensors: readonly TensorSpec[];
  /** Default 3. */
  version?: number;
  /** Default 32; others are also written as `general.alignment`. */
  alignment?: number;
  /** Counts that lie. */
  tensorCount?: number | bigint;
  metadataCount?: number | bigint;
}

export function writeGguf({ metadata, tensors, version = 3, alignment = 32, ...lies }: GgufSpec): Uint8Array {
  const entries: (readonly [string, unknown])[] = isPairs(metadata)
    ? [...metadata]
    : Object.entries(metadata);
  if (alignment !== 32) entries.push(["general.alignment", alignment]);

  const out = new ByteWriter();
  out.bytes(new TextEncoder().encode("GGUF"));
  out.u32(version);
  out.u64(lies.tensorCount ?? tensors.length);
  out.u64(lies.metadataCount ?? entries.length);
  for (const [key, value] of entries) {
    out.string(key);
    const { as, value: plain, of } = isTyped(value) ? value : inferred(value);
    out.u32(VALUE_TYPES[as]);
    out.value(as, plain, of);
  }
  let next = 0;
  const offsets = tensors.map(tensor => {
    const offset = tensor.offset ?? next;
    next = align(Number(offset) + tensor.data.length, alignment);
    return offset;
  });
  tensors.forEach((tensor, i) => {
    out.string(tensor.name);
    out.u32(tensor.dims.length);
    for (const n of tensor.dims) out.u64(n);
    out.u32(typeof tensor.type === "number" ? tensor.type : typeNumber(tensor.type));
    out.u64(offsets[i]!);
  });
  const dataOffset = align(out.length, alignment);
  out.pad(dataOffset);
  tensors.forEach((tensor, i) => {
    if (tensor.data.length === 0) return;
    out.pad(dataOffset + Number(offsets[i]));
    out.bytes(tensor.data);
  });
  return out.finish();
}

const align = (n: number, alignment: number): number => Math.ceil(n / alignment) * alignment;
const isPairs = (m: GgufSpec["metadata"]): m is readonly (readonly [string, unknown])[] => Array.isArray(m);
const isTyped = (v: unknown): v is TypedValue => typeof v === "object" && v !== null && "as" in v;

function typeNumber(name: string): number {
  for (const [number, type] of TENSOR_TYPES) if (type.name === name) return number;
  throw new Error(`No tensor type is named ${name}.`);
}

function inferred(value: unknown): TypedValue {
  if (Array.isArray(value)) {
    const types = new Set(value.map(element => inferred(element).as));
    // Mixed numbers: the type that holds them all.
    const of =
      types.size === 1 ? [...types][0]! : types.has("f32") ? "f32" : types.size === 0 ? "u32" : "i32";
    return { as: "array", value, of };
  }
  if (typeof value === "string") return { as: "string", value };
  if (typeof value === "boolean") return { as: "bool", value };
  if (typeof value === "bigint") return { as: "u64", value };
  if (typeof value !== "number") throw new Error(`No GGUF type for ${String(value)}.`);
  if (!Number.isInteger(value)) return { as: "f32", value };
  if (value < 0) return { as: "i32", value };
  return { as: value > 0xffff_ffff ? "u64" : "u32", value };
}

class ByteWriter {
  #buffer = new Uint8Array(65_536);
  #view = new DataView(this.#buffer.buffer);
  #last = 0;
  length = 0;

  u32(value: number): void {
    this.#at(4).setUint32(this.#last, value, true);
  }
  u64(value: number | bigint): void {
    this.#at(8).setBigUint64(this.#last, BigInt(value), true);
  }
  bytes(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.#buffer.set(bytes, at);
  }
  string(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.u64(bytes.length);
    this.bytes(bytes);
  }
  pad(length: number): void {
    if (length > this.length) this.#reserve(length - this.length);
  }
  value(as: ValueType, value: unknown, of: ValueType = "u32"): void {
    if (as === "string") this.string(String(value));
    else if (as === "array") this.#array(value as readonly unknown[], of);
    else if (as === "u64" || as === "i64") this.u64(BigInt.asUintN(64, BigInt(value as number | bigint)));
    else this.#scalar(as, Number(value));
  }
  #array(elements: readonly unknown[], of: ValueType): void {
    this.u32(VALUE_TYPES[of]);
    this.u64(elements.length);
    for (const element of elements) {
      const { value, of: inner } =
        of !== "array" ? { value: element } : isTyped(element) ? element : inferred(element);
      this.value(of, value, inner);
    }
  }
  #scalar(as: Exclude<ValueType, "string" | "array" | "u64" | "i64">, value: number): void {
    const bytes = { u8: 1, i8: 1, bool: 1, u16: 2, i16: 2, u32: 4, i32: 4, f32: 4, f64: 8 }[as];
    const view = this.#at(bytes);
    if (as === "f32") view.setFloat32(this.#last, value, true);
    else if (as === "f64") view.setFloat64(this.#last, value, true);
    else if (bytes === 1) view.setUint8(this.#last, value & 0xff);
    else if (bytes === 2) view.setUint16(this.#last, value & 0xffff, true);
    else view.setUint32(this.#last, value >>> 0, true);
  }
  finish(): Uint8Array {
    return this.#buffer.slice(0, this.length);
  }
  /** Makes room for `bytes` at `#last`, then gives the view (which may have moved). */
  #at(bytes: number): DataView {
    this.#last = this.#reserve(bytes);
    return this.#view;
  }
  #reserve(bytes: number): number {
    const at = this.length;
    this.length += bytes;
    if (this.length > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(this.length, this.#buffer.length * 2));
      grown.set(this.#buffer);
      this.#buffer = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }
}
