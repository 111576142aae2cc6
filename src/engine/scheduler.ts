/** Who computes what next: no GPU, no clock. */
import type { KvStore } from "../model/kv/store.ts";
import type { PromptPart, RowWork, Sequence } from "./sequence.ts";

export type Plan =
  | {
      kind: "prompts";
      parts: readonly PromptPart[];
      work: RowWork | undefined;
      /** Sequences wait for their next tokens. */
      beside: boolean;
    }
  | { kind: "decode"; sequences: readonly Sequence[]; steps: number };

/** What a batch may have. */
export interface Budget {
  /** Rows of prompts where nobody waits for the next token, and where so many do. */
  rows: number;
  rowsBeside(sequences: number): number;
  /** Decode steps of a submit for so many sequences, beside prompts or not. */
  steps(sequences: number, beside: boolean): number;
  /** Decode is queued only so far ahead of what is known: not now. */
  noDecode: boolean;
}

/** What came back of a sequence's part. */
export interface Drawn {
  ids: readonly number[];
  /** The last of them ends it. */
  ended: boolean;
}

/**
 * Up to as many sequences as the cache has slots run at a time, the rest waits: by priority, then in the order of their coming. Batches of
 * prompts and batches of next tokens take turns. All that run get their next token from the same batch; of prompts each gets
 * the same share of a batch, so that a short one is not kept up by a long one. Where the cache has no page left, the sequence that began last goes back to waiting
 * (recomputation, Kwon et al. 2023).
 */
export class Scheduler {
  readonly #kv: KvStore;
  /** Each text is one chunk. */
  readonly #whole: boolean;
  readonly #waiting: Sequence[] = [];
  /** In the order in which they began. */
  readonly #running: Sequence[] = [];
  #last: Plan["kind"] = "decode";
  /** The cache was full: nobody is let in before somebody has gone. */
  #full = false;

  constructor(kv: KvStore, whole: boolean) {
    this.#kv = kv;
    this.#whole = whole;
  }

  get running(): readonly Sequence[] {
    return this.#running;
  }

  get idle(): boolean {
    return this.#running.length === 0 && this.#waiting.length === 0;
  }

  add(sequence: Sequence): void {
    const { priority } = sequence.request;
    const place = this.#waiting.findIndex(other => other.request.priority < priority);
    this.#waiting.splice(place < 0 ? this.#waiting.length : place, 0, sequence);
  }

  /** All sequences, which now are nobody's. */
  clear(): Sequence[] {
    for (const sequence of this.#running) this.#leave(sequence);
    return [...this.#running.splice(0), ...this.#waiting.splice(0)];
  }

  /** Ends a sequence wherever it is. */
  end(sequence: Sequence, error?: unknown): void {
    for (const list of [this.#waiting, this.#running]) {
      const place = list.indexOf(sequence);
      if (place >= 0) list.splice(place, 1);
    }
    this.#leave(sequence);
    this.#full = false;
    sequence.settle(error);
  }

  /** @param admits whether those that wait may begin. Returns those that began, and what to compute. */
  plan(budget: Budget, admits: boolean): { begun: Sequence[]; plan: Plan | undefined } {
    for (const sequence of [...this.#waiting, ...this.#running])
      if (sequence.request.signal.aborted) this.end(sequence, sequence.request.signal.reason);
    const begun = admits ? this.#admit() : [];
    const waits = this.#running.filter(({ decodes }) => decodes);
    const waiting = waits.length;
    const decoding = budget.noDecode ? [] : waits;
    const prompting = this.#running.filter(({ prompts }) => prompts);
    const prompts = (): Plan | undefined => this.#prompts(prompting, waiting, budget);
    const decode = (): Plan | undefined => this.#decode(decoding, prompting.length > 0, budget);
    let plan: Plan | undefined;
    if (this.#last === "decode") plan = prompts() ?? decode();
    // two batches of prompts are not to stand between two tokens
    else plan = decode() ?? (waiting > 0 && decoding.length === 0 ? undefined : prompts());
    if (plan) this.#last = plan.kind;
    return { begun: begun.filter(({ kv }) => kv), plan };
  }

  /** Takes down what came back of a sequence's part of a batch. */
  settle(sequence: Sequence, run: number, drawn: Drawn | undefined): void {
    if (sequence.run !== run || !sequence.kv) return;
    sequence.underWay--;
    if (drawn) {
      sequence.ids.push(...drawn.ids);
      sequence.ended = drawn.ended;
      // the last token is sampled, not computed
      this.#kv.advance(sequence.kv, sequence.ids.slice(sequence.kv.ids.length, -1));
      if (drawn.ids.length > 0) sequence.request.draws!.deliver(drawn.ids);
    }
    if (sequence.kv && sequence.finished) this.end(sequence);
  }

  #admit(): Sequence[] {
    const begun: Sequence[] = [];
    while (this.#waiting.length > 0 && this.#kv.freeSlots > 0 && !(this.#full && this.#running.length > 0)) {
      const sequence = this.#waiting.shift()!;
      const { shares, draws, counters } = sequence.request;
      const { sequence: kv, cached } = this.#kv.open(shares ? sequence.ids : []);
      if (sequence.run === 0) counters.cachedPromptTokens = cached;
      Object.assign(sequence, { kv, computed: cached, target: sequence.ids.length, underWay: 0 });
      sequence.run++;
      sequence.drawn = draws ? sequence.ids.length - draws.promptTokens : 0;
      this.#running.push(sequence);
      begun.push(sequence);
    }
    return begun;
  }

  #decode(decoding: readonly Sequence[], beside: boolean, budget: Budget): Plan | undefined {
    const sequences: Sequence[] = [];
    let steps = budget.steps(decoding.length, beside);
    for (const sequence of decoding) {
      steps = Math.min(
        steps,
        sequence.request.draws!.maxTokens - sequence.drawn,
        this.#kv.untilCheckpoint(sequence.computed),
      );
    }
    for (const sequence of decoding) {
      if (!this.#running.includes(sequence)) continue; // it made room for an older one
      if (this.#reserve(sequence, sequence.computed + steps + 1)) sequences.push(sequence);
    }
    if (sequences.length === 0) return undefined;
    for (const sequence of sequences) {
      sequence.computed += steps;
      sequence.drawn += steps;
      sequence.underWay++;
    }
    return { kind: "decode", sequences, steps };
  }

  #prompts(prompting: readonly Sequence[], waiting: number, budget: Budget): Plan | undefined {
    const rows = waiting > 0 ? budget.rowsBeside(waiting) : budget.rows;
    const work = prompting[0]?.request.work;
    const alike = prompting
      .filter(({ request }) => request.work === work)
      .sort((a, b) => a.target - a.computed - (b.target - b.computed));
    let room = Math.min(rows, work?.rows ?? rows);
    const parts: PromptPart[] = [];
    for (const [index, sequence] of alike.entries()) {
      if (!this.#running.includes(sequence)) continue;
      const left = sequence.target - sequence.computed;
      const share = this.#whole ? left : Math.min(left, Math.floor(room / (alike.length - index)));
      if (share === 0 || share > room) continue;
      const end = this.#kv.chunkEnd(sequence.computed, share, sequence.target);
      if (!this.#reserve(sequence, end)) continue;
      const from = sequence.computed;
      const draws =
        end === sequence.target && (sequence.request.draws !== undefined || work?.lastOnly === true);
      parts.push({ sequence, from, rows: end - from, draws });
      room -= end - from;
    }
    const kept = parts.filter(({ sequence }) => sequence.kv);
    if (kept.length === 0) return undefined;
    for (const { sequence, rows } of kept) {
      sequence.computed += rows;
      sequence.underWay++;
      if (!sequence.prompts && sequence.request.draws) sequence.drawn++;
    }
    return { kind: "prompts", parts: kept, work, beside: waiting > 0 };
  }

  /** Pages for the sequence's first positions, taken from those that began after it where there are none. */
  #reserve(sequence: Sequence, positions: number): boolean {
    while (!this.#kv.reserve(sequence.kv!, positions)) {
      this.#full = true;
      const youngest = this.#running.at(-1)!;
      if (this.#running.length === 1) return false; // somebody takes or puts pages just now
      this.#running.pop();
      this.#leave(youngest);
      this.#waiting.unshift(youngest);
      if (youngest === sequence) return false;
    }
    return true;
  }

  #leave(sequence: Sequence): void {
    if (sequence.kv) this.#kv.close(sequence.kv);
    sequence.kv = undefined;
  }
}
