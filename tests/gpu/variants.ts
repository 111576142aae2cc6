// Every shader variant that is shipped, as the kernels themselves choose it: they run here without a GPU, on a
// recorder that notes which pipelines they ask for.
import { Buffers } from "../../src/gpu/buffers.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { composeShader } from "../../src/gpu/shader.ts";
import { type KernelCode, Pipelines, type Step } from "../../src/gpu/step.ts";
import { type AttentionShape, attentionDecode, attentionPrefill } from "../../src/kernels/attention.ts";
import { embed } from "../../src/kernels/embed.ts";
import type { Epilogue } from "../../src/kernels/epilogue.ts";
import { matmul, matmulVariants } from "../../src/kernels/matmul.ts";
import { matvec } from "../../src/kernels/matvec.ts";
import { createRepacker } from "../../src/kernels/repack.ts";
import { rmsNorm } from "../../src/kernels/rms-norm.ts";
import { createSampler } from "../../src/kernels/sampler.ts";
import { score } from "../../src/kernels/score.ts";
import { WEIGHT_TYPES, type Weight, type WeightType, weightLayout } from "../../src/kernels/weights.ts";

export interface Variant {
  /** Stem of the kernel's file in `src/kernels/`. */
  kernel: string;
  /** Shader, parts and numbers, for messages. */
  name: string;
  code: KernelCode;
  /** The composed shader. */
  text: string;
}

/** What a kernel chooses by. */
type Profile = Pick<Gpu, "f16" | "subgroups" | "subgroupMatrix" | "subgroupMinSize" | "software"> & {
  facts: { fallback: boolean };
};

/** Software adapters and GPUs, each with and without the optional features: Firefox has f16 without subgroups. */
const PROFILES: readonly Profile[] = [
  ...[false, true].flatMap(f16 =>
    [
      { f16, software: true, subgroups: true, subgroupMinSize: 4, facts: { fallback: true } },
      { f16, software: false, subgroups: true, subgroupMinSize: 8, facts: { fallback: true } },
      { f16, software: false, subgroups: false, subgroupMinSize: 1, facts: { fallback: false } },
      { f16, software: false, subgroups: true, subgroupMinSize: 32, facts: { fallback: false } },
    ].map(profile => ({ ...profile, subgroupMatrix: false })),
  ),
  {
    f16: true,
    software: false,
    subgroups: true,
    subgroupMatrix: true,
    subgroupMinSize: 32,
    facts: { fallback: false },
  },
];

/** Heads of SmolLM2, Llama 3, Gemma's size and an odd one: every shape of the attention kernels' thread grids. */
const HEADS: readonly [heads: number, kvHeads: number, headDim: number][] = [
  [9, 3, 64],
  [32, 8, 128],
  [8, 1, 256],
  [5, 5, 20],
];
/** Decode in one step, and split. */
const LONGEST = [1024, 8192];
const VOCABULARY = 49_152;
const COLUMNS = 256;

const nothing = {} as GPUBuffer;

class NoBuffers extends Buffers {
  override storage(): GPUBuffer {
    return nothing;
  }
  override uniform(): GPUBuffer {
    return nothing;
  }
}

/** Notes the code of every pipeline that a kernel asks for. */
class Recorder extends Pipelines {
  readonly codes: KernelCode[] = [];

  override async get(code: KernelCode): Promise<GPUComputePipeline> {
    this.codes.push(code);
    return {} as GPUComputePipeline;
  }

  override async step(label: string, code: KernelCode): Promise<Step> {
    const pipeline = await this.get(code);
    return { label, pipeline, bindGroup: {} as GPUBindGroup, workgroups: [1, 1, 1] };
  }
}

function weightOf(type: WeightType, rows: number): Weight {
  const { scalesBytes } = weightLayout(type, rows, COLUMNS);
  return { type, rows, columns: COLUMNS, words: nothing, scales: scalesBytes > 0 ? nothing : null };
}

const EPILOGUES: readonly Epilogue[] = [
  { kind: "store", y: nothing },
  { kind: "add", y: nothing },
  { kind: "glu", y: nothing },
  { kind: "gated", y: nothing },
  {
    kind: "qkv",
    y: nothing,
    kv: nothing,
    blockTable: nothing,
    rope: nothing,
    firstRow: 0,
    heads: 64,
    kvHeads: 32,
    headDim: 16,
    rotated: 16,
    kvBlocks: 8,
  },
];

/** Each type of weight with each epilogue. */
const products = <T>(build: (weight: Weight, epilogue: Epilogue) => T[], rows: number): T[] =>
  WEIGHT_TYPES.flatMap(type => EPILOGUES.flatMap(epilogue => build(weightOf(type, rows), epilogue)));

/** All that each kernel asks for on one adapter, by the stem of its file in `src/kernels/`. */
const KERNELS: Readonly<Record<string, (pipelines: Pipelines, gpu: Gpu) => Promise<unknown>[]>> = {
  embed: pipelines =>
    WEIGHT_TYPES.map(type =>
      embed(pipelines, weightOf(type, 128), { tokens: nothing, x: nothing, state: nothing }),
    ),
  "rms-norm": pipelines => [
    rmsNorm(
      pipelines,
      { size: 576, epsilon: 1e-5 },
      { x: nothing, weight: nothing, y: nothing, state: nothing },
    ),
  ],
  matvec: (pipelines, gpu) =>
    products((weight, epilogue) => {
      const options = { weight, epilogue, x: nothing, state: nothing };
      const norm = { weight: nothing, epsilon: 1e-5 };
      return [matvec(pipelines, gpu, options), matvec(pipelines, gpu, { ...options, norm })];
    }, 128),
  matmul: (pipelines, gpu) => {
    const inputs = { x: nothing, state: nothing };
    return products(
      (weight, epilogue) =>
        matmulVariants(gpu).map(variant => matmul(pipelines, gpu, { ...inputs, weight, epilogue, variant })),
      128,
    );
  },
  attention: (pipelines, gpu) => {
    const places = { q: nothing, kv: nothing, blockTable: nothing, out: nothing, scratch: nothing };
    return HEADS.flatMap(([heads, kvHeads, headDim]) => {
      const shape: AttentionShape = { heads, kvHeads, headDim, kvBlocks: 512, scale: 0.1 };
      const buffers = { ...places, state: nothing };
      return [
        attentionPrefill(pipelines, gpu, shape, buffers),
        ...LONGEST.map(longest => attentionDecode(pipelines, gpu, shape, buffers, { longest })),
      ];
    });
  },
  sampler: (pipelines, gpu) => {
    const inputs = { vocabularySize: VOCABULARY, logits: nothing, state: nothing, tokens: nothing };
    return [createSampler(pipelines, gpu, new NoBuffers(gpu), inputs)];
  },
  score: (pipelines, gpu) => {
    const buffers = { logits: nothing, targets: nothing, out: nothing, state: nothing };
    return [score(pipelines, gpu, { vocabularySize: VOCABULARY }, buffers)];
  },
  repack: (pipelines, gpu) => WEIGHT_TYPES.map(type => createRepacker(gpu, pipelines, type)),
};

/** Each text with each set of numbers once. */
export async function shippedVariants(): Promise<Variant[]> {
  const variants = new Map<string, Variant>();
  for (const profile of PROFILES) {
    const gpu = { ...profile, device: { queue: {} } } as unknown as Gpu;
    for (const [kernel, build] of Object.entries(KERNELS)) {
      const recorder = new Recorder(gpu);
      await Promise.all(build(recorder, gpu));
      for (const code of recorder.codes) {
        const text = composeShader(code.shader, code.imports);
        const key = JSON.stringify([text, code.constants]);
        const name = [
          code.shader,
          ...Object.values(code.imports ?? {}),
          JSON.stringify(code.constants ?? {}),
        ];
        if (!variants.has(key)) variants.set(key, { kernel, name: name.join(" "), code, text });
      }
    }
  }
  return [...variants.values()];
}
