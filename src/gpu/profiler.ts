import type { Gpu } from "./device.ts";
import { type Dispatch, encodeDispatches } from "./dispatch.ts";
import { unlessLost } from "./loss.ts";
import { readBuffer } from "./readback.ts";

/**
 * A pass lasts at least this long: browsers may round timestamps to 100 us, and where there are none, its end is known
 * up to 3 ms late. Milliseconds.
 */
const PASS_MS = { stamped: 6, clocked: 20 };
const SAMPLES = 5;

export interface TimedWork {
  dispatches: readonly Dispatch[];
  /** Tokens in the batch. */
  rows: number;
  /** Sequences that these belong to. Default 1. */
  sequences?: number;
  /** Repetitions in one pass at most. */
  most: number;
  /** Called before each pass: sets the state that the dispatches read. */
  prepare: () => void;
  signal: AbortSignal;
}

/**
 * GPU time of running `dispatches` once, in microseconds: median of passes in which they are repeated, one after the other,
 * between two timestamps. Single dispatches are too short for these clocks, and a pass of one kind of dispatch shows what it
 * costs among its like.
 */
export async function timeDispatches(gpu: Gpu, work: TimedWork): Promise<number> {
  const timer = await passTimer(gpu, work);
  const samples: number[] = [];
  while (samples.length < SAMPLES) samples.push(await timer());
  return median(samples);
}

/** Of an odd number of values. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[(values.length - 1) / 2]!;
}

/**
 * Warms up and finds how many repetitions make a pass long enough. What it gives times one such pass: microseconds of
 * running the dispatches once, by the CPU's clock where the GPU tells no time.
 */
export async function passTimer(gpu: Gpu, work: TimedWork): Promise<() => Promise<number>> {
  const stamped = gpu.device.features.has("timestamp-query");
  const least = stamped ? PASS_MS.stamped : PASS_MS.clocked;
  const timePass = async (repeats: number): Promise<number> => {
    work.signal.throwIfAborted();
    work.prepare();
    return stamped ? stampPass(gpu, work, repeats) : clockPass(gpu, work, repeats);
  };
  let repeats = 1;
  await timePass(repeats);
  let ms = await timePass(repeats);
  while (ms < least && repeats < work.most) {
    const wanted = ms > 0 ? Math.ceil((repeats * least * 1.2) / ms) : repeats * 8;
    repeats = Math.min(work.most, wanted, repeats * 8);
    ms = await timePass(repeats);
  }
  return async () => ((await timePass(repeats)) * 1000) / repeats;
}

function encodePass(
  pass: GPUComputePassEncoder,
  { dispatches, rows, sequences }: TimedWork,
  repeats: number,
): void {
  for (let repeat = 0; repeat < repeats; repeat++) encodeDispatches(pass, dispatches, rows, sequences);
  pass.end();
}

/** Milliseconds. */
async function clockPass({ device, lost }: Gpu, work: TimedWork, repeats: number): Promise<number> {
  const encoder = device.createCommandEncoder();
  encodePass(encoder.beginComputePass(), work, repeats);
  const commands = encoder.finish();
  const begin = performance.now();
  device.queue.submit([commands]);
  await unlessLost({ lost }, device.queue.onSubmittedWorkDone());
  return performance.now() - begin;
}

/** Milliseconds. */
async function stampPass(gpu: Gpu, work: TimedWork, repeats: number): Promise<number> {
  const { device } = gpu;
  const querySet = device.createQuerySet({ type: "timestamp", count: 2 });
  const times = device.createBuffer({
    size: 16,
    usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
  });
  try {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass({
      timestampWrites: { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 },
    });
    encodePass(pass, work, repeats);
    encoder.resolveQuerySet(querySet, 0, 2, times, 0);
    device.queue.submit([encoder.finish()]);
    const [begin, end] = new BigUint64Array(await readBuffer(gpu, times));
    return Number(end! - begin!) / 1e6;
  } finally {
    querySet.destroy();
    times.destroy();
  }
}
