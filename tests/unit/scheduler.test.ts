// Who computes what next, over a cache whose pages hold the tokens themselves: what is drawn depends on all that a sequence
// sees there, so a page that is lost, shared wrongly or written by another shows as a wrong token.
import { describe, expect, test } from "vitest";
import { type Budget, type Plan, Scheduler } from "../../src/engine/scheduler.ts";
import { noCounters, Sequence, type SequenceRequest } from "../../src/engine/sequence.ts";
import type { Buffers } from "../../src/gpu/buffers.ts";
import type { PackedSampling } from "../../src/kernels/sample-params.ts";
import { KV_PAGE, type LayerCache } from "../../src/model/kv/layout.ts";
import { KvStore } from "../../src/model/kv/store.ts";
import { randomInts } from "./support/random.ts";

const WINDOW = 40;
const LAYERS: LayerCache[] = [undefined, WINDOW].map((window, layer) => ({
  layer,
  kvHeads: 1,
  headDim: 4,
  window,
}));

function openStore(positions: number, slots: number, batchRows: number): KvStore {
  const buffers = { storage: (label: string) => ({ label }) } as unknown as Buffers;
  const device = { queue: { writeBuffer: () => {}, submit: () => {} } } as unknown as GPUDevice;
  const shape = { elementBytes: 2, positions, batchRows, slots };
  return new KvStore(buffers, device, { caches: LAYERS, states: [] }, shape);
}

/** The token that follows: of all that is seen. */
const next = (seen: readonly number[]): number =>
  seen.reduce((sum, id, position) => (sum * 31 + id * (position + 7)) % 65_521, 17) % 50;

function solo(ids: readonly number[], count: number, end: number): number[] {
  const all = [...ids];
  while (all.length < ids.length + count) {
    all.push(next(all));
    if (all.at(-1) === end) break;
  }
  return all.slice(ids.length);
}

/** Does with plans what a GPU would: in the order of the queue, at once; what came back is told later. */
class Machine {
  /** By pool and physical page: the token of each position that was written there. */
  readonly #memory = LAYERS.map(() => new Map<number, number[]>());
  /** By slot: what is computed, and the last token drawn, and whether that ended it. */
  readonly #slots = new Map<
    number,
    { generated: number[]; last: number; ended: boolean; position: number }
  >();
  readonly #kv: KvStore;
  readonly #end: number;

  constructor(kv: KvStore, end: number) {
    this.#kv = kv;
    this.#end = end;
  }

  #put(sequence: Sequence, position: number, id: number): void {
    for (const [pool, pages] of sequence.kv!.pages.entries()) {
      const memory = this.#memory[pool]!;
      const page = pages[Math.floor(position / KV_PAGE)]!;
      const held = memory.get(page) ?? [];
      held[position % KV_PAGE] = id;
      memory.set(page, held);
    }
  }

  /** What a sequence sees: all by the first pool; of it, the window must be the same in the second, where a window is shorter than the cache. */
  #seen(sequence: Sequence, positions: number): number[] {
    const read = (pool: number, position: number): number =>
      this.#memory[pool]!.get(sequence.kv!.pages[pool]![Math.floor(position / KV_PAGE)]!)![
        position % KV_PAGE
      ]!;
    const all = Array.from({ length: positions }, (_, position) => read(0, position));
    const windows = sequence.kv!.pages.length > 1;
    for (let position = Math.max(0, positions - WINDOW); windows && position < positions; position++)
      if (read(1, position) !== all[position])
        throw new Error(`Position ${position} is another's in the window`);
    return all;
  }

  #draw(sequence: Sequence, position: number): void {
    const slot = this.#slots.get(sequence.kv!.slot)!;
    slot.last = next(this.#seen(sequence, position));
    slot.generated.push(slot.last);
    slot.ended = slot.last === this.#end;
    slot.position = position;
  }

  /** @returns what the CPU learns, once it is told */
  run(
    plan: Plan,
  ): { sequence: Sequence; run: number; slot: number; drew: boolean; generated: number; ended: boolean }[] {
    const all = plan.kind === "decode" ? plan.sequences : plan.parts.map(({ sequence }) => sequence);
    if (plan.kind === "prompts") {
      for (const { sequence, from, rows, draws } of plan.parts) {
        const ids = sequence.ids.slice(from, from + rows);
        expect(ids.length).toBe(rows);
        for (const [index, id] of ids.entries()) this.#put(sequence, from + index, id);
        this.#slots.set(sequence.kv!.slot, {
          generated: sequence.ids.slice(sequence.request.draws!.promptTokens),
          last: -1,
          ended: false,
          position: from + rows,
        });
        if (draws) this.#draw(sequence, from + rows);
        this.#kv.advance(sequence.kv!, ids);
      }
    } else {
      for (let step = 0; step < plan.steps; step++) {
        for (const sequence of plan.sequences) {
          const slot = this.#slots.get(sequence.kv!.slot)!;
          if (slot.ended) continue;
          this.#put(sequence, slot.position, slot.last);
          this.#draw(sequence, slot.position + 1);
        }
      }
    }
    return all.map(sequence => {
      const { slot } = sequence.kv!;
      const { generated, ended } = this.#slots.get(slot)!;
      const drew =
        plan.kind === "decode" || plan.parts.some(part => part.sequence === sequence && part.draws);
      return { sequence, run: sequence.run, slot, drew, generated: generated.length, ended };
    });
  }

  generated(slot: number): readonly number[] {
    return this.#slots.get(slot)!.generated;
  }
}

const budget = (rows: number, steps: number, noDecode = false): Budget => ({
  rows,
  rowsBeside: () => Math.ceil(rows / 2),
  steps: () => steps,
  noDecode,
});
const request = (ids: readonly number[], more: Partial<SequenceRequest> & { maxTokens?: number } = {}) => {
  const delivered: number[] = [];
  const { maxTokens = 8, ...rest } = more;
  const draws = {
    sampling: {} as PackedSampling,
    promptTokens: ids.length,
    maxTokens,
    deliver: (fresh: readonly number[]) => void delivered.push(...fresh),
  };
  const { signal } = new AbortController();
  const sequence = new Sequence({
    ids,
    shares: true,
    draws,
    priority: 0,
    signal,
    counters: noCounters(),
    ...rest,
  });
  sequence.done.catch(() => {});
  return { sequence, delivered };
};
const count = (from: number, length: number): number[] => Array.from({ length }, (_, i) => from + i);

describe("a plan", () => {
  test("packs prompts, gives each the same share, and ends a short one with the first batch", () => {
    const scheduler = new Scheduler(openStore(1024, 8, 64), false);
    const [long, short] = [request(count(0, 500)), request(count(1000, 9))];
    for (const { sequence } of [long, short]) scheduler.add(sequence);
    const { plan } = scheduler.plan(budget(64, 4), true);
    expect(plan).toMatchObject({
      kind: "prompts",
      parts: [
        { sequence: short.sequence, from: 0, rows: 9, draws: true },
        { sequence: long.sequence, from: 0, rows: 55, draws: false },
      ],
    });
  });

  test("takes turns between prompts and next tokens, whose steps are those that the nearest end allows", () => {
    const scheduler = new Scheduler(openStore(1024, 8, 64), false);
    const short = request(count(0, 9), { maxTokens: 4 });
    scheduler.add(short.sequence);
    scheduler.plan(budget(64, 4), true);
    const long = request(count(1000, 300));
    scheduler.add(long.sequence);
    const kinds = [1, 2, 3].map(() => scheduler.plan(budget(64, 8), true).plan);
    expect(kinds).toMatchObject([
      { kind: "decode", sequences: [short.sequence], steps: 3 },
      { kind: "prompts", parts: [{ rows: 64 }] }, // nobody waits any more: all of the short one's is queued
      { kind: "prompts", parts: [{ rows: 64 }] },
    ]);
  });

  test("begins those with more priority first, and no more than there are slots", () => {
    const scheduler = new Scheduler(openStore(1024, 2, 64), false);
    const all = [0, 0, 5, -1].map((priority, index) => request(count(index * 100, 5), { priority }));
    for (const { sequence } of all) scheduler.add(sequence);
    const { begun } = scheduler.plan(budget(64, 1), true);
    expect(begun).toEqual([all[2]!.sequence, all[0]!.sequence]);
  });

  test("of texts that are to be whole takes as many as fit", () => {
    const scheduler = new Scheduler(openStore(64, 8, 64), true);
    const all = [40, 30, 20].map((length, index) =>
      request(count(index * 100, length), { draws: undefined } as object),
    );
    for (const { sequence } of all) scheduler.add(sequence);
    const rows = (plan: Plan | undefined): number[] =>
      plan?.kind === "prompts" ? plan.parts.map(part => part.rows) : [];
    expect(rows(scheduler.plan(budget(64, 1), true).plan)).toEqual([20, 30]);
  });

  test("ends what is aborted, waiting or running, and gives its pages back", async () => {
    const kv = openStore(256, 1, 64);
    const all = kv.unheld;
    const scheduler = new Scheduler(kv, false);
    const ends = [new AbortController(), new AbortController()];
    const two = ends.map(({ signal }, index) => request(count(index * 100, 20), { signal }));
    for (const { sequence } of two) scheduler.add(sequence);
    scheduler.plan(budget(64, 1), true);
    for (const [index, end] of ends.entries()) end.abort(`reason ${index}`);
    scheduler.plan(budget(64, 1), true);
    for (const [index, { sequence }] of two.entries())
      await expect(sequence.done).rejects.toBe(`reason ${index}`);
    expect([scheduler.idle, kv.unheld]).toEqual([true, all]);
  });
});

describe("after any order of joins, forks, aborts and ends, in a cache that is too small for all", () => {
  test("each sequence has the tokens of its solo run, and every page comes back: 500 schedules", async () => {
    const END = 3;
    let preempted = 0;
    let finished = 0;
    for (let seed = 1; seed <= 500; seed++) {
      const random = randomInts(seed);
      const rows = 8 + random(40);
      const kv = openStore(16 * (10 + random(20)), 1 + random(8), rows);
      const context = kv.pages * KV_PAGE;
      const all = kv.unheld;
      const scheduler = new Scheduler(kv, false);
      const machine = new Machine(kv, END);
      const underWay: ReturnType<Machine["run"]>[] = [];
      const requests: (ReturnType<typeof request> & {
        ids: number[];
        maxTokens: number;
        end: AbortController;
      })[] = [];
      let joined = 0;
      const settle = (): void => {
        for (const { sequence, run, slot, drew, generated, ended } of underWay.shift() ?? []) {
          const mine = drew && sequence.kv && sequence.run === run;
          const seen = sequence.ids.length - sequence.request.draws!.promptTokens;
          const ids = mine ? machine.generated(slot).slice(seen, generated) : [];
          scheduler.settle(sequence, run, mine ? { ids, ended } : undefined);
        }
      };
      for (let step = 0; step < 4000; step++) {
        if (joined < 12 && random(3) === 0) {
          // few distinct beginnings, or one that ran before, so that prefixes meet
          const before =
            requests.length > 0 && random(2) === 0 ? requests[random(requests.length)]! : undefined;
          const begin = before ? [...before.ids, ...before.delivered] : count(random(2) * 50, 16 * random(4));
          const ids = [...begin, ...Array.from({ length: 1 + random(20) }, () => random(50))].slice(
            0,
            context - 20,
          );
          const maxTokens = 1 + random(Math.min(40, context - ids.length));
          const end = new AbortController();
          const one = request(ids, {
            maxTokens,
            signal: end.signal,
            priority: random(3),
            shares: random(4) > 0,
          });
          requests.push({ ...one, ids, maxTokens, end });
          scheduler.add(one.sequence);
          joined++;
        }
        if (random(40) === 0 && requests.length > 0) requests[random(requests.length)]!.end.abort("enough");
        const runs = scheduler.running.length;
        const decoding = underWay.length >= 2;
        const { plan } = scheduler.plan(budget(rows, 1 + random(8), decoding), true);
        if (scheduler.running.length < runs) preempted++;
        if (plan) underWay.push(machine.run(plan));
        if (!plan || underWay.length > 3 || random(3) === 0) settle();
        if (joined === 12 && scheduler.idle && underWay.length === 0) break;
      }
      expect([scheduler.idle, underWay.length], `seed ${seed}`).toEqual([true, 0]);
      for (const { ids, maxTokens, delivered, end, sequence } of requests) {
        const expected = solo(ids, maxTokens, END);
        const whole = delivered.length === expected.length;
        if (end.signal.aborted && !whole) {
          expect(delivered, `seed ${seed}`).toEqual(expected.slice(0, delivered.length));
          continue;
        }
        expect(delivered, `seed ${seed}`).toEqual(expected);
        await sequence.done.catch(reason => expect(reason).toBe("enough"));
        finished++;
      }
      expect(kv.unheld, `seed ${seed}`).toBe(all);
    }
    expect(preempted).toBeGreaterThan(100);
    expect(finished).toBeGreaterThan(3000);
  }, 120_000);
});
