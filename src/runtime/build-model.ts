import { InputError } from "../errors.ts";
import type { Buffers } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import { Pipelines, type Step } from "../gpu/step.ts";
import { createSampler, type Sampler } from "../kernels/sampler.ts";
import { KV_BLOCK, KvCache, layerBytes } from "../model/kv-cache.ts";
import type { OpenedModel } from "../model/open-model.ts";
import { type Phase, ProgramBuilder } from "../model/program.ts";
import { ropeTable } from "../model/rope.ts";
import { Scratch } from "../model/scratch.ts";
import { validateSampling } from "../sampling/options.ts";
import { packSampling } from "../sampling/pack.ts";
import { Evaluator } from "./evaluator.ts";
import { Pacing } from "./pacing.ts";
import { ReadbackSlots } from "./readback-slots.ts";
import { type Programs, TokenLoop } from "./token-loop.ts";
import type { AllocatedWeights } from "./weight-upload.ts";

/** Context that a session gets unless asked otherwise: more costs memory that most chats never use. */
const DEFAULT_CONTEXT = 8192;
/** Prompt tokens computed at once: enough to fill the adapter, few enough for a submit that the page does not feel. */
const CHUNK_ROWS = { gpu: 512, software: 64 };
/** Contexts up to this decode with one attention dispatch a layer, longer ones with two (see kernels/attention.ts). */
const SHORT_CONTEXT = 1024;
/** Prompt of the warm-up: pays the driver's first-use costs and measures what a token costs here. */
const WARM_UP = { prompt: 8, tokens: 3 };

/** @throws InputError `option` */
export function chooseContext(gpu: Gpu, model: OpenedModel, wanted: number | undefined): number {
  if (wanted !== undefined && !(Number.isInteger(wanted) && wanted > 0)) {
    throw new InputError("option", `contextLength is ${wanted}; it must be a whole number above 0.`, {
      details: { option: "contextLength", value: wanted },
    });
  }
  if (wanted !== undefined) return wanted;
  const { maxBufferSize, maxStorageBufferBindingSize } = gpu.device.limits;
  const limit = Math.min(maxBufferSize, maxStorageBufferBindingSize);
  const most = Math.min(model.shape.contextLength, DEFAULT_CONTEXT);
  const fits = model.caches.map(cache => {
    const shape = { elementBytes: gpu.f16 ? 2 : 4, batchRows: CHUNK_ROWS.gpu };
    if (layerBytes(cache, { ...shape, positions: most }) <= limit) return most;
    return Math.floor(limit / layerBytes(cache, { ...shape, positions: KV_BLOCK })) * KV_BLOCK;
  });
  return Math.min(most, ...fits);
}

export interface BuildParts {
  gpu: Gpu;
  buffers: Buffers;
  model: OpenedModel;
  weights: AllocatedWeights;
  contextLength: number;
}

/** A model whose buffers exist and whose pipelines compile; weights are still to come. */
export interface BuiltModel {
  pipelines: Pipelines;
  /** Of `buffers`, what the KV cache takes. */
  kvBytes: number;
  /** Sequence state. */
  state: GPUBuffer;
  /** Waits for the pipelines and warms up. Call it when the weights are there. */
  complete(): Promise<{ loop: TokenLoop; evaluator: Evaluator; programs: Programs; sampler: Sampler }>;
}

/** Takes all memory at once and starts to compile. @throws DoesNotFitError `adapter-limit` */
export function buildModel({ gpu, buffers, model, weights, contextLength }: BuildParts): BuiltModel {
  const pipelines = new Pipelines(gpu);
  const { queue } = gpu.device;
  const { hidden, vocabulary } = model.shape;
  const chunkRows = Math.min(gpu.software ? CHUNK_ROWS.software : CHUNK_ROWS.gpu, contextLength);
  const kvShape = { elementBytes: gpu.f16 ? 2 : 4, positions: contextLength, batchRows: chunkRows };
  const before = buffers.bytes;
  const kv = new KvCache(buffers, queue, model.caches, kvShape);
  const kvBytes = buffers.bytes - before;
  const scratch = new Scratch(buffers, chunkRows, contextLength);
  const logits = buffers.storage("logits", vocabulary * 4);
  const output = model.output!;

  const builder = (phase: Phase, x?: GPUBuffer): ProgramBuilder =>
    new ProgramBuilder(phase, { gpu, pipelines, weights, kv, scratch, hidden }, x);
  const layers = (phase: Phase): { x: GPUBuffer; steps: Promise<Step[]> } => {
    const program = builder(phase);
    model.forward(program);
    return { x: program.x, steps: program.build() };
  };
  const lastLogits = (x: GPUBuffer): Promise<Step[]> => {
    const program = builder({ kind: "decode", longest: contextLength }, x);
    program.lastLogits(output, logits);
    return program.build();
  };
  const decode = async (longest: number) => ({
    longest,
    steps: await layers({ kind: "decode", longest }).steps,
  });
  const contexts = contextLength > SHORT_CONTEXT ? [SHORT_CONTEXT, contextLength] : [contextLength];
  const prefill = layers({ kind: "prefill" });
  const { tokens, state } = scratch;
  const compiling = Promise.all([
    prefill.steps,
    Promise.all(contexts.map(decode)),
    lastLogits(prefill.x),
    createSampler(pipelines, gpu, buffers, { vocabularySize: vocabulary, logits, tokens, state }),
  ]);
  compiling.catch(() => {}); // awaited in complete(); a failed download must not make it an unhandled rejection

  return {
    pipelines,
    kvBytes,
    state,
    async complete() {
      for (const [rope, table] of scratch.ropes) queue.writeBuffer(table, 0, ropeTable(rope, contextLength));
      const [prefillSteps, decodes, last, sampler] = await compiling;
      const slots = new ReadbackSlots(gpu, buffers, {
        state: scratch.state,
        ring: sampler.ring,
        entries: sampler.RING,
        slots: 4,
      });
      const programs: Programs = { prefill: prefillSteps, decode: decodes, logits: last };
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
        output,
        loop,
        last: { steps: last, logits },
        vocabulary,
        builder: () => builder({ kind: "prefill" }, prefill.x),
        chunkRows,
      });
      return { loop, evaluator, programs, sampler };
    },
  };
}

/** Runs a few tokens through both samplers: afterwards nothing compiles and nothing is created. */
async function warmUp(loop: TokenLoop, contextLength: number): Promise<void> {
  const room = contextLength - WARM_UP.tokens;
  const ids = new Array<number>(Math.max(1, Math.min(WARM_UP.prompt, room))).fill(0);
  for (const temperature of [0, 1]) {
    const sampling = packSampling(validateSampling({ temperature, seed: 0 }, 1), []);
    const counters = { decodeSubmits: 0, decodeDispatches: 0, decodeSteps: 0 };
    const maxTokens = Math.max(1, Math.min(WARM_UP.tokens, contextLength - ids.length));
    for await (const _ of loop.tokens({ ids, sampling, maxTokens }, counters));
  }
}
