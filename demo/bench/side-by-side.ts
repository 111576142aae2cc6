/** Several requests at a time: what they get together, and what one of them feels of another one's prompt. */
import type { Model } from "intab";
import { promptIds, SIDE_PROMPT } from "../../bench/lib/prompt.mjs";
import type { BenchJob, Beside, Together } from "../../bench/lib/report.d.mts";
import { timedRuns } from "../../bench/lib/series.mjs";
import { quantile } from "../../bench/lib/statistics.mjs";
import { plain } from "./plain.ts";

/** Pieces of text after which intervals count and the other prompt comes; intervals of the request alone; tokens at most. */
const SETTLED = 5;
const ALONE = 25;
const BESIDE_TOKENS = 900;

export async function measureTogether(
  model: Model,
  requests: number,
  job: BenchJob,
  signal: AbortSignal | undefined,
): Promise<Together> {
  const { vocabularySize } = model.info;
  const prompts = Array.from({ length: requests }, (_, n) =>
    promptIds(SIDE_PROMPT, vocabularySize).map(id => (id + n) % vocabularySize),
  );
  const once = async (): Promise<number> => {
    signal?.throwIfAborted();
    const times: { first: number; last: number }[] = await Promise.all(
      prompts.map(async ids => {
        const request = model.generate(ids, plain(signal, job.decodeTokens + 1));
        let first = 0;
        let last = 0;
        for await (const _piece of request) {
          last = performance.now();
          first ||= last;
        }
        return { first, last };
      }),
    );
    const ms = Math.max(...times.map(({ last }) => last)) - Math.min(...times.map(({ first }) => first));
    return (requests * job.decodeTokens * 1000) / ms;
  };
  return { requests, tokensPerSecond: await timedRuns(job, once, rate => rate) };
}

export async function measureBeside(
  model: Model,
  job: BenchJob,
  signal: AbortSignal | undefined,
): Promise<Beside> {
  const { vocabularySize } = model.info;
  const promptTokens = Math.max(...job.prefill);
  const ids = promptIds(promptTokens, vocabularySize);
  const once = async (beside: boolean): Promise<number> => {
    signal?.throwIfAborted();
    const over = new AbortController();
    const both = AbortSignal.any(signal ? [signal, over.signal] : [over.signal]);
    const request = model.generate(ids.slice(0, SIDE_PROMPT), plain(both, BESIDE_TOKENS));
    const intervals: number[] = [];
    let before = 0;
    let pieces = 0;
    let other: Promise<unknown> | undefined;
    let computed = false;
    for await (const _piece of request) {
      const now = performance.now();
      if (pieces >= SETTLED) intervals.push(now - before);
      before = now;
      if (++pieces === SETTLED && beside) {
        other = model.generate(ids, plain(signal, 1)).then(() => {
          computed = true;
        });
      }
      if (beside ? computed : intervals.length === ALONE) over.abort();
    }
    await other;
    return quantile(intervals, 0.95);
  };
  const slowness = (ms: number): number => 1 / ms;
  return {
    promptTokens,
    aloneMs: await timedRuns(job, () => once(false), slowness),
    besideMs: await timedRuns(job, () => once(true), slowness),
  };
}
