import type { Gpu } from "../gpu/device.ts";
import { type Dispatch, encodeDispatches, splitDispatches } from "../gpu/dispatch.ts";
import { unlessLost } from "../gpu/loss.ts";
import type { Sampler } from "../kernels/sampler.ts";
import { type BatchPart, batchWrite, type StateWrite, slotWrites } from "../kernels/state.ts";
import type { KvStore } from "../model/kv/store.ts";
import type { Scratch } from "../model/scratch.ts";
import type { Pacing } from "./pacing.ts";
import type { Readback, ReadSlots } from "./readback.ts";
import type { Plan } from "./scheduler.ts";
import type { Counters, Sequence } from "./sequence.ts";

/** Dispatches for the next tokens of so many sequences, by the longest context that they serve, shortest first. */
export interface DecodeProgram {
  sequences: number;
  contexts: readonly { longest: number; dispatches: readonly Dispatch[] }[];
  /** Logits of the batch's rows. */
  logits: readonly Dispatch[];
}

/** The prebuilt dispatches of a model. */
export interface Programs {
  /** Embedding and layers for a batch of prompts. */
  prompts: readonly Dispatch[];
  /** For fewer sequences first; none where the model does not generate. */
  decode: readonly DecodeProgram[];
  /** Logits of a batch's draws. */
  logits: readonly Dispatch[];
}

/** A plan is queued. */
export interface Queued {
  /** What the CPU learns of it; undefined where nothing was drawn. */
  outcome: Promise<ReadSlots | undefined>;
}

/** Submits of prompts under way: their end is told some 3 ms late (`onSubmittedWorkDone`), and this covers it. */
const MAX_IN_FLIGHT = 4;

export interface RunnerParts {
  gpu: Gpu;
  programs: Programs;
  kv: KvStore;
  scratch: Scratch;
  pacing: Pacing;
  sampler: Sampler | undefined;
  readback: Readback | undefined;
}

/** Puts plans into the GPU's queue. The GPU samples and advances its own state, so that many steps are one submit. */
export class Runner {
  readonly #parts: RunnerParts;
  /** Submits of which the end is told. */
  readonly #inFlight: Promise<unknown>[] = [];
  /** The batch that the GPU's state describes. */
  #batch = "";
  /** When the last submit that is known to be over ended. */
  #endedAt = 0;

  constructor(parts: RunnerParts) {
    this.#parts = parts;
  }

  get programs(): Programs {
    return this.#parts.programs;
  }

  /** What others wrote into the state is not known here. */
  forgetBatch(): void {
    this.#batch = "";
  }

  /** Prepares what is drawn for a sequence that begins. */
  begin({ request, ids, kv }: Sequence): void {
    const { draws } = request;
    if (!draws) return;
    const prompt = ids.slice(0, draws.promptTokens);
    this.#parts.sampler!.begin(kv!.slot, draws.sampling, prompt, ids.slice(draws.promptTokens));
  }

  run(plan: Plan): Promise<Queued> {
    return plan.kind === "prompts" ? this.#prompts(plan) : this.#decode(plan);
  }

  /** Each chunk is spread over submits short enough for the page. */
  async #prompts({ parts, work, beside }: Extract<Plan, { kind: "prompts" }>): Promise<Queued> {
    const { gpu, programs, kv, scratch, pacing, readback } = this.#parts;
    const { queue } = gpu.device;
    const rows = parts.reduce((sum, part) => sum + part.rows, 0);
    const ids = parts.flatMap(({ sequence, from, rows }) => sequence.ids.slice(from, from + rows));
    queue.writeBuffer(scratch.tokens, 0, Uint32Array.from(ids));
    this.#describe(parts.map(({ sequence, rows, draws }) => ({ slot: sequence.kv!.slot, rows, draws })));
    for (const { sequence, from } of parts) {
      const generated = sequence.request.draws
        ? sequence.ids.length - sequence.request.draws.promptTokens
        : 0;
      const state = { position: from, finished: false, generated };
      for (const write of slotWrites(sequence.kv!.slot, state)) this.#write(write);
    }
    let at = 0;
    for (const part of parts) {
      part.sequence.request.before?.(part, at);
      at += part.rows;
    }
    const drawing = parts.filter(({ draws }) => draws);
    const sampling = drawing.map(({ sequence }) => sequence).filter(({ request }) => request.draws);
    const extra = work && (!work.lastOnly || drawing.length > 0) ? work.dispatches : [];
    const after = [...extra, ...(sampling.length > 0 ? [...programs.logits, ...this.#sample(sampling)] : [])];
    const counters = parts.map(({ sequence }) => sequence.request.counters);
    const submits: Promise<number>[] = [];
    const split = splitDispatches(programs.prompts, pacing.submitsPerChunk(rows));
    for (const [index, dispatches] of split.entries()) {
      const encoder = gpu.device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      encodeDispatches(pass, dispatches, rows, parts.length);
      if (index === split.length - 1) encodeDispatches(pass, after, rows, Math.max(1, drawing.length));
      pass.end();
      queue.submit([encoder.finish()]);
      submits.push(this.#watch(counters));
      if (this.#inFlight.length >= MAX_IN_FLIGHT) await unlessLost(gpu, this.#inFlight.shift()!);
    }
    const through = Promise.all(submits).then(each => {
      const ms = each.reduce((sum, ms) => sum + ms, 0);
      if (ms > 0) pacing.prefilled(rows, ms, beside);
    });
    const reads: Promise<unknown>[] = [];
    at = 0;
    for (const part of parts) {
      const { sequence, from, rows } = part;
      kv.checkpoint(sequence.kv!, from + rows);
      kv.advance(sequence.kv!, sequence.ids.slice(from, from + rows));
      if (sequence.request.read) reads.push(sequence.request.read(part, at, drawing.indexOf(part)));
      at += rows;
    }
    const read = sampling.length > 0 ? readback!.submit(gpu.device.createCommandEncoder()) : undefined;
    const all = Promise.all([read, ...reads, ...(read ? [] : [through])]);
    return { outcome: unlessLost(gpu, all).then(([slots]) => slots as ReadSlots | undefined) };
  }

  async #decode({ sequences, steps }: Extract<Plan, { kind: "decode" }>): Promise<Queued> {
    const { gpu, programs, kv, pacing, readback } = this.#parts;
    const { device, software } = gpu;
    this.#describe(sequences.map(sequence => ({ slot: sequence.kv!.slot, rows: 1, draws: true })));
    const count = sequences.length;
    const program = programs.decode.find(({ sequences: most }) => count <= most)!;
    const longest = Math.max(...sequences.map(({ computed }) => computed));
    const { dispatches } = program.contexts.find(context => longest <= context.longest)!;
    const token = [...dispatches, ...program.logits, ...this.#sample(sequences)];
    const encode = (part: readonly Dispatch[], times: number): GPUCommandEncoder => {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      for (let i = 0; i < times; i++) encodeDispatches(pass, part, count, count);
      pass.end();
      return encoder;
    };
    const counters = sequences.map(({ request }) => request.counters);
    // a software adapter draws no page: there nothing is gained by it
    const submits = steps === 1 && !software ? pacing.submitsPerStep(count) : 1;
    const parts = splitDispatches(token, submits);
    for (const part of parts.slice(0, -1)) {
      device.queue.submit([encode(part, 1).finish()]);
      this.#watch(counters, "longestDecodeSubmit");
    }
    for (const each of counters) {
      each.decodeSubmits += parts.length;
      each.decodeSteps += steps;
      each.decodeDispatches += steps * token.length;
    }
    const sent = performance.now();
    const outcome = readback!.submit(encode(parts.at(-1)!, steps)).then(slots => {
      const ms = this.#ended(sent, counters, "longestDecodeSubmit");
      if (sequences.every(({ kv }) => !kv || slots.of(kv.slot).finished === 0))
        pacing.decoded(count, steps, ms);
      return slots;
    });
    for (const { kv: place, computed } of sequences) kv.checkpoint(place!, computed, true);
    return { outcome };
  }

  #sample(sequences: readonly Sequence[]): readonly Dispatch[] {
    const { greedy, sample } = this.#parts.sampler!;
    const all = sequences.map(({ request }) => request.draws!.sampling.greedy);
    return [...(all.includes(true) ? greedy : []), ...(all.includes(false) ? sample : [])];
  }

  #describe(parts: readonly BatchPart[]): void {
    const batch = JSON.stringify(parts);
    if (batch === this.#batch) return;
    this.#batch = batch;
    this.#write(batchWrite(parts));
  }

  #write({ at, bytes }: StateWrite): void {
    const { gpu, scratch } = this.#parts;
    gpu.device.queue.writeBuffer(scratch.state, at, bytes);
  }

  /** What it resolves to: the submit's milliseconds. */
  #watch(
    counters: readonly Counters[],
    what: "longestPrefillSubmit" | "longestDecodeSubmit" = "longestPrefillSubmit",
  ): Promise<number> {
    const sent = performance.now();
    const done = this.#parts.gpu.device.queue.onSubmittedWorkDone();
    const ended = done.then(() => this.#ended(sent, counters, what)).catch(() => 0); // only a lost GPU fails this, and `lost` tells it
    this.#inFlight.push(ended);
    return ended;
  }

  /** A submit is over: it ran since it was sent, or since the one before it ended. Milliseconds. */
  #ended(
    sent: number,
    counters: readonly Counters[],
    what: "longestPrefillSubmit" | "longestDecodeSubmit",
  ): number {
    const now = performance.now();
    const ms = now - Math.max(sent, this.#endedAt);
    this.#endedAt = now;
    for (const each of counters) each[what] = Math.max(each[what], ms);
    return ms;
  }
}
