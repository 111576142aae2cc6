import { CacheJobs } from "../engine/cache-jobs.ts";
import { Embedder } from "../engine/embedder.ts";
import { Engine, MAX_UNDER_WAY } from "../engine/engine.ts";
import { Evaluator } from "../engine/evaluator.ts";
import { Pacing } from "../engine/pacing.ts";
import { Profiler } from "../engine/profiler.ts";
import { Readback } from "../engine/readback.ts";
import { type DecodeProgram, Runner } from "../engine/runner.ts";
import { Scheduler } from "../engine/scheduler.ts";
import { noCounters } from "../engine/sequence.ts";
import type { Generator } from "../engine/session.ts";
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

export interface SequenceLimits {
  contextLength: number;
  maxSequences: number;
}

export interface BuildParts extends SequenceLimits {
  gpu: Gpu;
  buffers: Buffers;
  model: OpenedModel;
  weights: AllocatedWeights;
}

/** A model whose buffers exist and whose pipelines compile; weights are still to come. */
export interface BuiltModel {
  pipelines: Pipelines;
  /** Of `buffers`, what the KV cache takes. */
  kvBytes: number;
  /** Bytes of keys and values that a further position takes, rings not counted. */
  kvBytesPerPosition: number;
  /** Waits for the pipelines and warms up. Call it when the weights are there. */
  complete(): Promise<{ engine: Engine; embedder: Embedder; generator: Generator | undefined }>;
}

/** Takes all memory at once and starts to compile. @throws DoesNotFitError `adapter-limit` */
export function buildModel(buildParts: BuildParts): BuiltModel {
  const { gpu, buffers, model, weights, contextLength, maxSequences: slots } = buildParts;
  const pipelines = new Pipelines(gpu);
  const { queue } = gpu.device;
  const { hidden } = model.shape;
  const chunkRows = batchRows(gpu, model, contextLength);
  const kvShape = { elementBytes: gpu.f16 ? 2 : 4, positions: contextLength, batchRows: chunkRows, slots };
  const before = buffers.bytes;
  const kv = new KvStore(buffers, gpu.device, model, kvShape);
  const kvBytes = buffers.bytes - before;
  const scratch = new Scratch(buffers, Math.max(chunkRows, slots), contextLength);
  const pacing = new Pacing();
  const builder = (phase: Phase, x?: GPUBuffer): ProgramBuilder =>
    new ProgramBuilder(phase, { gpu, pipelines, weights, kv, scratch, hidden }, x);
  const layers = (phase: Phase): { x: GPUBuffer; dispatches: Promise<Dispatch[]> } => {
    const program = builder(phase);
    model.forward(program);
    return { x: program.x, dispatches: program.build() };
  };
  const parts = { gpu, buffers, pipelines, kv, scratch, pacing, chunkRows };
  const prefill = layers({ kind: "many" });
  const states = statesProgram(model, builder({ kind: "many" }, prefill.x));
  const generation = model.output && generationPrograms(model, model.output, contextLength);
  const compiling = Promise.all([prefill.dispatches, states.dispatches, generation?.compiling]);
  compiling.catch(() => {}); // awaited in complete(); a failed download must not make it an unhandled rejection

  function generationPrograms({ shape: { vocabulary } }: OpenedModel, output: Output, longest: number) {
    const logits = buffers.storage("logits", slots * vocabulary * 4);
    const logitsProgram = (phase: Phase): Promise<Dispatch[]> => {
      const program = builder(phase, prefill.x);
      program.logits(output, logits);
      return program.build();
    };
    const draws = logitsProgram({ kind: "one", longest });
    const contexts = longest > SINGLE_STEP_KEYS ? [SINGLE_STEP_KEYS, longest] : [longest];
    const decodeProgram = async (sequences: number): Promise<DecodeProgram> => {
      const phaseFor = (longest: number): Phase => ({ kind: sequences === 1 ? "one" : "few", longest });
      const [each, logits] = await Promise.all([
        Promise.all(
          contexts.map(async longest => ({
            longest,
            dispatches: await layers(phaseFor(longest)).dispatches,
          })),
        ),
        sequences === 1 ? draws : logitsProgram(phaseFor(longest)),
      ]);
      return { sequences, contexts: each, logits };
    };
    const { sampled: tokens, state } = scratch;
    const sampling = { vocabularySize: vocabulary, logits, tokens, state, slots };
    const compiling = Promise.all([
      draws,
      Promise.all((slots > 1 ? [1, slots] : [1]).map(decodeProgram)),
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
      const [prompts, stateDispatches] = await compiling;
      const [logits = [], decode = [], sampler] = (await generation?.compiling) ?? [];
      const programs = { prompts, decode, logits };
      const readback =
        sampler &&
        new Readback(gpu, buffers, {
          state: scratch.state,
          ring: sampler.ring,
          entries: sampler.RING,
          count: MAX_UNDER_WAY,
        });
      const runner = new Runner({ ...parts, programs, sampler, readback });
      const scheduler = new Scheduler(kv, model.bidirectional);
      const engine = new Engine({ ...parts, scheduler, runner });
      const rankedBy = model.pooling;
      const embedder = new Embedder({
        ...states,
        gpu,
        engine,
        dispatches: stateDispatches,
        hidden,
        rankedBy,
      });
      if (!generation) {
        await embedder.embed([0], model.pooling, new AbortController().signal);
        return { engine, embedder, generator: undefined };
      }
      const counts = gpu.software ? [1] : decode.map(({ sequences }) => sequences);
      await warmUp(engine, contextLength, counts);
      const { output, vocabulary } = generation;
      const evaluator = new Evaluator({
        ...parts,
        output,
        engine,
        last: { dispatches: logits, logits: generation.logits },
        vocabulary,
        builder: () => builder({ kind: "many" }, prefill.x),
      });
      const profiler = new Profiler({ ...parts, programs, sampler: sampler!, contextLength });
      const cache = new CacheJobs({ gpu, kv, engine });
      return { engine, embedder, generator: { evaluator, profiler, cache } };
    },
  };
}

/** From the residual stream to token states, and to a reranker's logits. */
function statesProgram({ output, ranking }: OpenedModel, program: ProgramBuilder) {
  const states = program.states(output?.norm);
  const ranks = ranking && { logits: program.rank(ranking, states), labels: ranking.output.rows };
  return { states, ranking: ranks, dispatches: program.build() };
}

/** Runs a few tokens through both samplers, for so many sequences at a time: afterwards nothing compiles and nothing is created. */
async function warmUp(engine: Engine, contextLength: number, counts: readonly number[]): Promise<void> {
  const room = contextLength - WARM_UP.tokens;
  const ids = new Array<number>(Math.max(1, Math.min(WARM_UP.prompt, room))).fill(0);
  const maxTokens = Math.max(1, Math.min(WARM_UP.tokens, contextLength - ids.length));
  const { signal } = new AbortController();
  for (const count of counts) {
    for (const temperature of [0, 1]) {
      const sampling = packSampling(validateSampling({ temperature, seed: 0 }, 1), []);
      const draws = { sampling, promptTokens: ids.length, maxTokens, deliver: () => {} };
      const request = { ids, shares: false, draws, priority: 0, signal, counters: noCounters() };
      await Promise.all(Array.from({ length: count }, () => engine.run(request)));
    }
  }
}
