import { GpuUnavailableError } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import type { Dispatch } from "../gpu/dispatch.ts";
import { timeDispatches } from "../gpu/profiler.ts";
import { packSampling } from "../kernels/sample-params.ts";
import type { Sampler } from "../kernels/sampler.ts";
import { batchWrite, type StateWrite, slotWrites } from "../kernels/state.ts";
import { KV_PAGE } from "../model/kv/layout.ts";
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
    const { gpu, kv, scratch, sampler } = this.#parts;
    const { phase, context, rows } = this.#check(options);
    const decodes = phase === "decode";
    const dispatches = decodes ? this.#decode(rows, context) : this.#parts.programs.prompts;
    const { queue } = gpu.device;
    const sequences = Array.from({ length: decodes ? rows : 1 }, () => kv.open().sequence);
    try {
      const reach = Math.min(this.#room(sequences.length), kv.reach(context));
      for (const sequence of sequences) {
        kv.advance(sequence, new Array<number>(context).fill(0));
        kv.reserve(sequence, reach);
        // greedy with nothing to end it; kernels rest once a sequence is finished
        sampler.begin(sequence.slot, packSampling(validateSampling({ temperature: 0 }, 1), []), []);
        queue.writeBuffer(scratch.sampled, sequence.slot * 4, new Uint32Array(1));
      }
      queue.writeBuffer(scratch.tokens, 0, new Uint32Array(rows));
      const each = rows / sequences.length;
      const parts = sequences.map(({ slot }) => ({ slot, rows: each, draws: true }));
      const write = ({ at, bytes }: StateWrite): void => queue.writeBuffer(scratch.state, at, bytes);
      write(batchWrite(parts));
      const prepare = (): void => {
        const state = { position: context, finished: false, generated: 0 };
        for (const { slot } of sequences) slotWrites(slot, state).forEach(write);
      };
      // a sampled token moves a sequence on by one: no more of them than the context has room for
      const most = reach - context - each + 1;
      const time = (some: readonly Dispatch[]): Promise<number> =>
        timeDispatches(gpu, {
          dispatches: some,
          rows,
          sequences: sequences.length,
          most,
          prepare,
          signal,
        });
      const wholeMicroseconds = await time(dispatches); // first, so that what the single kernels read is there
      const kernels: KernelTime[] = [];
      for (const [label, some] of byLabel(dispatches))
        kernels.push({ label, dispatches: some.length, microseconds: await time(some) });
      return { phase, context, rows, kernels, wholeMicroseconds };
    } finally {
      for (const sequence of sequences) kv.close(sequence);
    }
  }

  /** Positions that each of so many sequences can have. */
  #room(sequences: number): number {
    const { kv, contextLength } = this.#parts;
    return Math.min(contextLength, Math.floor(kv.pages / sequences) * KV_PAGE);
  }

  #check({ phase, context = 0, rows }: ProfileOptions): Required<ProfileOptions> {
    const { gpu, kv, chunkRows } = this.#parts;
    const demand = (holds: boolean, option: string, value: unknown, rule: string): void => {
      if (!holds) throw refused(option, value, rule);
    };
    const decodes = phase === "decode";
    demand(decodes || phase === "prefill", "phase", phase, '"decode" or "prefill"');
    const inside = (option: string, value: number, least: number, most: number): void => {
      const fits = Number.isInteger(value) && value >= least && value <= most;
      demand(fits, option, value, `a whole number from ${least} to ${most}`);
    };
    const together = decodes ? (rows ?? 1) : 1;
    if (decodes) inside("rows", together, 1, kv.slots);
    const room = this.#room(together);
    inside("context", context, 0, room - 1);
    const most = Math.min(chunkRows, room - context);
    const batch = decodes ? together : (rows ?? most);
    if (!decodes) inside("rows", batch, 1, most);
    if (!gpu.device.features.has("timestamp-query")) {
      throw new GpuUnavailableError(
        "no-timestamps",
        "This browser or GPU offers no timestamp queries, so kernels cannot be timed. In Chromium, try --enable-unsafe-webgpu.",
      );
    }
    return { phase, context, rows: batch };
  }

  #decode(sequences: number, context: number): readonly Dispatch[] {
    const { programs, sampler } = this.#parts;
    const { contexts, logits } = programs.decode.find(program => sequences <= program.sequences)!;
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
