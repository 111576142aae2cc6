import { InputError } from "../errors.ts";
import type { Buffers } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import { Pipelines, type Step } from "../gpu/step.ts";
import { attentionScratchBytes } from "../kernels/attention.ts";
import { createSampler, type Sampler } from "../kernels/sampler.ts";
import { STATE_BYTES } from "../kernels/state.ts";
import type { Hyperparameters } from "../model/hyperparameters.ts";
import { KV_BLOCK, KvCache, kvBlocks, kvLayerBytes } from "../model/kv-cache.ts";
import { llamaLastLogits, llamaLayers } from "../model/llama.ts";
import { type Phase, ProgramBuilder, type Scratch } from "../model/program.ts";
import { ropeTable } from "../model/rope.ts";
import type { WeightPlan } from "../model/weights.ts";
import { validateSampling } from "../sampling/options.ts";
import { packSampling } from "../sampling/pack.ts";
import { Evaluator } from "./evaluator.ts";
import { Pacing } from "./pacing.ts";
import { Profiler } from "./profiler.ts";
import { ReadbackSlots } from "./readback-slots.ts";
import { noCounters, type Programs, TokenLoop } from "./token-loop.ts";
import { type AllocatedWeights, llamaWeights } from "./weight-upload.ts";

/** Context that a session gets unless asked otherwise: more costs memory that most chats never use. */
const DEFAULT_CONTEXT = 8192;
/** Prompt tokens computed at once: enough to fill the adapter, few enough for a submit that the page does not feel. */
const CHUNK_ROWS = { gpu: 512, software: 64 };
/** Contexts up to this decode with one attention dispatch a layer, longer ones with two (see kernels/attention.ts). */
const SHORT_CONTEXT = 1024;
/** Prompt of the warm-up: pays the driver's first-use costs and measures what a token costs here. */
const WARM_UP = { prompt: 8, tokens: 3 };

/** @throws InputError `option` */
export function chooseContext(gpu: Gpu, model: Hyperparameters, wanted: number | undefined): number {
  if (wanted !== undefined && !(Number.isInteger(wanted) && wanted > 0)) {
    throw new InputError("option", `contextLength is ${wanted}; it must be a whole number above 0.`, {
      details: { option: "contextLength", value: wanted },
    });
  }
  if (wanted !== undefined) return wanted;
  const { maxBufferSize, maxStorageBufferBindingSize } = gpu.device.limits;
  const perPosition = kvLayerBytes({ ...model, elementBytes: gpu.f16 ? 2 : 4, positions: 16 }) / 16;
  const fits = Math.floor(Math.min(maxBufferSize, maxStorageBufferBindingSize) / perPosition / 16) * 16;
  return Math.min(model.contextLength, DEFAULT_CONTEXT, fits);
}

export interface BuildParts {
  gpu: Gpu;
  buffers: Buffers;
  model: Hyperparameters;
  plan: WeightPlan;
  weights: AllocatedWeights;
  contextLength: number;
}

/** A model whose buffers exist and whose pipelines compile; weights and RoPE factors are still to come. */
export interface BuiltModel {
  pipelines: Pipelines;
  /** Sequence state. */
  state: GPUBuffer;
  setRope(factors: Float32Array | undefined): void;
  /** Bytes of keys and values in all layers. */
  kvBytesPerPosition: number;
  /** Waits for the pipelines and warms up. Call it when the weights are there. */
  complete(): Promise<{
    loop: TokenLoop;
    evaluator: Evaluator;
    profiler: Profiler;
    programs: Programs;
    sampler: Sampler;
  }>;
}

/** Takes all memory at once and starts to compile. @throws DoesNotFitError `adapter-limit` */
export function buildModel({ gpu, buffers, model, plan, weights, contextLength }: BuildParts): BuiltModel {
  const pipelines = new Pipelines(gpu);
  const { queue } = gpu.device;
  const chunkRows = Math.min(gpu.software ? CHUNK_ROWS.software : CHUNK_ROWS.gpu, contextLength);
  const kvShape = { ...model, elementBytes: gpu.f16 ? 2 : 4, positions: contextLength };
  const kv = new KvCache(buffers, queue, kvShape);
  const scratch = allocateScratch(buffers, model, chunkRows, contextLength);
  const logits = buffers.storage("logits", model.vocabulary * 4);
  const llama = llamaWeights(plan, weights);

  const builder = (phase: Phase): ProgramBuilder =>
    new ProgramBuilder(phase, { gpu, pipelines, model, kv, scratch });
  const layers = (phase: Phase): Promise<Step[]> => {
    const program = builder(phase);
    llamaLayers(program, llama);
    return program.build();
  };
  const lastLogits = (): Promise<Step[]> => {
    const program = builder({ kind: "decode", longest: contextLength });
    llamaLastLogits(program, llama, logits);
    return program.build();
  };
  const decode = async (longest: number) => ({ longest, steps: await layers({ kind: "decode", longest }) });
  const contexts = contextLength > SHORT_CONTEXT ? [SHORT_CONTEXT, contextLength] : [contextLength];
  const compiling = Promise.all([
    layers({ kind: "prefill" }),
    Promise.all(contexts.map(decode)),
    lastLogits(),
    createSampler(pipelines, gpu, buffers, { vocabularySize: model.vocabulary, logits, ...scratch }),
  ]);
  compiling.catch(() => {}); // awaited in complete(); a failed download must not make it an unhandled rejection

  return {
    pipelines,
    state: scratch.state,
    kvBytesPerPosition: (kvLayerBytes({ ...kvShape, positions: KV_BLOCK }) / KV_BLOCK) * model.layers,
    setRope(factors) {
      queue.writeBuffer(scratch.rope, 0, ropeTable(model, contextLength, factors));
    },
    async complete() {
      const [prefill, decodes, last, sampler] = await compiling;
      const slots = new ReadbackSlots(gpu, buffers, {
        state: scratch.state,
        ring: sampler.ring,
        entries: sampler.RING,
        slots: 4,
      });
      const programs: Programs = { prefill, decode: decodes, logits: last };
      const loop = new TokenLoop({
        gpu,
        programs,
        kv,
        sampler,
        scratch,
        pacing: new Pacing(),
        chunkRows,
        slots,
      });
      await warmUp(loop, contextLength);
      const evaluator = new Evaluator({
        gpu,
        buffers,
        pipelines,
        kv,
        scratch,
        weights: llama,
        loop,
        last: { steps: last, logits },
        vocabulary: model.vocabulary,
        builder: () => builder({ kind: "prefill" }),
        chunkRows,
      });
      const profiler = new Profiler({ gpu, programs, kv, scratch, sampler, contextLength, chunkRows });
      return { loop, evaluator, profiler, programs, sampler };
    },
  };
}

function allocateScratch(
  buffers: Buffers,
  model: Hyperparameters,
  rows: number,
  contextLength: number,
): Scratch {
  const { hidden, heads, kvHeads, headDim, feedForward, ropeDim } = model;
  const f32 = (label: string, columns: number): GPUBuffer => buffers.storage(label, rows * columns * 4);
  const attention = { heads, kvHeads, headDim, kvBlocks: kvBlocks(contextLength), scale: 1 };
  return {
    tokens: buffers.storage("tokens", rows * 4),
    x: f32("residual stream", hidden),
    normed: f32("normed", hidden),
    q: f32("queries", heads * headDim),
    attended: f32("attended", heads * headDim),
    gated: f32("gated", feedForward),
    attention: buffers.storage("attention parts", attentionScratchBytes(attention)),
    state: buffers.uniform("state", STATE_BYTES),
    rope: buffers.storage("rope", contextLength * ropeDim * 4),
  };
}

/** Runs a few tokens through both samplers: afterwards nothing compiles and nothing is created. */
async function warmUp(loop: TokenLoop, contextLength: number): Promise<void> {
  const room = contextLength - WARM_UP.tokens;
  const ids = new Array<number>(Math.max(1, Math.min(WARM_UP.prompt, room))).fill(0);
  for (const temperature of [0, 1]) {
    const sampling = packSampling(validateSampling({ temperature, seed: 0 }, 1), []);
    const maxTokens = Math.max(1, Math.min(WARM_UP.tokens, contextLength - ids.length));
    for await (const _ of loop.tokens({ ids, sampling, maxTokens }, noCounters()));
  }
}
