// Random GGUF matrices, and the way from their bytes to a weight on the GPU and back, for the tests of
// kernels that read weights.
import { tensorTypeNamed } from "../../src/gguf/tensor-types.ts";
import { composeShader } from "../../src/gpu/shader.ts";
import { createRepacker } from "../../src/kernels/repack.ts";
import { type Weight, type WeightType, weightBindings, weightLayout } from "../../src/kernels/weights.ts";
import type { KernelBench } from "./support.ts";

/** Bytes of a block of the file, and where in it half-precision numbers are. */
const BLOCKS: Readonly<Record<WeightType, { blockBytes: number; halves: number[] }>> = {
  F32: { blockBytes: 4, halves: [] },
  F16: { blockBytes: 2, halves: [0] },
  BF16: { blockBytes: 2, halves: [] },
  Q8_0: { blockBytes: 34, halves: [0] },
  Q4_0: { blockBytes: 18, halves: [0] },
  Q4_1: { blockBytes: 20, halves: [0, 2] },
  Q4_K: { blockBytes: 144, halves: [0, 2] },
  Q6_K: { blockBytes: 210, halves: [208] },
  Q5_K: { blockBytes: 176, halves: [0, 2] },
  Q5_0: { blockBytes: 22, halves: [0] },
  Q5_1: { blockBytes: 24, halves: [0, 2] },
  Q3_K: { blockBytes: 110, halves: [108] },
  Q2_K: { blockBytes: 84, halves: [80, 82] },
  IQ4_NL: { blockBytes: 18, halves: [0] },
  IQ4_XS: { blockBytes: 136, halves: [0] },
  MXFP4: { blockBytes: 17, halves: [] },
  IQ3_S: { blockBytes: 110, halves: [0] },
  IQ3_XXS: { blockBytes: 98, halves: [0] },
  IQ2_S: { blockBytes: 82, halves: [0] },
  IQ2_XS: { blockBytes: 74, halves: [0] },
  IQ2_XXS: { blockBytes: 66, halves: [0] },
  IQ1_S: { blockBytes: 50, halves: [0] },
  IQ1_M: { blockBytes: 56, halves: [] },
  TQ1_0: { blockBytes: 54, halves: [52] },
  TQ2_0: { blockBytes: 66, halves: [64] },
};

/** `least` (a multiple of 32) or more columns, as many as fill whole blocks. */
export function columnsOf(type: WeightType, least: number): number {
  const block = tensorTypeNamed(type)!.blockElements;
  return Math.ceil(least / block) * block;
}

/** Bytes of a random valid matrix: every code in use, scales and numbers of ordinary size and either sign. */
export function randomMatrix(
  random: () => number,
  type: WeightType,
  rows: number,
  columns: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(rows * weightLayout(type, rows, columns).rowBytes);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.floor(random() * 256);
  const half = (offset: number): void => {
    // exponents 2^-8 .. 2^-1, any sign and fraction
    const exponent = 7 + Math.floor(random() * 8);
    view.setUint16(
      offset,
      (random() < 0.5 ? 0x8000 : 0) | (exponent << 10) | Math.floor(random() * 1024),
      true,
    );
  };
  const { blockBytes, halves } = BLOCKS[type];
  for (let at = 0; at < bytes.length; at += blockBytes) {
    if (type === "F32") view.setFloat32(at, random() * 2 - 1, true);
    if (type === "BF16") view.setUint16(at, 0x3e00 | (view.getUint16(at, true) & 0x80ff), true);
    if (type === "MXFP4") bytes[at] = 118 + Math.floor(random() * 8);
    // the uppermost nibbles of four numbers make the half: its sign and exponent are in the last
    if (type === "IQ1_M") bytes[at + 55] = (bytes[at + 55]! & 0x8f) | 0x20;
    for (const offset of halves) half(at + offset);
  }
  return bytes;
}

/** A weight from a GGUF matrix's bytes, repacked in one window. */
export async function uploadWeight(
  bench: KernelBench,
  type: WeightType,
  rows: number,
  columns: number,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Weight> {
  const weight = emptyWeight(bench, type, rows, columns);
  const repacker = await createRepacker(bench.gpu, bench.pipelines, type);
  const encoder = bench.gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  repacker.encode(pass, { ...weight, raw: bench.upload("raw", bytes), rawOffset: 0, firstGroup: 0 });
  pass.end();
  bench.gpu.device.queue.submit([encoder.finish()]);
  repacker.release();
  return weight;
}

/** A weight of chosen numbers. */
export function f32Weight(
  bench: KernelBench,
  rows: number,
  columns: number,
  value: (row: number, column: number) => number,
): Promise<Weight> {
  const numbers = Float32Array.from({ length: rows * columns }, (_, i) =>
    value(Math.floor(i / columns), i % columns),
  );
  return uploadWeight(bench, "F32", rows, columns, new Uint8Array(numbers.buffer));
}

export function emptyWeight(bench: KernelBench, type: WeightType, rows: number, columns: number): Weight {
  const { wordsBytes, scalesBytes } = weightLayout(type, rows, columns);
  const words = bench.buffers.storage("words", wordsBytes);
  const scales = scalesBytes > 0 ? bench.buffers.storage("scales", scalesBytes) : null;
  return { type, rows, columns, words, scales };
}

/** Runs a kernel of the test's own, written against the `weights` import. Binding 2 is `x`, 3 the result. */
export async function runWithWeight(
  bench: KernelBench,
  weight: Weight,
  source: string,
  x: GPUBuffer | null,
  count: number,
  threads: number,
): Promise<Float32Array> {
  const { device } = bench.gpu;
  const { module } = weightLayout(weight.type, weight.rows, weight.columns);
  const code = `${composeShader(`shared/${module}`)}\n${source}`;
  const pipeline = await device.createComputePipelineAsync({
    layout: "auto",
    compute: { module: device.createShaderModule({ code }), constants: { K: weight.columns } },
  });
  const out = bench.buffers.storage("out", count * 4);
  const bindings = { ...weightBindings(weight), ...(x ? { 2: x } : {}), 3: out };
  const used = pipeline.getBindGroupLayout(0);
  const bindGroup = device.createBindGroup({
    layout: used,
    entries: Object.entries(bindings).map(([binding, buffer]) => ({
      binding: Number(binding),
      resource: { buffer: buffer as GPUBuffer },
    })),
  });
  await bench.run([{ label: "test", pipeline, bindGroup, workgroups: [Math.ceil(threads / 32), 1, 1] }]);
  return bench.readF32(out, count);
}

/** Every value of the weight as `unit_values` gives it, `[rows, columns]`. */
export function dumpWeight(bench: KernelBench, weight: Weight): Promise<Float32Array> {
  const units = weight.columns / 8;
  const source = `
    @group(0) @binding(3) var<storage, read_write> result: array<vec4f>;
    @compute @workgroup_size(32) fn main(@builtin(global_invocation_id) id: vec3u) {
      if (id.x >= ${weight.rows * units}u) { return; }
      let values = unit_values(id.x / ${units}u, id.x % ${units}u);
      result[id.x * 2u] = values.a;
      result[id.x * 2u + 1u] = values.b;
    }`;
  return runWithWeight(bench, weight, source, null, weight.rows * weight.columns, weight.rows * units);
}

/** W x as the matrix kernels compute it, one thread per group of 4 rows; zeros past the last row included. */
export function productOf(bench: KernelBench, weight: Weight, x: GPUBuffer): Promise<Float32Array> {
  const groups = Math.ceil(weight.rows / 4);
  const source = `
    @group(0) @binding(2) var<storage, read> x: array<vec4f>;
    @group(0) @binding(3) var<storage, read_write> result: array<vec4f>;
    @compute @workgroup_size(32) fn main(@builtin(global_invocation_id) id: vec3u) {
      if (id.x >= ${groups}u) { return; }
      var total = vec4f();
      for (var block = 0u; block * UNITS_PER_SCALE < K / 8u; block++) {
        var codes = vec4f();
        var sum = 0.0;
        let first = block * UNITS_PER_SCALE;
        for (var unit = first; unit < min(first + UNITS_PER_SCALE, K / 8u); unit++) {
          let ready = prepare(x[unit * 2u], x[unit * 2u + 1u]);
          codes += unit_dot(id.x, unit, ready);
          sum += ready.sum;
        }
        total += apply_scale(id.x, block, codes, sum);
      }
      result[id.x] = total;
    }`;
  return runWithWeight(bench, weight, source, x, groups * 4, groups);
}
