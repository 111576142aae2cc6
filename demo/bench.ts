// The page behind `npm run bench` (bench/bench.mjs): loads one model twice, cold and from IndexedDB, and times prefill and
// decode through the public API. Every figure is a list of single runs; the script takes medians.
import { type LoadOptions, load, type ModelInfo, models, type Support, support } from "intab";

export interface BenchJob {
  /** Where the model is served, with ranges. */
  url: string;
  loadOptions: Pick<LoadOptions, "contextLength" | "features">;
  /** Prompt lengths to time prefill at, tokens. */
  prefill: number[];
  /** Context lengths to time decode at, tokens. */
  decodeAt: number[];
  decodeTokens: number;
  /** Timed runs of each, after one that is not counted. */
  runs: number;
}

export interface BenchResult {
  info: ModelInfo;
  /** From the call of load() with an empty cache to a model that answers. */
  coldLoadMs: number;
  /** The same with the model in IndexedDB. */
  cachedLoadMs: number;
  /** From the call of load() with the model in IndexedDB to the first token of a 16-token prompt. */
  cachedFirstTokenMs: number;
  prefill: { tokens: number; tokensPerSecond: number[] }[];
  decode: {
    context: number;
    tokensPerSecond: number[];
    dispatchesPerToken: number;
    submitsPerToken: number;
  }[];
}

declare global {
  interface Window {
    intabBench: (job: BenchJob) => Promise<BenchResult>;
    intabSupport: () => Promise<Support>;
    /** Given by the script. */
    intabBenchStep: (step: string) => Promise<void>;
  }
}

window.intabSupport = support;
window.intabBench = async job => {
  await models.remove(job.url);
  const started = performance.now();
  const first = await load(job.url, job.loadOptions);
  const coldLoadMs = performance.now() - started;
  await first.dispose();
  await window.intabBenchStep("loaded cold");

  const again = performance.now();
  const model = await load(job.url, job.loadOptions);
  const cachedLoadMs = performance.now() - again;
  const { vocabularySize } = model.info;
  const greedy = { temperature: 0, ignoreEndOfTurn: true };
  await model.generate(randomIds(16, vocabularySize), { ...greedy, maxTokens: 1 });
  const cachedFirstTokenMs = performance.now() - again;
  await window.intabBenchStep("loaded from IndexedDB");

  const prefill: BenchResult["prefill"] = [];
  for (const tokens of job.prefill) {
    const tokensPerSecond: number[] = [];
    for (let run = 0; run <= job.runs; run++) {
      const { timings } = await model.generate(randomIds(tokens, vocabularySize), {
        ...greedy,
        maxTokens: 1,
      });
      if (run > 0) tokensPerSecond.push(timings.prefillTokensPerSecond);
    }
    prefill.push({ tokens, tokensPerSecond });
    await window.intabBenchStep(`prefill of ${tokens}`);
  }

  const decode: BenchResult["decode"] = [];
  for (const context of job.decodeAt) {
    const tokensPerSecond: number[] = [];
    let last = { dispatchesPerToken: 0, submitsPerToken: 0 };
    for (let run = 0; run <= job.runs; run++) {
      const ids = randomIds(Math.max(1, context), vocabularySize);
      const { timings } = await model.generate(ids, { ...greedy, maxTokens: job.decodeTokens + 1 });
      if (run > 0) tokensPerSecond.push(timings.decodeTokensPerSecond);
      last = timings;
    }
    const { dispatchesPerToken, submitsPerToken } = last;
    decode.push({ context, tokensPerSecond, dispatchesPerToken, submitsPerToken });
    await window.intabBenchStep(`decode at ${context}`);
  }
  const { info } = model;
  await model.dispose();
  return { info, coldLoadMs, cachedLoadMs, cachedFirstTokenMs, prefill, decode };
};

/** The same ids in every run: a linear congruential sequence. */
function randomIds(count: number, vocabulary: number): number[] {
  let state = 12345;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % vocabulary;
  });
}
