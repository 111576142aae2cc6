import type { GgufFile, GgufTensor } from "../gguf/gguf.ts";
import type { Buffers } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import type { Pipelines } from "../gpu/dispatch.ts";
import { unlessLost } from "../gpu/loss.ts";
import { createRepacker, pairedRow, type Repacker } from "../kernels/repack.ts";
import { type Weight, type WeightType, weightLayout } from "../kernels/weights.ts";
import type { MatrixPart, ShortPart, Taken } from "../model/tensors.ts";
import type { ModelSource } from "../storage/source.ts";
import type { AllocatedWeights } from "./allocated-weights.ts";
import type { Fingerprint } from "./fingerprint.ts";
import { halfToFloat } from "./half.ts";

/** Raw bytes that wait on the GPU for their repacking. One window is in use at a time, the queue keeps the order. */
const WINDOW_BYTES = 8 * 1024 * 1024;
/** Bytes handed to the GPU before the upload waits for it: bounds what the browser buffers on its side. */
const MAX_UNFINISHED_BYTES = 32 * 1024 * 1024;

/** Takes the bytes of one tensor in order. */
interface TensorSink {
  write(bytes: Uint8Array<ArrayBuffer>): void;
  end(): void;
}

export interface UploadOptions {
  gpu: Gpu;
  pipelines: Pipelines;
  buffers: Buffers;
  file: GgufFile;
  taken: Taken;
  weights: AllocatedWeights;
  source: ModelSource;
  fingerprint: Fingerprint;
  signal?: AbortSignal | undefined;
}

/**
 * Streams the file's tensor data once, in file order, into the GPU, where each window of rows is repacked into the
 * kernels' layout. At most one piece of the file is held here.
 */
export async function uploadWeights(options: UploadOptions): Promise<void> {
  const { gpu, buffers, file, taken, source, fingerprint, signal } = options;
  const { queue } = gpu.device;
  const raw = buffers.storage("raw weights", windowBytes(taken));
  try {
    const sinks = await tensorSinks(options, raw);
    const tensors = file.tensors.filter(tensor => sinks.has(tensor.name)).sort((a, b) => a.offset - b.offset);
    let next = 0;
    let unfinished = 0;
    for await (const { offset, bytes } of source.stream(file.dataOffset, undefined, { signal })) {
      fingerprint.add(offset, bytes);
      const end = offset + bytes.byteLength;
      for (; next < tensors.length; next++) {
        const tensor = tensors[next]!;
        if (tensor.offset >= end) break;
        const from = Math.max(tensor.offset, offset);
        const to = Math.min(tensor.offset + tensor.bytes, end);
        const sink = sinks.get(tensor.name)!;
        if (to > from) sink.write(bytes.subarray(from - offset, to - offset));
        if (tensor.offset + tensor.bytes > end) break;
        sink.end();
      }
      unfinished += bytes.byteLength;
      if (unfinished >= MAX_UNFINISHED_BYTES) {
        await unlessLost(gpu, queue.onSubmittedWorkDone());
        unfinished = 0;
      }
    }
  } finally {
    buffers.release(raw);
  }
}

function windowBytes({ matrices }: Taken): number {
  const parts = [...matrices].flatMap(({ type, columns, parts }) =>
    parts.map(part => windowRows(part) * weightLayout(type, 4, columns).rowBytes),
  );
  return Math.max(WINDOW_BYTES, ...parts);
}

/** Rows that a window holds a multiple of: a group, or a whole head where its rows change places. */
function windowRows({ halves }: MatrixPart): number {
  return halves ? leastCommonMultiple(4, halves.head) : 4;
}

function leastCommonMultiple(a: number, b: number): number {
  let multiple = Math.max(a, b);
  while (multiple % a !== 0 || multiple % b !== 0) multiple++;
  return multiple;
}

async function tensorSinks(
  { gpu, pipelines, taken, weights }: UploadOptions,
  raw: GPUBuffer,
): Promise<Map<string, TensorSink>> {
  const parts = new Map<string, { part: MatrixPart; weight: Weight }[]>();
  const repackers = new Map<WeightType, Repacker>();
  for (const matrix of taken.matrices) {
    if (!repackers.has(matrix.type)) {
      repackers.set(matrix.type, await createRepacker(gpu, pipelines, matrix.type));
    }
    for (const part of matrix.parts) {
      const { name } = part.tensor;
      parts.set(name, [...(parts.get(name) ?? []), { part, weight: weights.weight(matrix) }]);
    }
  }
  const sinks = new Map<string, TensorSink>();
  for (const [name, places] of parts) {
    const repacker = repackers.get(places[0]!.weight.type)!;
    const each = places
      .sort((a, b) => a.part.fromRow - b.part.fromRow)
      .map(({ part, weight }) => matrixSink(gpu, repacker, raw, weight, part));
    sinks.set(name, each.length === 1 ? each[0]! : inTurn(each));
  }
  for (const { tensors } of taken.blocks) {
    for (const short of tensors) {
      const { buffer, at } = weights.vector(short);
      for (const part of short.parts) {
        sinks.set(
          part.tensor.name,
          shortSink(part.tensor, values => writeShort(gpu.device.queue, buffer, at * 4, part, values)),
        );
      }
    }
  }
  for (const entry of taken.host) {
    sinks.set(
      entry.tensor.name,
      shortSink(entry.tensor, values => {
        entry.values = values;
      }),
    );
  }
  return sinks;
}

/** Puts a short tensor's elements in their places. @param first element of the buffer where its vector begins */
function writeShort(
  queue: GPUQueue,
  buffer: GPUBuffer,
  first: number,
  { firstElement, halves, vectors }: ShortPart,
  values: Float32Array<ArrayBuffer>,
): void {
  const { size, stride } = vectors ?? { size: values.length, stride: 0 };
  const ordered = halves ? values.map((_, row) => values[pairedRow(row, halves)]!) : values;
  for (let from = 0, to = first + firstElement; from < values.length; from += size, to += stride) {
    queue.writeBuffer(buffer, to * 4, ordered, from, size);
  }
}

/** Fills one sink after the other: a tensor whose rows are spread over several matrices. */
function inTurn(sinks: readonly PartSink[]): TensorSink {
  let at = 0;
  return {
    write(bytes) {
      for (let from = 0; from < bytes.byteLength; ) {
        const sink = sinks[at]!;
        const part = bytes.subarray(from, from + sink.bytesLeft());
        sink.write(part);
        from += part.byteLength;
        if (sink.bytesLeft() === 0) {
          sink.end();
          at++;
        }
      }
    },
    end() {},
  };
}

/** A sink for some rows of a tensor. */
interface PartSink extends TensorSink {
  bytesLeft(): number;
}

/** Fills windows of whole row groups and repacks each when it is full. */
function matrixSink(
  gpu: Gpu,
  repacker: Repacker,
  raw: GPUBuffer,
  weight: Weight,
  part: MatrixPart,
): PartSink {
  const { device } = gpu;
  const { words, scales, columns } = weight;
  const { rowBytes } = weightLayout(weight.type, 4, columns);
  const unit = windowRows(part) * rowBytes;
  const window = Math.floor(raw.size / unit) * unit;
  const { queue } = device;
  let filled = 0;
  let row = 0;
  /** The queue takes whole words, and a piece, or the tensor, may end within one. */
  const word = new Uint8Array(4);
  const flush = (): void => {
    if (filled % 4 > 0) queue.writeBuffer(raw, filled & ~3, word);
    const rows = filled / rowBytes;
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    repacker.encode(pass, {
      raw,
      rawOffset: 0,
      words,
      scales,
      firstGroup: part.firstRow / 4,
      firstRow: row,
      rows,
      columns,
      halves: part.halves && { ...part.halves, rows: Math.max(0, part.halves.rows - part.fromRow) },
      matrices: part.matrices,
    });
    pass.end();
    queue.submit([encoder.finish()]);
    repacker.release();
    row += rows;
    filled = 0;
  };
  return {
    write(bytes) {
      for (let at = 0; at < bytes.byteLength; ) {
        const end = Math.min(bytes.byteLength, at + window - filled);
        const whole = filled % 4 === 0 ? (end - at) & ~3 : 0;
        if (whole > 0) queue.writeBuffer(raw, filled, bytes, at, whole);
        filled += whole;
        at += whole;
        if (at < end) {
          word[filled++ % 4] = bytes[at++]!;
          if (filled % 4 === 0) queue.writeBuffer(raw, filled - 4, word);
        }
        if (filled === window) flush();
      }
    },
    end() {
      if (filled > 0) flush();
    },
    bytesLeft: () => (part.rows - row) * rowBytes - filled,
  };
}

/** Collects a short tensor and hands it over as f32. */
function shortSink(tensor: GgufTensor, take: (values: Float32Array<ArrayBuffer>) => void): TensorSink {
  const collected = new Uint8Array(tensor.bytes);
  let filled = 0;
  return {
    write(bytes) {
      collected.set(bytes, filled);
      filled += bytes.byteLength;
    },
    end: () => take(toFloat32(tensor, collected)),
  };
}

function toFloat32({ name, type }: GgufTensor, bytes: Uint8Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  if (type === "F32") return new Float32Array(bytes.buffer);
  if (type === "F16") return Float32Array.from(new Uint16Array(bytes.buffer), halfToFloat);
  if (type === "BF16")
    return new Float32Array(Uint32Array.from(new Uint16Array(bytes.buffer), bits => bits << 16).buffer);
  throw new RangeError(`Tensor ${name} is ${type}: planWeights lets no such vector through`);
}
