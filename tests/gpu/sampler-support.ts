// A sampler over logits of the test's choosing, run many times in one queue without the CPU in between.

import { encodeDispatches } from "../../src/gpu/dispatch.ts";
import { packSampling } from "../../src/kernels/sample-params.ts";
import { createSampler, type SamplerCut } from "../../src/kernels/sampler.ts";
import { readSlot, type SlotRead, STATE_BYTES, stateBytes } from "../../src/kernels/state.ts";
import { type ResolvedSampling, validateSampling } from "../../src/sampling/options.ts";
import type { SamplingOptions } from "../../src/types.ts";
import type { KernelBench } from "./support.ts";

/** No filter, no penalty, temperature 1: what a test does not name is off. */
const OFF: SamplingOptions = { temperature: 1, topK: 0, topP: 1, minP: 0, seed: 1 };

export function sampling(options: SamplingOptions, vocabularySize: number): ResolvedSampling {
  return validateSampling({ ...OFF, ...options }, vocabularySize);
}

export interface Draws {
  ids: number[];
  state: SlotRead;
  /** `tokens[0]`. */
  token: number;
}

export interface DrawOptions {
  count?: number;
  /** Ids at the end of the prompt. */
  tail?: readonly number[];
  endTokens?: readonly number[];
  position?: number;
  rows?: number;
  finished?: boolean;
}

export async function samplerBench(bench: KernelBench, vocabularySize: number, cut?: SamplerCut) {
  const { gpu, buffers } = bench;
  const logits = buffers.storage("logits", vocabularySize * 4);
  const state = bench.state(stateBytes({ position: 0, rows: 1, finished: false, generated: 0 }));
  const tokens = buffers.storage("tokens", 16);
  const sampler = await createSampler(
    bench.pipelines,
    gpu,
    buffers,
    { vocabularySize, logits, state, tokens, slots: 1 },
    cut,
  );

  /** Samples `count` tokens from the same logits, as one request. */
  async function draw(
    values: Float32Array<ArrayBuffer>,
    request: ResolvedSampling,
    options: DrawOptions = {},
  ): Promise<Draws> {
    const { count = 1, tail = [], endTokens = [], position = 0, rows = 1, finished = false } = options;
    gpu.device.queue.writeBuffer(logits, 0, values);
    gpu.device.queue.writeBuffer(state, 0, stateBytes({ position, rows, finished, generated: 0 }));
    const packed = packSampling(request, endTokens);
    sampler.begin(0, packed, tail);
    const out = buffers.storage("all ids", Math.ceil(count / sampler.RING) * sampler.RING * 4);
    const encoder = gpu.device.createCommandEncoder();
    for (let done = 0; done < count; done += sampler.RING) {
      const pass = encoder.beginComputePass();
      for (let i = done; i < Math.min(count, done + sampler.RING); i++) {
        encodeDispatches(pass, packed.greedy ? sampler.greedy : sampler.sample);
      }
      pass.end();
      encoder.copyBufferToBuffer(sampler.ring, 0, out, done * 4, sampler.RING * 4);
    }
    gpu.device.queue.submit([encoder.finish()]);
    await bench.run([]);
    const result: Draws = {
      ids: [...(await bench.readU32(out, count))],
      state: readSlot(await bench.readU32(state, STATE_BYTES / 4), 0),
      token: (await bench.readU32(tokens, 1))[0]!,
    };
    buffers.release(out);
    return result;
  }
  return { draw, sampler, vocabularySize };
}

export type SamplerBench = Awaited<ReturnType<typeof samplerBench>>;

/**
 * Probability of a chi-square at least this large by chance (Wilson-Hilferty). Cells expected fewer than 5
 * times are joined.
 */
export function chiSquareP(ids: readonly number[], probabilities: ReadonlyMap<number, number>): number {
  const seen = new Map<number, number>();
  for (const id of ids) seen.set(id, (seen.get(id) ?? 0) + 1);
  let cells = 0;
  let sum = 0;
  let expected = 0;
  let observed = 0;
  const close = (): void => {
    sum += (observed - expected) ** 2 / expected;
    cells++;
    expected = 0;
    observed = 0;
  };
  for (const [id, probability] of [...probabilities].sort((a, b) => a[1] - b[1])) {
    expected += probability * ids.length;
    observed += seen.get(id) ?? 0;
    if (expected >= 5) close();
  }
  if (cells < 2) return 1;
  const degrees = cells - 1;
  const spread = 2 / (9 * degrees);
  const z = (Math.cbrt(sum / degrees) - (1 - spread)) / Math.sqrt(spread);
  return upperTail(z);
}

/** 1 - Φ(z), Abramowitz & Stegun 26.2.17, error below 1e-7. */
function upperTail(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const poly =
    t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * poly;
  return z >= 0 ? tail : 1 - tail;
}
