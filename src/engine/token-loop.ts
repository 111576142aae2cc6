import type { Gpu } from "../gpu/device.ts";
import { type Dispatch, encodeDispatches, splitDispatches } from "../gpu/dispatch.ts";
import type { PackedSampling } from "../kernels/sample-params.ts";
import type { Sampler } from "../kernels/sampler.ts";
import type { KvStore } from "../model/kv/store.ts";
import { notFinite } from "./finite.ts";
import type { Pacing } from "./pacing.ts";
import type { Prefill, Prefilled } from "./prefill.ts";
import type { ReadbackSlots, ReadState } from "./readback-slots.ts";
import { SubmitClock } from "./submit-clock.ts";

/** The prebuilt dispatches of a model. */
export interface Programs {
  /** Embedding and layers for one token, by the longest context that the dispatches serve, shortest first. */
  decode: readonly { longest: number; dispatches: readonly Dispatch[] }[];
  /** Logits of a batch's last token. */
  logits: readonly Dispatch[];
}

export interface TokenRequest {
  ids: readonly number[];
  sampling: PackedSampling;
  /** Sampled earlier, by a request that was broken off: the draws go on as if it had not been. Default: none. */
  generated?: readonly number[];
  /** Tokens to sample at most, those of `generated` included; prompt and these fit the KV cache together. */
  maxTokens: number;
  /** Whether keys and values are shared with other requests. Default true. */
  cachePrompt?: boolean;
  signal?: AbortSignal | undefined;
}

/** Work done for one request, for its timings. */
export interface LoopCounters {
  /** Of the prompt, what an earlier request had computed. */
  cachedPromptTokens: number;
  decodeSubmits: number;
  decodeDispatches: number;
  /** Decode steps queued, those past the end included. */
  decodeSteps: number;
  prefillClock: SubmitClock;
  decodeClock: SubmitClock;
}

export function noCounters(): LoopCounters {
  return {
    cachedPromptTokens: 0,
    decodeSubmits: 0,
    decodeDispatches: 0,
    decodeSteps: 0,
    prefillClock: new SubmitClock(),
    decodeClock: new SubmitClock(),
  };
}

/** Decode submits under way: one runs, one waits, so that the GPU never idles and an abort is quick. */
const MAX_IN_FLIGHT = 2;

/**
 * One generation step on one screen: queue, read, hand over. The GPU samples and advances its own state, so the next
 * submit is queued before the last one is read; what it computed past the end is dropped.
 */
export class TokenLoop {
  readonly #gpu: Gpu;
  readonly #programs: Programs;
  readonly #kv: KvStore;
  readonly #sampler: Sampler;
  readonly #pacing: Pacing;
  readonly #prefill: Prefill;
  readonly #slots: ReadbackSlots;

  constructor(parts: {
    gpu: Gpu;
    programs: Programs;
    kv: KvStore;
    sampler: Sampler;
    pacing: Pacing;
    prefill: Prefill;
    slots: ReadbackSlots;
  }) {
    this.#gpu = parts.gpu;
    this.#programs = parts.programs;
    this.#kv = parts.kv;
    this.#sampler = parts.sampler;
    this.#pacing = parts.pacing;
    this.#prefill = parts.prefill;
    this.#slots = parts.slots;
  }

  /**
   * Yields sampled ids in order, in batches as they arrive; the end token is among them. Leaving the loop early, or an
   * aborted signal, ends the generation; what is queued then runs out before this returns.
   * @throws ModelFormatError `not-finite`
   */
  async *tokens(request: TokenRequest, counters: LoopCounters): AsyncGenerator<number[], void> {
    const { ids: prompt, generated: before = [], maxTokens, signal, cachePrompt = true } = request;
    const ids = [...prompt, ...before];
    const { sequence, cached } = this.#kv.open(cachePrompt ? ids : []);
    counters.cachedPromptTokens = cached;
    const known = [...ids];
    let usable = true;
    const sample = request.sampling.greedy ? this.#sampler.greedy : this.#sampler.sample;
    let prefilled: Prefilled | undefined;
    const inFlight: { steps: number; sent: number; slot: Promise<ReadState> }[] = [];
    try {
      this.#sampler.begin(request.sampling, prompt, before);
      prefilled = await this.#prefill.run(sequence, ids, {
        signal,
        generated: before.length,
        clock: counters.prefillClock,
        last: [...this.#programs.logits, ...sample],
      });
      if (signal?.aborted) return;
      inFlight.push({
        steps: 0,
        sent: performance.now(),
        slot: this.#slots.submit(this.#gpu.device.createCommandEncoder()),
      });
      let queued = before.length + 1;
      let seen = before.length;
      let arrived = performance.now();
      while (inFlight.length > 0) {
        while (inFlight.length < MAX_IN_FLIGHT && queued < maxTokens && !signal?.aborted) {
          const computed = prompt.length + queued - 1;
          const steps = Math.min(
            this.#pacing.stepsPerSubmit(),
            maxTokens - queued,
            this.#kv.untilCheckpoint(computed),
          );
          this.#kv.reserve(sequence, computed + steps + 1);
          const slot = this.#decode(steps, computed + 1, sample, counters);
          this.#kv.checkpoint(sequence, computed + steps, true);
          inFlight.push({ steps, sent: performance.now(), slot });
          queued += steps;
        }
        const { steps, sent, slot } = inFlight.shift()!;
        const { generated, finished, idAt } = await slot;
        const now = performance.now();
        const took = now - Math.max(arrived, sent);
        if (steps === 0) counters.decodeClock.begin(); // the prompt's end
        if (finished === 0 && steps > 0) this.#pacing.decoded(steps, took);
        arrived = now;
        if (signal?.aborted) return;
        usable = finished !== 2;
        if (!usable) throw notFinite("logits");
        const fresh = Array.from({ length: generated - seen }, (_, index) => idAt(seen + index));
        seen = generated;
        // the last token is sampled, not computed
        known.push(...fresh);
        this.#kv.advance(sequence, known.slice(sequence.ids.length, -1));
        if (fresh.length > 0) yield fresh;
        if (finished === 1) return;
      }
    } finally {
      await Promise.allSettled([prefilled?.through, ...inFlight.map(({ slot }) => slot)]);
      this.#kv.close(sequence);
      if (!usable) this.#kv.forget(); // what made the logits unusable may be among what is kept
    }
  }

  /** @param context positions that the first of these steps attends to, its own included */
  async #decode(
    steps: number,
    context: number,
    sample: readonly Dispatch[],
    counters: LoopCounters,
  ): Promise<ReadState> {
    const { device, software } = this.#gpu;
    const decode = this.#programs.decode.find(({ longest }) => context + steps - 1 <= longest)!.dispatches;
    const token = [...decode, ...this.#programs.logits, ...sample];
    const encode = (part: readonly Dispatch[], times: number): GPUCommandEncoder => {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      for (let i = 0; i < times; i++) encodeDispatches(pass, part);
      pass.end();
      return encoder;
    };
    // a software adapter draws no page: there nothing is gained by it
    const submits = steps === 1 && !software ? this.#pacing.submitsPerStep() : 1;
    const parts = splitDispatches(token, submits);
    for (const part of parts.slice(0, -1)) {
      const sent = performance.now();
      device.queue.submit([encode(part, 1).finish()]);
      // only a lost GPU fails this, and `lost` tells it
      device.queue.onSubmittedWorkDone().then(
        () => counters.decodeClock.ended(sent),
        () => {},
      );
    }
    counters.decodeSubmits += parts.length;
    counters.decodeSteps += steps;
    counters.decodeDispatches += steps * token.length;
    const sent = performance.now();
    const read = await this.#slots.submit(encode(parts.at(-1)!, steps));
    counters.decodeClock.ended(sent);
    return read;
  }
}
