/**
 * Measures one model through the public API. The page shows the result, and `npm run bench` (bench/bench.mjs) calls the
 * same function in a headless browser. Every figure is a list of single runs; whoever shows them takes medians.
 */
import {
  type GenerateOptions,
  type LoadOptions,
  load,
  type Model,
  type ModelInfo,
  models,
  type ProfileOptions,
  type ProfileResult,
} from "intab";
import { promptIds } from "../../bench/lib/prompt.mjs";
import { type Bandwidth, measureBandwidth } from "./bandwidth.ts";
import { type Frames, traceFrames } from "./frames.ts";

export interface BenchJob {
  /** A model's address, or a file, which is read in place and so has no load from IndexedDB. */
  source: string | File;
  loadOptions: Pick<LoadOptions, "contextLength" | "features">;
  /** Prompt lengths to time prefill at, tokens. */
  prefill: number[];
  /** Context lengths to time decode at, tokens. */
  decodeAt: number[];
  decodeTokens: number;
  /** Timed runs of each, after one that is not counted. */
  runs: number;
  /** Timed loads from IndexedDB. */
  loadRuns: number;
  /** Generate for so long before the first run: an idle GPU clocks down. Milliseconds. */
  warmUpMs: number;
  bandwidth: boolean;
  profile: ProfileOptions[];
}

export interface Measured {
  info: ModelInfo;
  bandwidth: Bandwidth | null;
  load: {
    /** From the call of load() with nothing stored to a model that answers. One run. */
    coldMs: number[];
    /** The same with the model in IndexedDB. */
    cachedMs: number[];
    /** From the call of load() to the first token of a 16-token prompt. */
    firstTokenMs: number[];
  };
  prefill: { tokens: number; tokensPerSecond: number[]; firstTokenMs: number[]; longestSubmitMs: number[] }[];
  decode: {
    context: number;
    tokensPerSecond: number[];
    dispatchesPerToken: number;
    submitsPerToken: number;
    longestSubmitMs: number[];
  }[];
  /** While the timed runs generate. */
  frames: Frames | null;
  profile: ProfileResult[];
}

export interface MeasureHooks {
  /** Called before each part; `share` is the part done, by count of parts. */
  onStep?: (step: { text: string; loading: boolean; share: number }) => void | Promise<void>;
  signal?: AbortSignal;
}

/** Greedy, and on past end-of-turn tokens. */
const plain = (signal: AbortSignal | undefined, maxTokens: number): GenerateOptions => ({
  temperature: 0,
  ignoreEndOfTurn: true,
  maxTokens,
  ...(signal ? { signal } : {}),
});
const FIRST_PROMPT = 16;

/** Loads, measures, and disposes of the model again. @throws what `load` and the model throw; the signal's reason */
export async function measure(job: BenchJob, { onStep, signal }: MeasureHooks = {}): Promise<Measured> {
  const loads = typeof job.source === "string" ? job.loadRuns : 0;
  const parts =
    Number(job.bandwidth) + 2 + loads + job.prefill.length + job.decodeAt.length + job.profile.length;
  let done = 0;
  const step = async (text: string, loading = false): Promise<void> => {
    signal?.throwIfAborted();
    await onStep?.({ text, loading, share: done++ / parts });
  };
  let bandwidth: Bandwidth | null = null;
  if (job.bandwidth) {
    await step("memory bandwidth");
    bandwidth = await measureBandwidth();
  }
  const { model, ...load } = await measureLoads(job, step, signal);
  try {
    await step("warming up");
    await warmUp(model, job, signal);
    const endTrace = traceFrames();
    const prefill: Measured["prefill"] = [];
    for (const tokens of job.prefill) {
      await step(`prefill of ${tokens} tokens`);
      prefill.push(await measurePrefill(model, tokens, job.runs, signal));
    }
    const decode: Measured["decode"] = [];
    for (const context of job.decodeAt) {
      await step(`decode at context ${context}`);
      decode.push(await measureDecode(model, context, job, signal));
    }
    const frames = endTrace();
    const profile: ProfileResult[] = [];
    for (const options of job.profile) {
      await step(`profile of ${options.phase} at context ${options.context ?? 0}`);
      profile.push(await model.profile(options, signal ? { signal } : {}));
    }
    signal?.throwIfAborted();
    return { info: model.info, bandwidth, load, prefill, decode, frames, profile };
  } finally {
    await model.dispose();
  }
}

async function measureLoads(
  { source, loadOptions, loadRuns }: BenchJob,
  step: (text: string, loading: boolean) => Promise<void>,
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
  if (typeof source !== "string") {
    await step("load from the file", true);
    const { model, ms, firstTokenMs } = await timedLoad();
    return { model, coldMs: [ms], cachedMs: [], firstTokenMs: [firstTokenMs] };
  }
  await models.remove(source);
  await step("load with nothing stored", true);
  const cold = await timedLoad();
  const cachedMs: number[] = [];
  const firstTokenMs: number[] = [];
  let { model } = cold;
  for (let run = 0; run < loadRuns; run++) {
    await model.dispose();
    await step(`load from IndexedDB, ${run + 1} of ${loadRuns}`, true);
    const again = await timedLoad();
    cachedMs.push(again.ms);
    firstTokenMs.push(again.firstTokenMs);
    model = again.model;
  }
  return { model, coldMs: [cold.ms], cachedMs, firstTokenMs };
}

async function warmUp(model: Model, { warmUpMs }: BenchJob, signal: AbortSignal | undefined): Promise<void> {
  const { vocabularySize, contextLength } = model.info;
  const until = performance.now() + warmUpMs;
  const ids = promptIds(Math.min(64, Math.ceil(contextLength / 2)), vocabularySize);
  while (performance.now() < until && !signal?.aborted) await model.generate(ids, plain(signal, 64));
}

async function measurePrefill(
  model: Model,
  tokens: number,
  runs: number,
  signal: AbortSignal | undefined,
): Promise<Measured["prefill"][number]> {
  const result: Measured["prefill"][number] = {
    tokens,
    tokensPerSecond: [],
    firstTokenMs: [],
    longestSubmitMs: [],
  };
  const ids = promptIds(tokens, model.info.vocabularySize);
  for (let run = 0; run <= runs; run++) {
    signal?.throwIfAborted();
    const { timings } = await model.generate(ids, plain(signal, 1));
    if (run === 0) continue;
    result.tokensPerSecond.push(timings.prefillTokensPerSecond);
    result.firstTokenMs.push(timings.timeToFirstTokenMs);
    result.longestSubmitMs.push(timings.longestPrefillSubmitMs);
  }
  return result;
}

async function measureDecode(
  model: Model,
  context: number,
  { runs, decodeTokens }: BenchJob,
  signal: AbortSignal | undefined,
): Promise<Measured["decode"][number]> {
  const tokensPerSecond: number[] = [];
  const longestSubmitMs: number[] = [];
  let counts = { dispatchesPerToken: 0, submitsPerToken: 0 };
  const ids = promptIds(Math.max(1, context), model.info.vocabularySize);
  for (let run = 0; run <= runs; run++) {
    signal?.throwIfAborted();
    const { timings } = await model.generate(ids, plain(signal, decodeTokens + 1));
    if (run === 0) continue;
    tokensPerSecond.push(timings.decodeTokensPerSecond);
    longestSubmitMs.push(timings.longestDecodeSubmitMs);
    const { dispatchesPerToken, submitsPerToken } = timings;
    counts = { dispatchesPerToken, submitsPerToken };
  }
  return { context, tokensPerSecond, ...counts, longestSubmitMs };
}
