/** A piece of work for each family of kernels by which its variants are compared: what a layer of Llama 3.2 1B gives it to do. */
import { Buffers } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import type { Dispatch, Pipelines } from "../gpu/dispatch.ts";
import {
  type AttentionBuffers,
  type AttentionShape,
  attentionDecode,
  attentionPrefill,
  attentionScratchBytes,
} from "../kernels/attention.ts";
import type { Family } from "../kernels/choice.ts";
import type { Epilogue } from "../kernels/epilogue.ts";
import { matmul } from "../kernels/matmul.ts";
import { matvec } from "../kernels/matvec.ts";
import { stateBytes } from "../kernels/state.ts";
import { type Weight, weightLayout } from "../kernels/weights.ts";
import { KV_PAGE } from "../model/kv/layout.ts";

const HIDDEN = 2048;
const GATE_AND_UP = 16_384;
const HEADS = { heads: 32, kvHeads: 8, headDim: 64, scale: 1 / 8 };
/** Of the cache, this batch at its end. */
const POSITIONS = 2048;
/** Tokens of a prompt. */
const ROWS = 256;

/** Dispatches for `rows` tokens. They compute with zeros, which takes as long as with any numbers. */
export interface KernelSample {
  dispatches: readonly Dispatch[];
  rows: number;
}

export interface SampleParts {
  /** With the variant in `gpu.choice`. */
  gpu: Gpu;
  pipelines: Pipelines;
  buffers: SampleBuffers;
}

export const SAMPLES: Readonly<Record<Family, (parts: SampleParts) => Promise<KernelSample>>> = {
  matvec: parts => products(parts, matvec, 1),
  matmul: parts => products(parts, matmul, ROWS),
  async attentionDecode(parts) {
    const { shape, buffers } = attention(parts, 1);
    const options = { longest: POSITIONS };
    return {
      rows: 1,
      dispatches: await attentionDecode(parts.pipelines, parts.gpu, shape, buffers, options),
    };
  },
  async attentionPrefill(parts) {
    const { shape, buffers } = attention(parts, ROWS);
    return { rows: ROWS, dispatches: [await attentionPrefill(parts.pipelines, parts.gpu, shape, buffers)] };
  },
};

/** Samples run one after the other and nobody reads their results: all share what has the same name and size. */
export class SampleBuffers extends Buffers {
  readonly #made = new Map<string, GPUBuffer>();

  override storage(label: string, bytes: number): GPUBuffer {
    const key = `${label} ${bytes}`;
    const buffer = this.#made.get(key) ?? super.storage(label, bytes);
    this.#made.set(key, buffer);
    return buffer;
  }
}

async function products(
  { gpu, pipelines, buffers }: SampleParts,
  product: typeof matvec | typeof matmul,
  rows: number,
): Promise<KernelSample> {
  const state = stateOf(gpu, buffers, rows);
  const x = buffers.storage("x", rows * HIDDEN * 4);
  const dispatch = (
    outputs: number,
    kind: { kind: "store" } | { kind: "glu"; gate: "silu" },
  ): Promise<Dispatch> => {
    const epilogue: Epilogue = { ...kind, y: buffers.storage("y", rows * outputs * 4) };
    return product(pipelines, gpu, { weight: weightOf(buffers, outputs), epilogue, x, state });
  };
  const dispatches = [
    dispatch(HIDDEN, { kind: "store" }),
    dispatch(GATE_AND_UP, { kind: "glu", gate: "silu" }),
  ];
  return { rows, dispatches: await Promise.all(dispatches) };
}

function weightOf(buffers: Buffers, rows: number): Weight {
  const { wordsBytes, scalesBytes } = weightLayout("Q4_0", rows, HIDDEN);
  const words = buffers.storage("words", wordsBytes);
  return { type: "Q4_0", rows, columns: HIDDEN, words, scales: buffers.storage("scales", scalesBytes) };
}

function attention(
  { gpu, buffers }: SampleParts,
  rows: number,
): { shape: AttentionShape; buffers: AttentionBuffers } {
  const shape = { ...HEADS, kvBlocks: POSITIONS / KV_PAGE };
  const { heads, kvHeads, headDim, kvBlocks } = shape;
  const blockTable = buffers.storage("block table", kvBlocks * 4);
  gpu.device.queue.writeBuffer(
    blockTable,
    0,
    Uint32Array.from({ length: kvBlocks }, (_, block) => block),
  );
  return {
    shape,
    buffers: {
      q: buffers.storage("q", rows * heads * headDim * 4),
      kv: buffers.storage("kv", 2 * POSITIONS * kvHeads * headDim * (gpu.f16 ? 2 : 4)),
      blockTable,
      out: buffers.storage("out", rows * heads * headDim * 4),
      scratch: buffers.storage("scratch", attentionScratchBytes(shape)),
      state: stateOf(gpu, buffers, rows),
    },
  };
}

function stateOf(gpu: Gpu, buffers: Buffers, rows: number): GPUBuffer {
  const bytes = stateBytes({ position: POSITIONS - rows, rows, finished: false, generated: 0 });
  const state = buffers.uniform("state", bytes.byteLength);
  gpu.device.queue.writeBuffer(state, 0, bytes);
  return state;
}
