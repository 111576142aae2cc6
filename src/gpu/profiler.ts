import type { Gpu } from "./device.ts";
import { readBuffer } from "./readback.ts";
import { encodeSteps, type Step } from "./step.ts";

/** A pass lasts at least this long: browsers may round timestamps to 100 us. Milliseconds. */
const PASS_MS = 6;
const SAMPLES = 5;

export interface TimedWork {
  steps: readonly Step[];
  /** Tokens in the batch. */
  rows: number;
  /** Repetitions in one pass at most. */
  most: number;
  /** Called before each pass: sets the state that the steps read. */
  prepare: () => void;
  signal: AbortSignal;
}

/**
 * GPU time of running `steps` once, in microseconds: median of passes in which they are repeated, one after the other,
 * between two timestamps. Single dispatches are too short for these clocks, and a pass of one kind of step shows what it
 * costs among its like.
 */
export async function timeSteps(gpu: Gpu, work: TimedWork): Promise<number> {
  let repeats = 1;
  let ms = await timePass(gpu, work, repeats);
  while (ms < PASS_MS && repeats < work.most) {
    const wanted = ms > 0 ? Math.ceil((repeats * PASS_MS * 1.2) / ms) : repeats * 8;
    repeats = Math.min(work.most, wanted, repeats * 8);
    ms = await timePass(gpu, work, repeats);
  }
  const samples: number[] = [];
  while (samples.length < SAMPLES) samples.push(await timePass(gpu, work, repeats));
  samples.sort((a, b) => a - b);
  return (samples[Math.floor(SAMPLES / 2)]! * 1000) / repeats;
}

/** Milliseconds. */
async function timePass(
  gpu: Gpu,
  { steps, rows, prepare, signal }: TimedWork,
  repeats: number,
): Promise<number> {
  signal.throwIfAborted();
  const { device } = gpu;
  const querySet = device.createQuerySet({ type: "timestamp", count: 2 });
  const times = device.createBuffer({
    size: 16,
    usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
  });
  try {
    prepare();
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass({
      timestampWrites: { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 },
    });
    for (let repeat = 0; repeat < repeats; repeat++) encodeSteps(pass, steps, rows);
    pass.end();
    encoder.resolveQuerySet(querySet, 0, 2, times, 0);
    device.queue.submit([encoder.finish()]);
    const [begin, end] = new BigUint64Array(await readBuffer(gpu, times));
    return Number(end! - begin!) / 1e6;
  } finally {
    querySet.destroy();
    times.destroy();
  }
}
