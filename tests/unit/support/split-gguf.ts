/** Cuts a GGUF file into parts as llama-gguf-split does: the first has the metadata, all have a header of their own. */
import { parseGguf } from "../../../src/gguf/gguf.ts";
import { HeaderReader } from "../../../src/gguf/header-reader.ts";
import { readMetadata } from "../../../src/gguf/metadata.ts";
import { TENSOR_TYPES } from "../../../src/gguf/tensor-types.ts";

const ALIGNMENT = 32;
const encoder = new TextEncoder();

/** @param counts tensors of each part, in the file's order; the last one's count is what is left */
export async function splitGguf(whole: Uint8Array, counts: readonly number[]): Promise<Uint8Array[]> {
  const read = async (offset: number, length: number) => whole.slice(offset, offset + length);
  const file = await parseGguf(read, whole.length);
  const reader = new HeaderReader(read, whole.length);
  await reader.need(24, "fixed");
  reader.text(8);
  reader.count();
  const entries = reader.count();
  await readMetadata(reader, entries);
  const metadata = whole.subarray(24, reader.offset);
  let next = 0;
  return counts.map((count, no) => {
    const last = no === counts.length - 1;
    const tensors = file.tensors.slice(next, last ? undefined : next + count);
    next += count;
    const split = [
      [...text("split.no"), ...u32(2), no & 255, no >> 8],
      [...text("split.count"), ...u32(2), counts.length & 255, counts.length >> 8],
      [...text("split.tensors.count"), ...u32(5), ...u32(file.tensors.length)],
    ];
    const kept = no === 0 ? entries : 0;
    const head = [encoder.encode("GGUF"), u32(3), u64(tensors.length), u64(kept + split.length)];
    let offset = 0;
    const infos = tensors.map(({ name, dims, type, bytes }) => {
      const number = [...TENSOR_TYPES].find(([, known]) => known.name === type)![0];
      const info = [...text(name), ...u32(dims.length), ...dims.flatMap(u64), ...u32(number), ...u64(offset)];
      offset += Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
      return info;
    });
    const header = Buffer.concat(
      [...head, no === 0 ? metadata : [], ...split, ...infos].map(part => Buffer.from(part)),
    );
    const data = tensors.map(tensor => padded(whole.subarray(tensor.offset, tensor.offset + tensor.bytes)));
    return new Uint8Array(Buffer.concat([padded(header), ...data]));
  });
}

const u32 = (value: number): number[] => [...new Uint8Array(Uint32Array.of(value).buffer)];
const u64 = (value: number): number[] => [...new Uint8Array(BigUint64Array.of(BigInt(value)).buffer)];
const text = (value: string): number[] => [...u64(encoder.encode(value).length), ...encoder.encode(value)];

function padded(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(Math.ceil(bytes.length / ALIGNMENT) * ALIGNMENT);
  out.set(bytes);
  return out;
}
