// A paged KV cache for the attention tests: blocks in random order, everything that no token may see poisoned with
// NaN.
import { inject } from "vitest";
import type { AttentionBuffers, AttentionShape } from "../../src/kernels/attention.ts";
import { attentionScratchBytes } from "../../src/kernels/attention.ts";
import { stateBytes } from "../../src/kernels/state.ts";
import type { Vector } from "../../src/kernels/vector.ts";
import { attentionReference } from "../reference/attention.ts";
import { type KernelBench, randomNormal, randomSource } from "./support.ts";

const BLOCK = 16;

/** The heads of a model: query heads, KV heads, elements of a head. */
export type Heads = readonly [heads: number, kvHeads: number, headDim: number];

export function shapeOf(
  [heads, kvHeads, headDim]: Heads,
  kvBlocks: number,
  options: Options = {},
): AttentionShape {
  return { heads, kvHeads, headDim, kvBlocks, scale: 1 / Math.sqrt(headDim), ...options };
}

/** Of a kernel's variants those to compare here: where time is short, the ones that such an adapter is given. */
export function ownVariants<T extends { variant: string }>(variants: readonly T[]): T[] {
  const wanted = inject("variants");
  return variants.filter(
    ({ variant }) => wanted === "all" || (variant === "software") === (wanted === "software"),
  );
}

/** Parts of a shape that most models leave out. */
export type Options = Pick<AttentionShape, "window" | "softcap" | "causal">;

export interface Extras {
  /** A random sink for every head. */
  sinks?: boolean;
  /** Spread of the queries. Default: 2. */
  spread?: number;
  /** Queries are numbers in f16. Default: in f32. */
  halfQueries?: boolean;
}

/**
 * Random queries for `rows` tokens from `position` on, the cache they see, and the expected result. Logical block b
 * lies in the physical block of b mod `kvBlocks`, a ring where the sequence is longer than the cache.
 */
export function attentionCase(
  bench: KernelBench,
  shape: AttentionShape,
  position: number,
  rows: number,
  extras: Extras = {},
) {
  const { heads, kvHeads, headDim, kvBlocks, window = Number.POSITIVE_INFINITY } = shape;
  const random = randomSource(position * 1000 + rows + heads * headDim);
  const keys = position + rows;
  const oldest = Math.max(0, position - window + 1);
  let q = randomNormal(random, rows * heads * headDim, extras.spread ?? 2);
  if (extras.halfQueries) q = q.map(x => fromHalf(toHalf(x)));
  let k = randomNormal(random, keys * kvHeads * headDim);
  let v = randomNormal(random, keys * kvHeads * headDim);
  if (bench.gpu.f16) {
    k = k.map(x => fromHalf(toHalf(x)));
    v = v.map(x => fromHalf(toHalf(x)));
  }
  const blocks = shuffled(random, kvBlocks);
  const logical = Math.ceil(keys / BLOCK);
  if (logical - Math.floor(oldest / BLOCK) > kvBlocks) throw new RangeError("The batch overruns its ring");
  const table = new Uint32Array(Math.max(kvBlocks, logical)).fill(0xffffffff);
  table.set(Array.from({ length: logical }, (_, block) => blocks[block % kvBlocks]!));
  const cache = new Float32Array(2 * kvBlocks * kvHeads * BLOCK * headDim).fill(Number.NaN);
  [k, v].forEach((source, half) => {
    for (let key = oldest; key < keys; key++) {
      for (let head = 0; head < kvHeads; head++) {
        const block = half * kvBlocks + table[Math.floor(key / BLOCK)]!;
        const row = source.subarray((key * kvHeads + head) * headDim, (key * kvHeads + head + 1) * headDim);
        cache.set(row, ((block * kvHeads + head) * BLOCK + (key % BLOCK)) * headDim);
      }
    }
  });
  const sinks = extras.sinks ? randomNormal(random, heads, 4) : undefined;
  const out = bench.buffers.storage("out", q.byteLength);
  const buffers: AttentionBuffers = {
    q: bench.upload("q", q),
    kv: bench.upload("kv", bench.gpu.f16 ? Uint16Array.from(cache, toHalf) : cache),
    blockTable: bench.upload("blocks", table),
    out,
    ...(sinks && { sinks: sinksAt(bench, sinks) }),
    scratch: bench.upload("scratch", new Float32Array(attentionScratchBytes(shape) / 4).fill(Number.NaN)),
    state: bench.state(stateBytes({ position, rows, finished: false, generated: 0 })),
  };
  return {
    buffers,
    expected: attentionReference({ ...shape, position, q, k, v, ...(sinks && { sinks }) }),
    read: () => bench.readF32(out, q.length),
  };
}

/** Sinks in the middle of a buffer whose other numbers are NaN. */
function sinksAt(bench: KernelBench, sinks: Float32Array): Vector {
  const at = 3;
  const data = new Float32Array(4 * at + Math.ceil(sinks.length / 4) * 4 + 8).fill(Number.NaN);
  data.set(sinks, 4 * at);
  return { buffer: bench.upload("sinks", data), at };
}

function shuffled(random: () => number, count: number): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** f32 to the bits of the nearest f16; ties to even, no subnormals (they become 0). */
function toHalf(x: number): number {
  if (Number.isNaN(x)) return 0x7e00;
  const bits = new Uint32Array(new Float32Array([x]).buffer)[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 112;
  if (exponent <= 0) return sign;
  const mantissa = bits & 0x7fffff;
  const half = (exponent << 10) | (mantissa >>> 13);
  const rest = mantissa & 0x1fff;
  return sign | (half + (rest > 0x1000 || (rest === 0x1000 && half % 2 === 1) ? 1 : 0));
}

function fromHalf(half: number): number {
  const exponent = (half >>> 10) & 0x1f;
  const value = exponent === 0 ? 0 : (1 + (half & 0x3ff) / 1024) * 2 ** (exponent - 15);
  return half & 0x8000 ? -value : value;
}
