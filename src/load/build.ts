import { CacheJobs } from "../engine/cache-jobs.ts";
import { Embedder } from "../engine/embedder.ts";
import { Evaluator } from "../engine/evaluator.ts";
import { Pacing } from "../engine/pacing.ts";
import { Prefill } from "../engine/prefill.ts";
import { Profiler } from "../engine/profiler.ts";
import { ReadbackSlots } from "../engine/readback-slots.ts";
import type { Generator } from "../engine/session.ts";
import { noCounters, type Programs, TokenLoop } from "../engine/token-loop.ts";
import type { Buffers } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import { type Dispatch, Pipelines } from "../gpu/dispatch.ts";
import { SINGLE_STEP_KEYS } from "../kernels/attention.ts";
import { packSampling } from "../kernels/sample-params.ts";
import { createSampler } from "../kernels/sampler.ts";
import { KV_PAGE, layerBytes } from "../model/kv/layout.ts";
import { KvStore } from "../model/kv/store.ts";
import type { Output } from "../model/model-reader.ts";
import type { OpenedModel } from "../model/open-model.ts";
import { type Phase, ProgramBuilder } from "../model/program.ts";
import { ropeTable } from "../model/rope.ts";
import { Scratch } from "../model/scratch.ts";
import { validateSampling } from "../sampling/options.ts";
import type { AllocatedWeights } from "./allocated-weights.ts";
import { batchRows } from "./context.ts";

/** Prompt of the warm-up: pays the driver's first-use costs and measures what a token costs here. */
const WARM_UP = { prompt: 8, tokens: 3 };

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
  /** Bytes of keys and values that a further position takes, rings not counted. */
  kvBytesPerPosition: number;
  /** Waits for the pipelines and warms up. Call it when the weights are there. */
  complete(): Promise<{ embedder: Embedder; generator: Generator | undefined }>;
}

/** Takes all memory at once and starts to compile. @throws DoesNotFitError `adapter-limit` */
export function buildModel({ gpu, buffers, model, weights, contextLength }: BuildParts): BuiltModel {
  const pipelines = new Pipelines(gpu);
  const { queue } = gpu.device;
  const { hidden } = model.shape;
  const chunkRows = batchRows(gpu, model, contextLength);
  const kvShape = { elementBytes: gpu.f16 ? 2 : 4, positions: contextLength, batchRows: chunkRows };
  const before = buffers.bytes;
  const kv = new KvStore(buffers, gpu.device, model, kvShape);
  const kvBytes = buffers.bytes - before;
  const scratch = new Scratch(buffers, chunkRows, contextLength);
  const pacing = new Pacing();
  const builder = (phase: Phase, x?: GPUBuffer): ProgramBuilder =>
    new ProgramBuilder(phase, { gpu, pipelines, weights, kv, scratch, hidden }, x);
  const layers = (phase: Phase): { x: GPUBuffer; dispatches: Promise<Dispatch[]> } => {
    const program = builder(phase);
    model.forward(program);
    return { x: program.x, dispatches: program.build() };
  };
  const parts = { gpu, buffers, pipelines, kv, scratch, pacing, chunkRows };
  const prefill = layers({ kind: "prefill" });
  const states = statesProgram(model, builder({ kind: "prefill" }, prefill.x));
  const generation = model.output && generationPrograms(model, model.output, contextLength);
  const compiling = Promise.all([prefill.dispatches, states.dispatches, generation?.compiling]);
  compiling.catch(() => {}); // awaited in complete(); a failed download must not make it an unhandled rejection

  function generationPrograms({ shape: { vocabulary } }: OpenedModel, output: Output, longest: number) {
    const logits = buffers.storage("logits", vocabulary * 4);
    const last = builder({ kind: "decode", longest }, prefill.x);
    last.logits(output, logits);
    const contexts = longest > SINGLE_STEP_KEYS ? [SINGLE_STEP_KEYS, longest] : [longest];
    const decode = contexts.map(async context => ({
      longest: context,
      dispatches: await layers({ kind: "decode", longest: context }).dispatches,
    }));
    const { tokens, state } = scratch;
    const sampling = { vocabularySize: vocabulary, logits, tokens, state };
    const compiling = Promise.all([
      last.build(),
      Promise.all(decode),
      createSampler(pipelines, gpu, buffers, sampling),
    ]);
    return { output, logits, vocabulary, compiling };
  }

  return {
    pipelines,
    kvBytes,
    kvBytesPerPosition: model.caches
      .filter(({ window }) => window === undefined)
      .reduce((sum, cache) => sum + layerBytes(cache, { ...kvShape, positions: KV_PAGE }) / KV_PAGE, 0),
    async complete() {
      for (const [rope, table] of scratch.ropes) queue.writeBuffer(table, 0, ropeTable(rope, contextLength));
      const [prefillDispatches, stateDispatches] = await compiling;
      const reading = new Prefill({ ...parts, dispatches: prefillDispatches, whole: model.bidirectional });
      const embedder = new Embedder({
        ...states,
        gpu,
        prefill: reading,
        dispatches: stateDispatches,
        hidden,
        rankedBy: model.pooling,
      });
      if (!generation) {
        await embedder.embed([0], model.pooling, new AbortController().signal);
        return { embedder, generator: undefined };
      }
      const { output, logits, vocabulary } = generation;
      const [last, decode, sampler] = await generation.compiling;
      const slots = new ReadbackSlots(gpu, buffers, {
        state: scratch.state,
        ring: sampler.ring,
        entries: sampler.RING,
        slots: 4,
      });
      const programs: Programs = { decode, logits: last };
      const loop = new TokenLoop({ ...parts, programs, sampler, prefill: reading, slots });
      await warmUp(loop, contextLength);
      const evaluator = new Evaluator({
        ...parts,
        output,
        prefill: reading,
        last: { dispatches: last, logits },
        vocabulary,
        builder: () => builder({ kind: "prefill" }, prefill.x),
      });
      const profiler = new Profiler({
        ...parts,
        programs,
        prefill: prefillDispatches,
        sampler,
        contextLength,
      });
      const cache = new CacheJobs({ gpu, kv, prefill: reading });
      return { embedder, generator: { loop, evaluator, profiler, cache } };
    },
  };
}

/** From the residual stream to token states, and to a reranker's logits. */
function statesProgram({ output, ranking }: OpenedModel, program: ProgramBuilder) {
  const states = program.states(output?.norm);
  const ranks = ranking && { logits: program.rank(ranking, states), labels: ranking.output.rows };
  return { states, ranking: ranks, dispatches: program.build() };
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
