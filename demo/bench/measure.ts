/**
 * Measures one model through the public API. The page shows the result, and `npm run bench` (bench/bench.mjs) calls the
 * same function in a headless browser. Every figure is a list of single runs; whoever shows them takes medians.
 */
import { load, type Model, models, type ProfileResult, type Timings } from "intab";
import { promptIds } from "../../bench/lib/prompt.mjs";
import type { BenchJob, BenchPhase, BenchStep, Measured } from "../../bench/lib/report.d.mts";
import { timedRuns } from "../../bench/lib/series.mjs";
import { measureBandwidth } from "./bandwidth.ts";
import { traceFrames } from "./frames.ts";
import { plain } from "./plain.ts";
import { measureBeside, measureTogether } from "./side-by-side.ts";

export interface MeasureHooks {
  onStep?: (step: BenchStep) => void | Promise<void>;
  signal?: AbortSignal;
}

const FIRST_PROMPT = 16;

type Step = (phase: BenchPhase, text: string) => Promise<void>;

/** Loads, measures, and disposes of the model again. @throws what `load` and the model throw; the signal's reason */
export async function measure(job: BenchJob, { onStep, signal }: MeasureHooks = {}): Promise<Measured> {
  const cold = typeof job.source === "string" && !job.keepStored;
  const loads = cold ? job.loadRuns : Math.max(0, job.loadRuns - 1);
  const { together = [] } = job;
  const lengths = [job.prefill, job.decodeAt, together, job.profile].map(({ length }) => length);
  const parts = Number(job.bandwidth) + 1 + loads + lengths.reduce((sum, length) => sum + length, 0);
  let done = 0;
  const step: Step = async (phase, text) => {
    signal?.throwIfAborted();
    await onStep?.({ text, phase, share: done++ / parts });
  };
  let bandwidth: Measured["bandwidth"] = null;
  if (job.bandwidth) {
    await step("bandwidth", "memory bandwidth");
    bandwidth = await measureBandwidth();
  }
  const { model, ...load } = await measureLoads(job, step, signal);
  try {
    const endTrace = traceFrames();
    const prefill: Measured["prefill"] = [];
    for (const tokens of job.prefill) {
      await step("prefill", `prefill of ${tokens} tokens`);
      prefill.push(await measurePrefill(model, tokens, job, signal));
    }
    const decode: Measured["decode"] = [];
    for (const context of job.decodeAt) {
      await step("decode", `decode at context ${context}`);
      decode.push(await measureDecode(model, context, job, signal));
    }
    const frames = endTrace();
    const side: Pick<Measured, "together" | "beside"> = {};
    if (together.length > 0) {
      side.together = [];
      for (const requests of together) {
        await step("together", `${requests} requests together`);
        side.together.push(await measureTogether(model, requests, job, signal));
      }
      if (job.prefill.length > 0) side.beside = await measureBeside(model, job, signal);
    }
    const profile: ProfileResult[] = [];
    const timestamps = model.info.adapter.features.includes("timestamp-query");
    for (const options of timestamps ? job.profile : []) {
      await step("profile", `profile of ${options.phase} at context ${options.context ?? 0}`);
      profile.push(await model.profile(options, signal ? { signal } : {}));
    }
    signal?.throwIfAborted();
    return { info: model.info, bandwidth, load, prefill, decode, ...side, frames, profile };
  } finally {
    await model.dispose();
  }
}

async function measureLoads(
  { source, loadOptions, loadRuns, keepStored = false }: BenchJob,
  step: Step,
  signal: AbortSignal | undefined,
): Promise<{ model: Model } & Measured["load"]> {
  const options = { ...loadOptions, ...(signal ? { signal } : {}) };
  const timedLoad = async (): Promise<{ model: Model; ms: number; firstTokenMs: number }> => {
    const started = performance.now();
    const model = await load(source, options);
    const ms = performance.now() - started;
    try {
      const ids = promptIds(FIRST_PROMPT, model.info.vocabularySize);
      await model.generate(ids, plain(signal, 1));
      return { model, ms, firstTokenMs: performance.now() - started };
    } catch (error) {
      await model.dispose();
      throw error;
    }
  };
  const stored = typeof source === "string";
  const cold = stored && !keepStored;
  const place = stored ? "IndexedDB" : "the file";
  if (cold) await models.remove(source);
  await step("load", cold ? "load with nothing stored" : `load from ${place}`);
  const first = await timedLoad();
  const loads = cold ? [] : [first];
  let { model } = first;
  while (loads.length < loadRuns) {
    await model.dispose();
    await step("load", `load from ${place}, ${loads.length + 1} of ${loadRuns}`);
    const again = await timedLoad();
    loads.push(again);
    model = again.model;
  }
  const ms = loads.map(load => load.ms);
  const firstTokenMs = loads.map(load => load.firstTokenMs);
  return stored
    ? { model, coldMs: cold ? [first.ms] : [], cachedMs: ms, fileMs: [], firstTokenMs }
    : { model, coldMs: [], cachedMs: [], fileMs: ms, firstTokenMs };
}

async function measurePrefill(
  model: Model,
  tokens: number,
  job: BenchJob,
  signal: AbortSignal | undefined,
): Promise<Measured["prefill"][number]> {
  const ids = promptIds(tokens, model.info.vocabularySize);
  const runs = await timedRuns(
    job,
    () => timeOne(model, ids, 1, signal),
    timings => timings.prefillTokensPerSecond,
  );
  return {
    tokens,
    tokensPerSecond: runs.map(timings => timings.prefillTokensPerSecond),
    firstTokenMs: runs.map(timings => timings.timeToFirstTokenMs),
    longestSubmitMs: runs.map(timings => timings.longestPrefillSubmitMs),
  };
}

async function measureDecode(
  model: Model,
  context: number,
  job: BenchJob,
  signal: AbortSignal | undefined,
): Promise<Measured["decode"][number]> {
  const ids = promptIds(Math.max(1, context), model.info.vocabularySize);
  const runs = await timedRuns(
    job,
    () => timeOne(model, ids, job.decodeTokens + 1, signal),
    timings => timings.decodeTokensPerSecond,
  );
  const { dispatchesPerToken, submitsPerToken } = runs.at(-1)!;
  return {
    context,
    tokensPerSecond: runs.map(timings => timings.decodeTokensPerSecond),
    dispatchesPerToken,
    submitsPerToken,
    longestSubmitMs: runs.map(timings => timings.longestDecodeSubmitMs),
  };
}

async function timeOne(
  model: Model,
  ids: number[],
  maxTokens: number,
  signal: AbortSignal | undefined,
): Promise<Timings> {
  signal?.throwIfAborted();
  return (await model.generate(ids, plain(signal, maxTokens))).timings;
}
