// What the tests of matrix kernels share: random weights, and how far a product may be from its reference.
import { readBuffer } from "../../src/gpu/readback.ts";
import type { Epilogue } from "../../src/kernels/epilogue.ts";
import type { Vector } from "../../src/kernels/vector.ts";
import type { Weight, WeightType } from "../../src/kernels/weights.ts";
import { dequantise, halfToNumber } from "../reference/dequantise.ts";
import type { EpilogueShape } from "../reference/epilogue.ts";
import type { Product } from "../reference/matmul.ts";
import { type KernelBench, randomNormal } from "./support.ts";
import { randomMatrix, uploadWeight } from "./weight-support.ts";

/** Stands in every place that a kernel must leave alone. */
export const SENTINEL = 12345;

/** Largest error as a part of what each number may be off by; NaN anywhere counts as infinite. */
export function worst(actual: ArrayLike<number>, expected: Product, tolerance: number, relative = 0): number {
  if (actual.length !== expected.values.length) return Number.POSITIVE_INFINITY;
  let result = 0;
  for (let i = 0; i < actual.length; i++) {
    const allowed = tolerance * expected.magnitudes[i]! + relative * Math.abs(expected.values[i]!) + 1e-30;
    const part = Math.abs(actual[i]! - expected.values[i]!) / allowed;
    if (!(part <= result)) result = Number.isNaN(part) ? Number.POSITIVE_INFINITY : part;
  }
  return result;
}

/**
 * What stands in `y` before a product: numbers where the epilogue reads them, elsewhere the sentinel.
 * @param outputs columns of a row that the product writes
 */
export function heldBefore(
  random: () => number,
  { kind, first = 0, stride }: EpilogueShape,
  outputs: number,
  tokens: number,
  count: number,
): Float32Array<ArrayBuffer> {
  const held = new Float32Array(count).fill(SENTINEL);
  if (kind !== "add" && kind !== "gated") return held;
  for (let token = 0; token < tokens; token++) {
    held.set(randomNormal(random, outputs), token * (stride ?? outputs) + first);
  }
  return held;
}

/** The epilogue with its buffer; gates are SwiGLU unless the case says otherwise. */
export function epilogueOf(shape: EpilogueShape, y: GPUBuffer): Epilogue {
  return { gate: "silu", ...shape, y };
}

/** A vector in the middle of a buffer whose other numbers are NaN. */
export function vectorAmongOthers(bench: KernelBench, values: Float32Array): Vector {
  return vectorsAmongOthers(bench, [values])[0]!;
}

/** Vectors in one buffer, with NaN before, between and after them; each filled up with zeros. */
export function vectorsAmongOthers(bench: KernelBench, vectors: readonly Float32Array[]): Vector[] {
  const places = vectors.map(values => Math.ceil(values.length / 4));
  const data = new Float32Array(4 * (places.reduce((sum, units) => sum + units + 1, 0) + 1)).fill(Number.NaN);
  let next = 1;
  const starts = vectors.map((values, i) => {
    const at = next;
    data.fill(0, 4 * at, 4 * (at + places[i]!)).set(values, 4 * at);
    next += places[i]! + 1;
    return at;
  });
  const buffer = bench.upload("vectors", data);
  return starts.map(at => ({ buffer, at }));
}

export function zeros(count: number): Product {
  return { values: new Float64Array(count), magnitudes: new Float64Array(count) };
}

/** A weight on the GPU and its values. */
export async function randomWeight(
  bench: KernelBench,
  random: () => number,
  type: WeightType,
  rows: number,
  columns: number,
): Promise<{ weight: Weight; values: Float32Array }> {
  const bytes = randomMatrix(random, type, rows, columns);
  const weight = await uploadWeight(bench, type, rows, columns, bytes);
  return { weight, values: dequantise(type, bytes, rows, columns) };
}

/** (cos, sin) of random angles for `[position, rotated / 2]`. */
export function randomRope(
  random: () => number,
  positions: number,
  rotated: number,
): Float32Array<ArrayBuffer> {
  const rope = new Float32Array(positions * rotated);
  for (let i = 0; i < rope.length; i += 2) {
    const angle = random() * 2 * Math.PI;
    rope.set([Math.cos(angle), Math.sin(angle)], i);
  }
  return rope;
}

/** The KV cache's numbers, f16 or f32 as the adapter has it. */
export async function readCache(bench: KernelBench, kv: GPUBuffer, count: number): Promise<Float64Array> {
  return bench.gpu.f16
    ? Float64Array.from(new Uint16Array(await readBuffer(bench.gpu, kv, count * 2)), halfToNumber)
    : Float64Array.from(new Float32Array(await readBuffer(bench.gpu, kv, count * 4)));
}
