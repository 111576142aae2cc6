import type { Gpu } from "../gpu/device.ts";
import { unlessLost } from "../gpu/loss.ts";
import type { KvStore } from "../model/kv/store.ts";
import { notFinite } from "./finite.ts";
import type { Pacing } from "./pacing.ts";
import type { ReadSlots } from "./readback.ts";
import type { Runner } from "./runner.ts";
import type { Budget, Plan, Scheduler } from "./scheduler.ts";
import { Sequence, type SequenceRequest } from "./sequence.ts";

/** Decode submits under way: one runs, one waits, so that the GPU never idles and an abort is quick; and plans in all. */
const MAX_DECODE = 2;
export const MAX_UNDER_WAY = 4;

interface UnderWay {
  plan: Plan;
  /** The run of each sequence that it belongs to, by their order in the plan. */
  runs: readonly number[];
  outcome: Promise<ReadSlots | undefined>;
}

/** Work that needs a slot of the cache and no rows, or the GPU for itself. */
interface Job {
  alone: boolean;
  begin(): Promise<unknown>;
}

export interface EngineParts {
  gpu: Gpu;
  kv: KvStore;
  pacing: Pacing;
  scheduler: Scheduler;
  runner: Runner;
  chunkRows: number;
}

/** A model at work for many sequences: plans, queues, reads, hands over. */
export class Engine {
  readonly #parts: EngineParts;
  readonly #underWay: UnderWay[] = [];
  readonly #jobs: Job[] = [];
  #working: Promise<void> | undefined;
  #wake = (): void => {};

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  /**
   * Computes a sequence, and samples what is asked for; resolves when that is through.
   * @throws the signal's reason; ModelFormatError `not-finite`; DeviceLostError
   */
  async run(request: SequenceRequest): Promise<void> {
    request.signal.throwIfAborted();
    const sequence = new Sequence(request);
    this.#parts.scheduler.add(sequence);
    request.signal.addEventListener("abort", this.#arrived, { once: true });
    this.#arrived();
    try {
      await sequence.done;
    } finally {
      request.signal.removeEventListener("abort", this.#arrived);
    }
  }

  /** Runs what needs a free slot of the cache; `alone`: and nothing else at work. Rejects early with the signal's reason. */
  async job<T>(work: () => Promise<T>, signal: AbortSignal, alone = false): Promise<T> {
    signal.throwIfAborted();
    return new Promise<T>((resolve, reject) => {
      const job: Job = { alone, begin: () => work().then(resolve, reject) };
      this.#jobs.push(job);
      const leave = (): void => {
        const place = this.#jobs.indexOf(job);
        if (place < 0) return; // it has begun, and has the signal itself
        this.#jobs.splice(place, 1);
        reject(signal.reason);
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#arrived();
    });
  }

  /** Resolves when nothing is at work. */
  async idle(): Promise<void> {
    await this.#working;
  }

  readonly #arrived = (): void => {
    this.#wake();
    this.#working ??= this.#work();
  };

  async #work(): Promise<void> {
    const { scheduler } = this.#parts;
    try {
      while (!scheduler.idle || this.#underWay.length > 0 || this.#jobs.length > 0) await this.#step();
    } catch (error) {
      this.#underWay.length = 0;
      for (const sequence of scheduler.clear()) sequence.settle(error);
      for (const { begin } of this.#jobs.splice(0)) void begin();
    }
    this.#working = undefined; // at once, or what arrives now would be left lying
  }

  async #step(): Promise<void> {
    const { scheduler, runner } = this.#parts;
    const arrival = new Promise<void>(resolve => (this.#wake = resolve));
    const alone = await this.#beginJobs();
    if (this.#underWay.length < MAX_UNDER_WAY) {
      const { begun, plan } = scheduler.plan(this.#budget(), !alone);
      for (const sequence of begun) {
        runner.begin(sequence);
        sequence.request.counters.begunAt ||= performance.now();
      }
      if (plan) {
        const runs = sequencesOf(plan).map(({ run }) => run);
        const { outcome } = await runner.run(plan);
        outcome.catch(() => {}); // it is awaited in its turn
        this.#underWay.push({ plan, runs, outcome });
        return;
      }
    }
    const first = this.#underWay.shift();
    if (first) await this.#settle(first);
    else if (!scheduler.idle || this.#jobs.length > 0) await unlessLost(this.#parts.gpu, arrival);
  }

  /** Whether one waits for the rest to end. */
  async #beginJobs(): Promise<boolean> {
    const { kv, scheduler, runner } = this.#parts;
    for (let job = this.#jobs[0]; job; job = this.#jobs[0]) {
      if (job.alone && (scheduler.running.length > 0 || this.#underWay.length > 0)) return true;
      if (kv.freeSlots === 0) return false;
      this.#jobs.shift();
      const end = job.begin().finally(() => this.#wake());
      if (!job.alone) continue;
      await end;
      runner.forgetBatch();
    }
    return false;
  }

  #budget(): Budget {
    const { pacing, runner, chunkRows } = this.#parts;
    const rows = Math.min(chunkRows, pacing.rowsPerChunk(runner.programs.prompts.length));
    const decoding = this.#underWay.filter(({ plan }) => plan.kind === "decode").length;
    return {
      rows,
      rowsBeside: sequences => Math.min(rows, pacing.rowsBeside(sequences)),
      steps: (sequences, beside) => pacing.stepsPerSubmit(sequences, beside),
      noDecode: decoding >= MAX_DECODE,
    };
  }

  async #settle({ plan, runs, outcome }: UnderWay): Promise<void> {
    const { scheduler, kv } = this.#parts;
    let slots: ReadSlots | undefined;
    try {
      slots = await outcome;
    } catch (error) {
      for (const [index, sequence] of sequencesOf(plan).entries())
        if (sequence.run === runs[index]) scheduler.end(sequence, error);
      return;
    }
    const drawing =
      plan.kind === "decode"
        ? undefined
        : new Set(plan.parts.filter(({ draws }) => draws).map(part => part.sequence));
    for (const [index, sequence] of sequencesOf(plan).entries()) {
      const { draws } = sequence.request;
      const mine = sequence.kv && sequence.run === runs[index];
      if (!mine || !draws || !slots || drawing?.has(sequence) === false) {
        scheduler.settle(sequence, runs[index]!, undefined);
        continue;
      }
      const { generated, finished, idAt } = slots.of(sequence.kv!.slot);
      const seen = sequence.ids.length - draws.promptTokens;
      const ids = Array.from({ length: generated - seen }, (_, n) => idAt(seen + n));
      if (finished === 2) {
        scheduler.end(sequence, notFinite("logits"));
        kv.forget(); // what made the logits unusable may be among what is kept
      } else {
        scheduler.settle(sequence, runs[index]!, { ids, ended: finished !== 0 });
      }
    }
  }
}

function sequencesOf(plan: Plan): readonly Sequence[] {
  return plan.kind === "decode" ? plan.sequences : plan.parts.map(({ sequence }) => sequence);
}
