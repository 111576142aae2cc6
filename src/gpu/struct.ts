/**
 * Structs that the CPU fills for a kernel, and numbers that both must agree on, read from the WGSL text itself: nothing is
 * kept in sync by hand. Alignment and size follow WGSL 14.4.1; only what is used is read: f32, i32, u32, vectors of them,
 * arrays of a fixed length, structs of these, and aliases. https://www.w3.org/TR/WGSL/#alignment-and-size
 */

/** A number; the components of a vector; the elements of an array; the fields of a struct. */
export type StructValue = number | readonly StructValue[] | { readonly [field: string]: StructValue };

type Scalar = "f32" | "i32" | "u32";

type Type = { bytes: number; align: number } & (
  | { kind: "scalar"; of: Scalar }
  /** Vectors and arrays; `stride` is the distance in bytes from one element to the next. */
  | { kind: "list"; of: Type; count: number; stride: number }
  | { kind: "struct"; name: string; fields: ReadonlyMap<string, Field> }
);

interface Field {
  type: Type;
  /** Bytes from the struct's beginning. */
  offset: number;
}

export class StructLayout {
  readonly #struct: Extract<Type, { kind: "struct" }>;

  /**
   * @param text WGSL, with its comments or without, that declares the struct and all that it is made of
   * @throws Error where the text has no such struct, or one of a kind that is not read: a fault of this package
   */
  constructor(text: string, name: string) {
    const type = typeNamed(text.replace(/\/\/.*|\/\*[\s\S]*?\*\//g, " "), name);
    if (type.kind !== "struct") throw new Error(`${name} is no struct`);
    this.#struct = type;
  }

  /** Size in bytes, a multiple of the struct's alignment. */
  get bytes(): number {
    return this.#struct.bytes;
  }

  /** Where a field begins: bytes from the struct's beginning. */
  offsetOf(field: string): number {
    const found = this.#struct.fields.get(field);
    if (!found) throw new Error(`${this.#struct.name} has no field ${field}`);
    return found.offset;
  }

  /**
   * The struct as the GPU reads it; padding is 0.
   * @param values of every field, by name; a vector or an array has as many as the struct says
   * @throws RangeError for a field that is missing or unknown, a list of another length, a number that the field cannot hold
   */
  pack(values: { readonly [field: string]: StructValue }): ArrayBuffer {
    const buffer = new ArrayBuffer(this.bytes);
    write(new DataView(buffer), 0, this.#struct, values, this.#struct.name);
    return buffer;
  }
}

/**
 * The number of `const name = 16u;` in WGSL text.
 * @throws Error if there is none: a fault of this package
 */
export function constantIn(text: string, name: string): number {
  const found = new RegExp(`\\bconst ${name}\\s*(?::\\s*\\w+\\s*)?=\\s*(\\d+)[iu]?\\s*;`).exec(text);
  if (!found) throw new Error(`The shader has no constant ${name}`);
  return Number(found[1]);
}

/** Of `bytes`, the next multiple of `align`. */
const aligned = (bytes: number, align: number): number => Math.ceil(bytes / align) * align;

function typeNamed(text: string, name: string): Type {
  if (name === "f32" || name === "i32" || name === "u32")
    return { kind: "scalar", of: name, bytes: 4, align: 4 };
  const [, count, suffix] = /^vec([234])(?:([fiu])|<[fiu]32>)$/.exec(name) ?? [];
  if (count) {
    const of = typeNamed(text, `${suffix ?? name.at(5)}32`);
    const components = Number(count);
    const align = components === 2 ? 8 : 16;
    return { kind: "list", of, count: components, stride: 4, bytes: components * 4, align };
  }
  const [, element, length] = /^array<(.+),(\w+)>$/.exec(name) ?? [];
  if (element && length) {
    const of = typeNamed(text, element);
    const count = /^\d/.test(length) ? Number.parseInt(length, 10) : constantIn(text, length);
    const stride = aligned(of.bytes, of.align);
    return { kind: "list", of, count, stride, bytes: count * stride, align: of.align };
  }
  const [, meant] = (/^\w+$/.test(name) && new RegExp(`\\balias ${name}\\s*=([^;]*);`).exec(text)) || [];
  if (meant) return typeNamed(text, meant.replace(/\s+/g, ""));
  return structNamed(text, name);
}

function structNamed(text: string, name: string): Type {
  const [, body] = (/^\w+$/.test(name) && new RegExp(`\\bstruct ${name}\\s*\\{([^}]*)\\}`).exec(text)) || [];
  if (body === undefined)
    throw new Error(`The shader has no struct ${name}, or it is of a kind that is not read`);
  const fields = new Map<string, Field>();
  let end = 0;
  let align = 1;
  // commas within <> separate no fields
  for (const line of body.replace(/\s+/g, "").split(/,(?![^<]*>)/)) {
    if (line === "") continue; // behind the last comma
    const [, field, of] = /^(\w+):(.+)$/.exec(line) ?? [];
    if (!field || !of) throw new Error(`${name} has a field that is not read: ${line}`);
    const type = typeNamed(text, of);
    const offset = aligned(end, type.align);
    fields.set(field, { type, offset });
    end = offset + type.bytes;
    align = Math.max(align, type.align);
  }
  return { kind: "struct", name, fields, bytes: aligned(end, align), align };
}

/** @param path of the value in the struct, for messages */
function write(view: DataView, at: number, type: Type, value: StructValue | undefined, path: string): void {
  if (type.kind === "scalar") {
    writeNumber(view, at, type.of, value, path);
  } else if (type.kind === "list") {
    if (!Array.isArray(value) || value.length !== type.count)
      throw new RangeError(`${path} takes ${type.count} values, not ${JSON.stringify(value)}`);
    for (const [i, element] of value.entries())
      write(view, at + i * type.stride, type.of, element, `${path}[${i}]`);
  } else {
    if (typeof value !== "object" || Array.isArray(value))
      throw new RangeError(`${path} takes fields, not ${JSON.stringify(value)}`);
    const values = value as Readonly<Record<string, StructValue>>;
    const unknown = Object.keys(values).find(name => !type.fields.has(name));
    if (unknown !== undefined) throw new RangeError(`${path} has no field ${unknown}`);
    for (const [name, field] of type.fields)
      write(view, at + field.offset, field.type, values[name], `${path}.${name}`);
  }
}

const INTEGERS = { u32: [0, 2 ** 32 - 1], i32: [-(2 ** 31), 2 ** 31 - 1] } as const;

function writeNumber(
  view: DataView,
  at: number,
  type: Scalar,
  value: StructValue | undefined,
  path: string,
): void {
  const fits =
    typeof value === "number" &&
    (type === "f32" ? Number.isFinite(Math.fround(value)) : Number.isInteger(value));
  const [least, most] =
    type === "f32" ? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] : INTEGERS[type];
  if (!fits || value < least || value > most)
    throw new RangeError(`${path} is ${type} and cannot hold ${value}`);
  if (type === "f32") view.setFloat32(at, value, true);
  else view.setUint32(at, value, true); // the bits of an i32 are those of its value modulo 2^32
}
