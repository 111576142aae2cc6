// Every shader variant that is shipped, as the kernels themselves choose it: they run here without a GPU, on a
// recorder that notes which pipelines they ask for.
import { Buffers } from "../../src/gpu/buffers.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { type Dispatch, type KernelCode, Pipelines } from "../../src/gpu/dispatch.ts";
import { composeShader } from "../../src/gpu/shader.ts";
import { type AttentionShape, attentionDecode, attentionPrefill } from "../../src/kernels/attention.ts";
import { candidates, FAMILIES, type KernelChoice } from "../../src/kernels/choice.ts";
import { deltaRuleDecode, deltaRulePrefill } from "../../src/kernels/delta-rule.ts";
import { embed } from "../../src/kernels/embed.ts";
import type { AddEpilogue, Epilogue, Gate, QkvPlaces } from "../../src/kernels/epilogue.ts";
import { expertsCombine, expertsDown, expertsGather, expertsSelect } from "../../src/kernels/experts.ts";
import { headGate } from "../../src/kernels/head-gate.ts";
import { mamba2Decode, mamba2Prefill } from "../../src/kernels/mamba2.ts";
import { matmul, matmulVariants } from "../../src/kernels/matmul.ts";
import { matvec } from "../../src/kernels/matvec.ts";
import { matvecFew } from "../../src/kernels/matvec-few.ts";
import { normalise } from "../../src/kernels/norm.ts";
import { qkNorm } from "../../src/kernels/qk-norm.ts";
import { createRepacker } from "../../src/kernels/repack.ts";
import { expertTile } from "../../src/kernels/routing.ts";
import { createSampler } from "../../src/kernels/sampler.ts";
import { score } from "../../src/kernels/score.ts";
import { shortConv } from "../../src/kernels/short-conv.ts";
import type { Vector } from "../../src/kernels/vector.ts";
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
  workgroupBytes?: number;
};

/**
 * Software adapters and GPUs, each with and without the optional features: Firefox has f16 without subgroups. Subgroups of 8
 * and 32 stand for Intel's and NVIDIA's.
 */
const PROFILES: readonly Profile[] = [
  ...[false, true].flatMap(f16 =>
    [
      { f16, software: true, subgroups: true, subgroupMinSize: 4, facts: { fallback: true } },
      { f16, software: false, subgroups: true, subgroupMinSize: 8, facts: { fallback: true } },
      { f16, software: false, subgroups: false, subgroupMinSize: 1, facts: { fallback: false } },
      { f16, software: false, subgroups: true, subgroupMinSize: 8, facts: { fallback: false } },
      { f16, software: false, subgroups: true, subgroupMinSize: 32, facts: { fallback: false } },
    ].map(profile => ({ ...profile, subgroupMatrix: false })),
  ),
  ...[36_864, 49_152].map(workgroupBytes => ({
    f16: true,
    software: false,
    subgroups: true,
    subgroupMatrix: true,
    subgroupMinSize: 32,
    facts: { fallback: false },
    workgroupBytes,
  })),
];

/** Heads of SmolLM2, Llama 3, Phi's sizes, Gemma's and an odd one: every shape of the attention kernels' thread grids. */
const HEADS: readonly [heads: number, kvHeads: number, headDim: number][] = [
  [9, 3, 64],
  [32, 8, 128],
  [32, 32, 80],
  [32, 32, 96],
  [8, 1, 256],
  [8, 1, 512],
  [5, 5, 20],
];
/** Decode in one dispatch, and split. */
const LONGEST = [512, 8192];
const VOCABULARY = 49_152;
const COLUMNS = 256;

const nothing = {} as GPUBuffer;
const vector = { buffer: nothing, at: 0 };

class NoBuffers extends Buffers {
  override storage(): GPUBuffer {
    return nothing;
  }
  override uniform(): GPUBuffer {
    return nothing;
  }
}

/** Notes the code of every pipeline that a kernel asks for. */
export class Recorder extends Pipelines {
  readonly codes: KernelCode[] = [];

  override async get(code: KernelCode): Promise<GPUComputePipeline> {
    this.codes.push(code);
    return {} as GPUComputePipeline;
  }

  override async dispatch(label: string, code: KernelCode): Promise<Dispatch> {
    const pipeline = await this.get(code);
    return { label, pipeline, bindGroup: {} as GPUBindGroup, workgroups: [1, 1, 1] };
  }
}

function weightOf(type: WeightType, rows: number): Weight {
  const { scalesBytes } = weightLayout(type, rows, COLUMNS);
  return { type, rows, columns: COLUMNS, words: nothing, scales: scalesBytes > 0 ? nothing : null };
}

const PLACES: QkvPlaces = {
  y: nothing,
  kv: nothing,
  blockTable: nothing,
  rope: nothing,
  heads: 64,
  kvHeads: 32,
  headDim: 16,
  rotated: 16,
  kvBlocks: 8,
};

const STORE: Epilogue = { kind: "store", y: nothing };
const ADD: AddEpilogue = { kind: "add", y: nothing };
const GLU: Epilogue = { kind: "glu", y: nothing, gate: "silu" };
const GATED: Epilogue = { kind: "gated", y: nothing, gate: "silu" };
const ACTIVATED: Epilogue = { kind: "activated", y: nothing, gate: "relu2" };
const GATES: readonly Gate[] = ["silu", "gelu", "gelu-erf", "swiglu-oai", "relu2", "tanh"];
const EPILOGUES: readonly Epilogue[] = [
  STORE,
  ADD,
  { ...ADD, tokenGate: nothing },
  { kind: "logits", y: nothing, cap: 30 },
  { kind: "qkv", firstRow: 0, ...PLACES },
  { kind: "activated", gate: "gelu", y: nothing, factors: { buffer: nothing, stride: 256, first: 0 } },
  ...GATES.flatMap(gate =>
    (["glu", "gated", "activated"] as const).map(kind => ({ kind, gate, y: nothing })),
  ),
];

/** Qwen3-30B-A3B, and Mixtral: each size of tile. */
const EXPERTS = [
  { count: 128, perToken: 8 },
  { count: 8, perToken: 2 },
];
type Experts = (typeof EXPERTS)[number];

/** Mixtures: each type of weight with the usual epilogue, and one type with all, and with biases. */
const expertProducts = <T>(
  usual: Epilogue,
  others: readonly Epilogue[],
  build: (weight: Weight, epilogue: Epilogue, shape: Experts, bias: Vector | undefined) => T,
): T[] => [
  ...WEIGHT_TYPES.map(type => build(weightOf(type, 128 * 64), usual, EXPERTS[0]!, undefined)),
  ...EXPERTS.flatMap(shape =>
    [usual, ...others].map(epilogue => build(weightOf("Q4_0", shape.count * 64), epilogue, shape, vector)),
  ),
];

/**
 * Parts do not depend on each other: each type of weight with the usual ones, and one type with all.
 */
const products = <X, T>(
  rows: number,
  extras: readonly X[],
  build: (weight: Weight, epilogue: Epilogue, more: X) => T,
): T[] => [
  ...WEIGHT_TYPES.flatMap(type =>
    [STORE, GLU].map(epilogue => build(weightOf(type, rows), epilogue, extras[0]!)),
  ),
  ...EPILOGUES.flatMap(epilogue => extras.map(more => build(weightOf("Q4_0", rows), epilogue, more))),
];

/** All that each kernel asks for on one adapter, by the stem of its file in `src/kernels/`. */
const KERNELS: Readonly<Record<string, (pipelines: Pipelines, gpu: Gpu) => Promise<unknown>[]>> = {
  embed: pipelines => {
    const buffers = { tokens: nothing, x: nothing, state: nothing };
    const rows = ["token", "sampled", "position", "first"] as const;
    return [
      ...WEIGHT_TYPES.map(type => embed(pipelines, weightOf(type, 128), buffers)),
      ...rows.map(row => embed(pipelines, weightOf("F32", 128), buffers, { row })),
    ];
  },
  norm: (pipelines, gpu) =>
    (["rms", "layer"] as const).flatMap(kind =>
      [undefined, vector].map(bias => {
        const buffers = { x: nothing, y: nothing, state: nothing };
        const how = bias ? {} : { add: 1, scale: vector };
        return normalise(pipelines, gpu, { kind, weight: vector, bias, epsilon: 1e-5 }, 576, buffers, how);
      }),
    ),
  "qk-norm": (pipelines, gpu) => {
    const norm = { kind: "rms", q: vector, k: vector, own: false, whole: false, epsilon: 1e-5 } as const;
    return [qkNorm(pipelines, gpu, norm, PLACES, { qkv: nothing, state: nothing })];
  },
  "short-conv": (pipelines, gpu) => {
    const buffers = { x: nothing, weight: vector, history: nothing, y: nothing, state: nothing };
    return [
      shortConv(pipelines, gpu, { width: 2048, taps: 3 }, buffers),
      shortConv(pipelines, gpu, { width: 8192, taps: 4, stride: 12_352 }, buffers),
      shortConv(
        pipelines,
        gpu,
        { width: 4352, taps: 4, stride: 8512, first: 4096 },
        { ...buffers, bias: vector },
      ),
    ];
  },
  "head-gate": pipelines => {
    const buffers = { gates: nothing, weight: vector, y: nothing, state: nothing };
    const gates = { stride: 8192, first: 256, step: 512 };
    return [undefined, 1e-6].map(epsilon =>
      headGate(pipelines, { heads: 16, headDim: 256, gates, epsilon }, buffers),
    );
  },
  "delta-rule": (pipelines, gpu) => {
    const places = { x: nothing, y: nothing, history: nothing, memory: nothing, state: nothing };
    const buffers = { ...places, weight: vector, a: vector, dt: vector, norm: vector };
    const between = { rows: nothing, matrices: nothing, factors: nothing };
    // Qwen 3.5, and an odd one
    return [
      { heads: 32, keyHeads: 16, keyDim: 128, valueDim: 128 },
      { heads: 3, keyHeads: 1, keyDim: 256, valueDim: 20 },
    ].flatMap(sizes => {
      const shape = { ...sizes, taps: 4, epsilon: 1e-6 };
      return [
        deltaRuleDecode(pipelines, gpu, shape, buffers),
        deltaRulePrefill(pipelines, gpu, shape, buffers, between),
      ];
    });
  },
  mamba2: (pipelines, gpu) => {
    const places = { x: nothing, y: nothing, history: nothing, memory: nothing, state: nothing };
    const buffers = { ...places, weight: vector, bias: vector, a: vector, dt: vector, d: vector };
    const between = { rows: nothing, mix: nothing };
    // Granite 4, Nemotron 3 Nano 4B, and an odd one
    return [
      { heads: 64, groups: 1, stateDim: 128, headDim: 64 },
      { heads: 96, groups: 8, stateDim: 128, headDim: 80 },
      { heads: 3, groups: 3, stateDim: 256, headDim: 20 },
    ].flatMap(sizes => {
      const shape = { ...sizes, taps: 4 };
      return [
        mamba2Decode(pipelines, gpu, shape, buffers),
        mamba2Prefill(pipelines, gpu, shape, buffers, between),
      ];
    });
  },
  matvec: (pipelines, gpu) => {
    const inputs = { x: nothing, state: nothing };
    const norm = { weight: vector, epsilon: 1e-5 };
    const extras = [{}, { norm }, { bias: vector }, { norm, bias: vector }];
    const logits: Epilogue = { kind: "logits", y: nothing };
    return [
      matvec(pipelines, gpu, {
        ...inputs,
        weight: weightOf("Q4_0", 128),
        epilogue: logits,
        norm,
        draws: true,
      }),
      ...products(128, extras, (weight, epilogue, more) =>
        matvec(pipelines, gpu, { ...inputs, weight, epilogue, ...more }),
      ),
      ...expertProducts(GLU, [GATED, ACTIVATED, STORE], (weight, epilogue, shape, bias) => {
        const experts = { ...shape, ids: nothing };
        return matvec(pipelines, gpu, { ...inputs, weight, epilogue, norm, experts, bias });
      }),
    ];
  },
  "matvec-few": (pipelines, gpu) => {
    if (gpu.software) return [];
    const inputs = { x: nothing, state: nothing };
    return [
      ...products(128, [{}, { bias: vector }], (weight, epilogue, more) =>
        matvecFew(pipelines, gpu, { ...inputs, weight, epilogue, ...more }),
      ),
    ];
  },
  matmul: (pipelines, gpu) => {
    const inputs = { x: nothing, state: nothing };
    const [variant, ...sizes] = matmulVariants(gpu);
    return [
      ...products(128, [{}, { bias: vector }], (weight, epilogue, more) =>
        matmul(pipelines, gpu, { ...inputs, weight, epilogue, variant, ...more }),
      ),
      ...sizes.flatMap(variant =>
        [STORE, GLU].map(epilogue =>
          matmul(pipelines, gpu, { ...inputs, weight: weightOf("Q4_0", 128), epilogue, variant }),
        ),
      ),
      ...expertProducts(GLU, [GATED, ACTIVATED, STORE], (weight, epilogue, shape, bias) => {
        const lists = { ...shape, tile: expertTile(gpu, shape), pairs: nothing, tiles: nothing };
        const experts = { lists, inputs: epilogue.kind === "store" ? "pairs" : "tokens" } as const;
        return matmul(pipelines, gpu, { ...inputs, weight, epilogue, experts, bias });
      }),
    ];
  },
  experts: (pipelines, gpu) => {
    const places = { ids: nothing, weights: nothing, state: nothing };
    return [
      ...EXPERTS.flatMap(shape => {
        const lists = { ...shape, tile: expertTile(gpu, shape), pairs: nothing, tiles: nothing };
        const select = { ...shape, ...places, logits: nothing };
        return [
          expertsSelect(pipelines, gpu, { ...select, overAll: true }),
          expertsSelect(pipelines, gpu, { ...select, overAll: false }),
          expertsSelect(pipelines, gpu, { ...select, overAll: false, bias: vector, scales: vector }),
          expertsGather(pipelines, gpu, lists, places),
          expertsCombine(pipelines, gpu, { ...shape, size: 2048 }, { ...places, z: nothing, x: nothing }),
        ];
      }),
      ...expertProducts(ADD, [], (weight, _, shape, bias) => {
        const inputs = { ...shape, ...places, x: nothing };
        return expertsDown(pipelines, gpu, { ...inputs, weight, bias, epilogue: ADD });
      }),
    ];
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
    }).concat(
      [
        { heads: 8, kvHeads: 4, headDim: 256, window: 4096, softcap: 50 },
        { heads: 12, kvHeads: 12, headDim: 64, causal: false },
        { heads: 64, kvHeads: 8, headDim: 64, window: 128, sinks: { buffer: nothing, at: 5 } },
      ].flatMap(({ sinks, ...options }) => {
        const shape: AttentionShape = { ...options, kvBlocks: 512, scale: 0.1 };
        const buffers = { ...places, ...(sinks && { sinks }), state: nothing };
        const prefill = attentionPrefill(pipelines, gpu, shape, buffers);
        if (shape.causal === false) return [prefill];
        return [
          prefill,
          ...LONGEST.map(longest => attentionDecode(pipelines, gpu, shape, buffers, { longest })),
        ];
      }),
    );
  },
  sampler: (pipelines, gpu) => {
    const inputs = { vocabularySize: VOCABULARY, logits: nothing, state: nothing, tokens: nothing, slots: 2 };
    return [createSampler(pipelines, gpu, new NoBuffers(gpu), inputs)];
  },
  score: (pipelines, gpu) => {
    const buffers = { logits: nothing, targets: nothing, out: nothing, state: nothing };
    return [score(pipelines, gpu, { vocabularySize: VOCABULARY }, buffers)];
  },
  repack: (pipelines, gpu) => WEIGHT_TYPES.map(type => createRepacker(gpu, pipelines, type)),
};

/** By capability, then each variant of a family that may be chosen instead. */
function choicesOf(gpu: Gpu): KernelChoice[] {
  const others = FAMILIES.flatMap(family =>
    candidates(gpu, family)
      .slice(1)
      .map(variant => ({ [family]: variant })),
  );
  return [{}, ...others];
}

/** Each text with each set of numbers once. */
export async function shippedVariants(): Promise<Variant[]> {
  const variants = new Map<string, Variant>();
  for (const profile of PROFILES) {
    const limits = { maxComputeWorkgroupStorageSize: profile.workgroupBytes };
    const able = { ...profile, device: { queue: {}, limits } } as unknown as Gpu;
    for (const choice of choicesOf(able)) {
      const gpu = { ...able, choice };
      for (const [kernel, build] of Object.entries(KERNELS)) {
        const recorder = new Recorder(gpu);
        await Promise.all(build(recorder, gpu));
        for (const code of recorder.codes) {
          const text = composeShader(code.shader, code.imports, code.sizes);
          const key = JSON.stringify([text, code.constants]);
          const name = [
            code.shader,
            ...Object.values(code.imports ?? {}),
            JSON.stringify(code.sizes ?? {}),
            JSON.stringify(code.constants ?? {}),
          ];
          if (!variants.has(key)) variants.set(key, { kernel, name: name.join(" "), code, text });
        }
      }
    }
  }
  return [...variants.values()];
}
