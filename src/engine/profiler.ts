import { GpuUnavailableError } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import type { Dispatch } from "../gpu/dispatch.ts";
import { timeDispatches } from "../gpu/profiler.ts";
import { packSampling } from "../kernels/sample-params.ts";
import type { Sampler } from "../kernels/sampler.ts";
import { batchBytes, slotWrites } from "../kernels/state.ts";
import type { KvStore } from "../model/kv/store.ts";
import type { Scratch } from "../model/scratch.ts";
import { refused } from "../options.ts";
import { validateSampling } from "../sampling/options.ts";
import type { KernelTime, ProfileOptions, ProfileResult } from "../types.ts";
import type { Programs } from "./runner.ts";

export interface ProfilerParts {
  gpu: Gpu;
  programs: Programs;
  kv: KvStore;
  scratch: Scratch;
  sampler: Sampler;
  contextLength: number;
  /** Rows that the scratch buffers hold. */
  chunkRows: number;
}

/**
 * GPU time of the programs that generate, kernel by kernel. Dispatches of one label are timed together, each with its own
 * layer's weights, so that no cache holds what a real token would have to fetch.
 */
export class Profiler {
  readonly #parts: ProfilerParts;

  constructor(parts: ProfilerParts) {
    this.#parts = parts;
  }

  /** @throws InputError `option`; GpuUnavailableError `no-timestamps`; the signal's reason */
  async profile(options: ProfileOptions, signal: AbortSignal): Promise<ProfileResult> {
    const { gpu, kv, scratch, sampler, contextLength } = this.#parts;
    const { phase, context, rows } = this.#check(options);
    const dispatches = this.#dispatches(phase, context);
    const { queue } = gpu.device;
    const { sequence } = kv.open();
    try {
      const reach = Math.min(contextLength, kv.reach(context));
      kv.advance(sequence, new Array<number>(context).fill(0));
      kv.reserve(sequence, reach);
      // greedy with nothing to end it; kernels rest once a sequence is finished
      sampler.begin(sequence.slot, packSampling(validateSampling({ temperature: 0 }, 1), []), []);
      const { slot } = sequence;
      queue.writeBuffer(scratch.tokens, 0, new Uint32Array(rows));
      queue.writeBuffer(scratch.sampled, slot * 4, new Uint32Array(1));
      queue.writeBuffer(scratch.state, 0, batchBytes([{ slot, rows, draws: true }]));
      const prepare = (): void => {
        const state = { position: context, finished: false, generated: 0 };
        for (const { at, bytes } of slotWrites(slot, state)) queue.writeBuffer(scratch.state, at, bytes);
      };
      // a sampled token moves the sequence on by one: no more of them than the context has room for
      const most = reach - context - rows + 1;
      const time = (some: readonly Dispatch[]): Promise<number> =>
        timeDispatches(gpu, { dispatches: some, rows, most, prepare, signal });
      const wholeMicroseconds = await time(dispatches); // first, so that what the single kernels read is there
      const kernels: KernelTime[] = [];
      for (const [label, some] of byLabel(dispatches))
        kernels.push({ label, dispatches: some.length, microseconds: await time(some) });
      return { phase, context, rows, kernels, wholeMicroseconds };
    } finally {
      kv.close(sequence);
    }
  }

  #check({ phase, context = 0, rows }: ProfileOptions): Required<ProfileOptions> {
    const { gpu, contextLength, chunkRows } = this.#parts;
    const batch = phase === "decode" ? 1 : (rows ?? Math.min(chunkRows, contextLength - context));
    const demand = (holds: boolean, option: string, value: unknown, rule: string): void => {
      if (!holds) throw refused(option, value, rule);
    };
    demand(phase === "decode" || phase === "prefill", "phase", phase, '"decode" or "prefill"');
    const last = contextLength - 1;
    const inside = Number.isInteger(context) && context >= 0 && context <= last;
    demand(inside, "context", context, `a whole number from 0 to ${last}`);
    const room = Math.min(chunkRows, contextLength - context);
    const fits = Number.isInteger(batch) && batch > 0 && batch <= room;
    demand(fits, "rows", batch, `a whole number from 1 to ${room}`);
    if (!gpu.device.features.has("timestamp-query")) {
      throw new GpuUnavailableError(
        "no-timestamps",
        "This browser or GPU offers no timestamp queries, so kernels cannot be timed. In Chromium, try --enable-unsafe-webgpu.",
      );
    }
    return { phase, context, rows: batch };
  }

  #dispatches(phase: ProfileOptions["phase"], context: number): readonly Dispatch[] {
    const { programs, sampler } = this.#parts;
    if (phase === "prefill") return programs.prompts;
    const { contexts, logits } = programs.decode[0]!;
    const { dispatches } = contexts.find(({ longest }) => context + 1 <= longest)!;
    return [...dispatches, ...logits, ...sampler.greedy];
  }
}

/** In order of the first of each. */
function byLabel(dispatches: readonly Dispatch[]): Map<string, Dispatch[]> {
  const groups = new Map<string, Dispatch[]>();
  for (const dispatch of dispatches) {
    const group = groups.get(dispatch.label);
    if (group) group.push(dispatch);
    else groups.set(dispatch.label, [dispatch]);
  }
  return groups;
}
