/** The tensor part of a GGUF header: name, type, shape and place of each tensor, all checked against the file. */
import { ModelFormatError, UnsupportedModelError } from "../errors.ts";
import { bad } from "./fields.ts";
import type { HeaderReader } from "./header-reader.ts";
import { MAX_DIMENSIONS, MAX_TENSOR_NAME_BYTES, MAX_TENSORS } from "./limits.ts";
import { readString } from "./metadata.ts";
import { TENSOR_TYPES } from "./tensor-types.ts";

export interface GgufTensor {
  readonly name: string;
  /** ggml's name of the type, such as `Q4_0`. */
  readonly type: string;
  /** Elements per dimension, the fastest-moving first: `[columns, rows]` for a matrix. */
  readonly dims: readonly number[];
  /** Offset in the file (not in the data part). */
  readonly offset: number;
  readonly bytes: number;
}

/** Fewest bytes of one entry: name length, empty name, dimension count, type, offset. */
const MIN_ENTRY_BYTES = 8 + 4 + 4 + 8;

export async function readTensors(
  reader: HeaderReader,
  count: number,
  alignment: number,
): Promise<{ tensors: GgufTensor[]; dataOffset: number }> {
  if (count > MAX_TENSORS) throw bad(`declares ${count} tensors; at most ${MAX_TENSORS} are read`, { count });
  if (count * MIN_ENTRY_BYTES > reader.bytesLeft)
    throw reader.truncated(count * MIN_ENTRY_BYTES, `${count} tensors`);

  const names = new Set<string>();
  const relative: GgufTensor[] = [];
  for (let i = 0; i < count; i++) {
    const tensor = await readTensor(reader, `tensor ${i + 1} of ${count}`);
    if (names.has(tensor.name)) throw bad(`has two tensors named "${tensor.name}"`, { tensor: tensor.name });
    names.add(tensor.name);
    relative.push(tensor);
  }
  const dataOffset = Math.ceil(reader.offset / alignment) * alignment;
  const tensors = relative.map(tensor => ({ ...tensor, offset: dataOffset + tensor.offset }));
  checkPlaces(tensors, dataOffset, alignment, reader.fileBytes);
  return { tensors, dataOffset };
}

/** One entry; `offset` is still relative to the data part. */
async function readTensor(reader: HeaderReader, what: string): Promise<GgufTensor> {
  const name = await readString(reader, MAX_TENSOR_NAME_BYTES, `the name of ${what}`);
  const named = `tensor "${name}"`;
  await reader.need(4, named);
  const dimensions = reader.u32();
  if (dimensions > MAX_DIMENSIONS) {
    throw bad(`gives ${named} ${dimensions} dimensions; at most ${MAX_DIMENSIONS} exist`, {
      tensor: name,
      dimensions,
    });
  }
  await reader.need(dimensions * 8 + 4 + 8, named);
  const dims: number[] = [];
  for (let d = 0; d < dimensions; d++) dims.push(reader.count());
  const typeNumber = reader.u32();
  const offset = reader.count();

  const elements = dims.reduce((product, n) => product * n, 1);
  if (!Number.isSafeInteger(elements) || elements === 0) {
    throw bad(`gives ${named} the shape [${dims}]: ${elements} elements`, {
      tensor: name,
      shape: dims.join(","),
    });
  }
  const type = TENSOR_TYPES.get(typeNumber);
  if (!type) {
    throw new UnsupportedModelError(
      "tensor-type",
      `The ${named} has the type number ${typeNumber}, which ggml did not define when this version was made. ` +
        "Take a file of the model in another quantization, such as Q4_0 or Q8_0.",
      { details: { tensor: name, type: typeNumber } },
    );
  }
  if ((dims[0] ?? 1) % type.blockElements !== 0) {
    throw bad(
      `gives ${named} rows of ${dims[0] ?? 1} elements, and ${type.name} has blocks of ${type.blockElements}`,
      {
        tensor: name,
        type: type.name,
      },
    );
  }
  return { name, type: type.name, dims, offset, bytes: (elements / type.blockElements) * type.blockBytes };
}

/** Aligned, inside the file, and no two over the same bytes. */
function checkPlaces(
  tensors: readonly GgufTensor[],
  dataOffset: number,
  alignment: number,
  fileBytes: number,
): void {
  const ordered = [...tensors].sort((a, b) => a.offset - b.offset);
  const last = ordered.reduce<GgufTensor | undefined>(
    (far, t) => (far && end(far) >= end(t) ? far : t),
    undefined,
  );
  if (last && !(end(last) <= fileBytes)) {
    throw new ModelFormatError(
      "truncated",
      `The file has ${fileBytes} bytes, and its tensors reach up to byte ${end(last)} ("${last.name}"). ` +
        "It is cut short: get it again.",
      { details: { tensor: last.name, needed: end(last), fileBytes } },
    );
  }
  let previous: GgufTensor | undefined;
  for (const tensor of ordered) {
    if ((tensor.offset - dataOffset) % alignment !== 0) {
      throw bad(
        `puts tensor "${tensor.name}" at ${tensor.offset - dataOffset}, no multiple of ${alignment}`,
        {
          tensor: tensor.name,
        },
      );
    }
    if (previous && end(previous) > tensor.offset) {
      throw bad(`puts tensor "${tensor.name}" over the bytes of tensor "${previous.name}"`, {
        tensor: tensor.name,
        other: previous.name,
      });
    }
    previous = tensor;
  }
}

const end = (tensor: GgufTensor): number => tensor.offset + tensor.bytes;
