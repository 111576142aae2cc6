import type { GgufFile, GgufTensor } from "../gguf/gguf.ts";
import type { Buffers } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import type { Pipelines } from "../gpu/step.ts";
import { createRepacker, type Repacker } from "../kernels/repack.ts";
import { type Weight, type WeightType, weightLayout } from "../kernels/weights.ts";
import type { LlamaWeights } from "../model/llama.ts";
import {
  type MatrixPlan,
  matricesOf,
  type RunPlan,
  type VectorPlan,
  vectorsOf,
  type WeightPlan,
} from "../model/weights.ts";
import type { ModelSource } from "../storage/source.ts";
import { halfToFloat } from "./half.ts";

/** Raw bytes that wait on the GPU for their repacking. One window is in use at a time, the queue keeps the order. */
const WINDOW_BYTES = 8 * 1024 * 1024;
/** Bytes handed to the GPU before the upload waits for it: bounds what the browser buffers on its side. */
const MAX_UNFINISHED_BYTES = 32 * 1024 * 1024;

export interface AllocatedWeights {
  matrices: ReadonlyMap<MatrixPlan, Weight>;
  vectors: ReadonlyMap<VectorPlan, GPUBuffer>;
}

/** Creates the GPU buffers of all weights, empty. @throws DoesNotFitError `adapter-limit` */
export function allocateWeights(plan: WeightPlan, buffers: Buffers): AllocatedWeights {
  const matrices = new Map<MatrixPlan, Weight>();
  for (const matrix of matricesOf(plan)) {
    const { name, type, rows, columns } = matrix;
    const { wordsBytes, scalesBytes } = weightLayout(type, rows, columns);
    const words = buffers.storage(name, wordsBytes);
    const scales = scalesBytes > 0 ? buffers.storage(`${name} scales`, scalesBytes) : null;
    matrices.set(matrix, { type, rows, columns, words, scales });
  }
  const vectors = new Map(
    vectorsOf(plan).map(vector => [vector, buffers.storage(vector.tensor.name, vector.size * 4)]),
  );
  return { matrices, vectors };
}

/** The allocated buffers in the model's own terms. */
export function llamaWeights(plan: WeightPlan, { matrices, vectors }: AllocatedWeights): LlamaWeights {
  const run = ({ matrix, firstRow }: RunPlan) => ({ weight: matrices.get(matrix)!, firstRow });
  return {
    embedding: matrices.get(plan.embedding)!,
    layers: plan.layers.map(layer => ({
      attentionNorm: vectors.get(layer.attentionNorm)!,
      qkv: layer.qkv.map(run),
      attentionOutput: matrices.get(layer.attentionOutput)!,
      feedForwardNorm: vectors.get(layer.feedForwardNorm)!,
      gateUp: layer.gateUp.map(run),
      down: matrices.get(layer.down)!,
    })),
    outputNorm: vectors.get(plan.outputNorm)!,
    output: matrices.get(plan.output)!,
  };
}

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
  plan: WeightPlan;
  weights: AllocatedWeights;
  source: ModelSource;
  signal?: AbortSignal | undefined;
}

/**
 * Streams the file's tensor data once, in file order, into the GPU, where each window of rows is repacked into the
 * kernels' layout. At most one piece of the file is held here.
 * @returns the divisors of RoPE's frequencies, where the model has them
 */
export async function uploadWeights(options: UploadOptions): Promise<Float32Array | undefined> {
  const { gpu, buffers, file, plan, source, signal } = options;
  const { queue } = gpu.device;
  const raw = buffers.storage("raw weights", windowBytes(plan));
  try {
    let factors: Float32Array | undefined;
    const sinks = await tensorSinks(options, raw);
    if (plan.ropeFactors)
      sinks.set(
        plan.ropeFactors.name,
        vectorSink(plan.ropeFactors, values => (factors = values)),
      );
    const tensors = file.tensors.filter(tensor => sinks.has(tensor.name)).sort((a, b) => a.offset - b.offset);
    let next = 0;
    let unfinished = 0;
    for await (const { offset, bytes } of source.stream(file.dataOffset, undefined, { signal })) {
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
        await Promise.race([queue.onSubmittedWorkDone(), gpu.lost]);
        unfinished = 0;
      }
    }
    return factors;
  } finally {
    buffers.release(raw);
  }
}

function windowBytes(plan: WeightPlan): number {
  const groups = matricesOf(plan).map(
    ({ type, rows, columns }) => 4 * weightLayout(type, rows, columns).rowBytes,
  );
  return Math.max(WINDOW_BYTES, ...groups);
}

async function tensorSinks(
  { gpu, pipelines, plan, weights }: UploadOptions,
  raw: GPUBuffer,
): Promise<Map<string, TensorSink>> {
  const sinks = new Map<string, TensorSink>();
  const repackers = new Map<WeightType, Repacker>();
  for (const matrix of matricesOf(plan)) {
    const { type } = matrix;
    if (!repackers.has(type)) repackers.set(type, await createRepacker(gpu, pipelines, type));
    for (const { tensor, firstRow } of matrix.parts) {
      sinks.set(
        tensor.name,
        matrixSink(gpu, repackers.get(type)!, raw, weights.matrices.get(matrix)!, tensor, firstRow),
      );
    }
  }
  for (const vector of vectorsOf(plan)) {
    const buffer = weights.vectors.get(vector)!;
    sinks.set(
      vector.tensor.name,
      vectorSink(vector.tensor, values => gpu.device.queue.writeBuffer(buffer, 0, values)),
    );
  }
  return sinks;
}

/** Fills windows of whole row groups and repacks each when it is full. */
function matrixSink(
  gpu: Gpu,
  repacker: Repacker,
  raw: GPUBuffer,
  weight: Weight,
  tensor: GgufTensor,
  firstRow: number,
): TensorSink {
  const { device } = gpu;
  const rows = tensor.dims[1] ?? 1;
  const { rowBytes } = weightLayout(weight.type, rows, weight.columns);
  const window = Math.floor(raw.size / (4 * rowBytes)) * 4 * rowBytes;
  let filled = 0;
  let row = 0;
  const flush = (): void => {
    const windowRows = filled / rowBytes;
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    const { words, scales, columns } = weight;
    repacker.encode(pass, {
      raw,
      rawOffset: 0,
      words,
      scales,
      firstGroup: (firstRow + row) / 4,
      rows: windowRows,
      columns,
    });
    pass.end();
    device.queue.submit([encoder.finish()]);
    repacker.release();
    row += windowRows;
    filled = 0;
  };
  return {
    write(bytes) {
      for (let at = 0; at < bytes.byteLength; ) {
        const part = bytes.subarray(at, at + window - filled);
        // A tensor's last bytes need not be a multiple of 4, which writeBuffer wants; nothing follows them in the window.
        const whole = part.byteLength & ~3;
        device.queue.writeBuffer(raw, filled, part, 0, whole);
        if (whole < part.byteLength) {
          const tail = new Uint8Array(4);
          tail.set(part.subarray(whole));
          device.queue.writeBuffer(raw, filled + whole, tail);
        }
        filled += part.byteLength;
        at += part.byteLength;
        if (filled === window) flush();
      }
    },
    end() {
      if (filled > 0) flush();
    },
  };
}

/** Collects a short tensor and hands it over as f32. */
function vectorSink(tensor: GgufTensor, take: (values: Float32Array<ArrayBuffer>) => void): TensorSink {
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
