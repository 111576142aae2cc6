// What the tests of matrix kernels share: random weights, and how far a product may be from its reference.
import { readBuffer } from "../../src/gpu/readback.ts";
import type { Weight, WeightType } from "../../src/kernels/weights.ts";
import { dequantise, halfToNumber } from "../reference/dequantise.ts";
import type { Product } from "../reference/matmul.ts";
import type { KernelBench } from "./support.ts";
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

/** `[left | product]`, row by row, where `left` is exact. */
export function besides(left: Float32Array, product: Product, rows: number): Product {
  const result = zeros(2 * left.length);
  for (let i = 0; i < left.length; i += rows) {
    result.values.set(left.subarray(i, i + rows), 2 * i);
    result.values.set(product.values.subarray(i, i + rows), 2 * i + rows);
    result.magnitudes.set(product.magnitudes.subarray(i, i + rows), 2 * i + rows);
  }
  return result;
}

/** `values + product`, where `values` are exact. */
export function addTo(values: Float32Array, product: Product): Product {
  return {
    values: product.values.map((value, i) => value + values[i]!),
    magnitudes: product.magnitudes.map((magnitude, i) => magnitude + Math.abs(values[i]!)),
  };
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
