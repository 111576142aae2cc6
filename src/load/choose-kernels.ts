/** Which variants of the kernels are the fastest on an adapter: measured once, then remembered. */

import { abortable } from "../abort.ts";
import { DeviceLostError, IntabError } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import { Pipelines } from "../gpu/dispatch.ts";
import { median, passTimer } from "../gpu/profiler.ts";
import { allShaders } from "../gpu/shader.ts";
import { candidates, FAMILIES, type Family, type KernelChoice } from "../kernels/choice.ts";
import { getKernelChoice, putKernelChoice } from "../storage/database.ts";
import { sha256 } from "../storage/hash.ts";
import { lock } from "../storage/locks.ts";
import { SAMPLES, SampleBuffers } from "./kernel-samples.ts";

/** Another variant than the first one must take at most this share of its time: less may be noise. */
const ENOUGH = 0.95;
/** Passes of each variant; odd. */
const ROUNDS = 5;
/** Repetitions in a pass: enough for 6 ms of the fastest GPUs, and bounded where a GPU's clock stands still. */
const MOST_REPEATS = 512;
/** Looking up, compiling and measuring end here, and the load goes on with what capability suggests. Milliseconds. */
const LIMIT_MS = 2000;
/** Loads that begin to measure. What ends a first try, such as slow compilation or a crash, may not be there again. */
const TRIES = 2;

/** What is stored of an adapter. */
interface Remembered {
  /** Hash of browser, variants and shaders: a change of these may make another variant the fastest. */
  madeWith: string;
  choice: KernelChoice;
  /** Loads that began to measure; `TRIES` once it succeeded. */
  tries: number;
}

export interface ChooseOptions {
  signal: AbortSignal;
  /** For tests. */
  measure?: typeof measureKernels;
  limitMs?: number;
}

/**
 * The choice for this adapter with these features. Nothing is measured where it is known already, where there is nothing to choose,
 * and where it could not be remembered. No failure of the GPU or of the storage is one here: the choice is then empty.
 * @param open a device of the same adapter for the measurement alone, so that what happens there ends no load
 * @throws the signal's reason
 */
export async function chooseKernels(
  gpu: Gpu,
  open: () => Promise<Gpu>,
  { signal, measure = measureKernels, limitMs = LIMIT_MS }: ChooseOptions,
): Promise<KernelChoice> {
  const families = FAMILIES.filter(family => candidates(gpu, family).length > 1);
  if (families.length === 0) return {};
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), limitMs);
  const either = AbortSignal.any([signal, limit.signal]);
  try {
    return await abortable(recallOrMeasure(gpu, families, open, measure, either), either);
  } catch (error) {
    signal.throwIfAborted();
    if (limit.signal.aborted || isFailure(error)) return {};
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function recallOrMeasure(
  gpu: Gpu,
  families: readonly Family[],
  open: () => Promise<Gpu>,
  measure: typeof measureKernels,
  signal: AbortSignal,
): Promise<KernelChoice> {
  const adapter = JSON.stringify([gpu.device.adapterInfo?.device, gpu.facts]);
  const variants = families.map(family => candidates(gpu, family));
  const made = JSON.stringify([navigator.userAgent, variants, allShaders()]);
  const madeWith = await sha256(new TextEncoder().encode(made));
  // one at a time over all tabs: two would slow each other down, and not by the same amount
  const release = await lock("intab-kernels", signal);
  let own: Gpu | undefined;
  try {
    const stored = (await getKernelChoice(adapter)) as Partial<Remembered> | null | undefined;
    const { choice = {}, tries = 0 } = stored?.madeWith === madeWith ? stored : {};
    if (tries >= TRIES) return choice;
    signal.throwIfAborted();
    await putKernelChoice(adapter, { madeWith, choice, tries: tries + 1 } satisfies Remembered);
    own = await open();
    const measured = await measure(own, families, signal);
    signal.throwIfAborted();
    await putKernelChoice(adapter, { madeWith, choice: measured, tries: TRIES } satisfies Remembered);
    return measured;
  } finally {
    own?.destroy();
    release();
  }
}

/** Compiles all variants at once, then compares those of each family. @throws the signal's reason */
export async function measureKernels(
  gpu: Gpu,
  families: readonly Family[],
  signal: AbortSignal,
): Promise<KernelChoice> {
  const pipelines = new Pipelines(gpu);
  const buffers = new SampleBuffers(gpu);
  const prepare = (): void => {};
  try {
    const compiling = families.map(family =>
      candidates(gpu, family).map(variant => {
        const sample = SAMPLES[family]({
          gpu: { ...gpu, choice: { [family]: variant } },
          pipelines,
          buffers,
        });
        sample.catch(() => {}); // awaited when its turn comes
        return async () => {
          const work = { ...(await sample), most: MOST_REPEATS, prepare, signal };
          const timer = await withoutError(gpu, () => passTimer(gpu, work));
          return () => withoutError(gpu, timer);
        };
      }),
    );
    const choice: Record<string, string | undefined> = {};
    for (const [i, family] of families.entries()) {
      choice[family] = candidates(gpu, family)[fastest(await timeInTurns(compiling[i]!, signal))];
    }
    return choice;
  } finally {
    buffers.destroy();
  }
}

/**
 * Which variant to take.
 * @param times of the variants in order of preference; 0 for one that failed
 */
export function fastest(times: readonly number[]): number {
  let best = 0;
  let mark = times[0]! * ENOUGH;
  for (const [i, time] of times.entries()) {
    if (i > 0 && time > 0 && (mark === 0 || time <= mark)) [best, mark] = [i, time];
  }
  return best;
}

/**
 * Median of what each timer tells, 0 for one that failed. They take turns, since a GPU's clock rises while it works.
 * @param timers each with a warm-up before it
 */
export async function timeInTurns(
  timers: readonly (() => Promise<() => Promise<number>>)[],
  signal: AbortSignal,
): Promise<number[]> {
  const attempt = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!isFailure(error) || isLoss(error)) throw error;
      return undefined;
    }
  };
  const ready: (undefined | (() => Promise<number>))[] = [];
  for (const warmUp of timers) ready.push(await attempt(warmUp));
  const times = timers.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, time] of ready.entries()) times[i]!.push((time && (await attempt(time))) ?? 0);
  }
  return times.map(values => (Math.min(...values) > 0 ? median(values) : 0));
}

/** The device is gone: nothing that comes after could be measured, and which variant did it is not known. */
function isLoss(error: unknown): boolean {
  return error instanceof DeviceLostError && error.code === "device-lost";
}

/** What the GPU, its driver or the browser's storage did not do; anything else is a fault of ours. */
function isFailure(error: unknown): boolean {
  return error instanceof IntabError || error instanceof DOMException;
}

/** @throws DeviceLostError `gpu-error` where the GPU refuses what `work` gives it: times would mean nothing */
async function withoutError<T>({ device }: Gpu, work: () => Promise<T>): Promise<T> {
  device.pushErrorScope("validation");
  let refused: Promise<GPUError | null> | undefined;
  try {
    const result = await work();
    refused = device.popErrorScope();
    const error = await refused;
    if (error) throw new DeviceLostError("gpu-error", error.message);
    return result;
  } finally {
    if (!refused) void device.popErrorScope().catch(() => {}); // `work` failed: that is the news
  }
}
