import { composeShader } from "../gpu/shader.ts";
import { constantIn, StructLayout } from "../gpu/struct.ts";

/** The CPU's side of `shaders/shared/rows.wgsl`. */

/** A sequence's rows in a batch: neighbours in it, in the order of the list. */
export interface BatchPart {
  /** Its place among the running sequences, below `MAX_SEQUENCES`. */
  slot: number;
  /** Tokens, at least 1. */
  rows: number;
  /** Whether a token is drawn after the last of them. */
  draws: boolean;
}

/** Where a sequence stands. */
export interface SlotState {
  /** KV positions before this batch. */
  position: number;
  finished: boolean;
  /** Tokens sampled since the request began. */
  generated: number;
}

/** The same as the GPU has it. */
export interface SlotRead {
  position: number;
  finished: number;
  generated: number;
}

const TEXT = composeShader("shared/state");
const STATE = new StructLayout(TEXT, "State");

/** Sequences that run at a time at most. */
export const MAX_SEQUENCES = constantIn(TEXT, "MAX_SEQUENCES");
export const STATE_BYTES = STATE.bytes;

const ENDED_BIT = constantIn(TEXT, "ENDED_BIT");
/** Everything before is what the CPU says of a batch. */
const PLACES_AT = STATE.offsetOf("places");
const GENERATED_AT = STATE.offsetOf("generated");

const bySlot = (values: readonly number[]): number[][] =>
  [0, 1].map(word => [0, 1, 2, 3].map(i => values[word * 4 + i] ?? 0));
/** 4 bits each. */
const inOrder = (slots: readonly number[]): number =>
  slots.reduce((word, slot, i) => (word | (slot << (4 * i))) >>> 0, 0);

/** Some bytes of the state, and where they belong. */
export interface StateWrite {
  at: number;
  bytes: ArrayBuffer | Uint32Array<ArrayBuffer>;
}

/** What the CPU says of a batch. */
export function batchWrite(parts: readonly BatchPart[]): StateWrite {
  const firsts = new Array<number>(MAX_SEQUENCES).fill(0);
  const ends = [...firsts];
  const order: number[] = [];
  const drawing: number[] = [];
  let rows = 0;
  let lastRow = 0;
  let present = 0;
  for (const { slot, rows: count, draws } of parts) {
    firsts[slot] = rows;
    rows += count;
    ends[slot] = rows;
    present |= 1 << slot;
    order.push(slot);
    if (!draws) continue;
    if (drawing.length === 0) lastRow = rows - 1;
    drawing.push(slot);
  }
  const none = bySlot([]);
  const state = STATE.pack({
    rows,
    sequences: order.length,
    draws: drawing.length,
    last_row: lastRow,
    order: inOrder(order),
    drawing: inOrder(drawing),
    present,
    unused: 0,
    firsts: bySlot(firsts),
    ends: bySlot(ends),
    places: none,
    generated: none,
  });
  return { at: 0, bytes: state.slice(0, PLACES_AT) };
}

/** Where a sequence stands. */
export function slotWrites(slot: number, { position, finished, generated }: SlotState): StateWrite[] {
  const place = (position | ((finished ? 1 : 0) << ENDED_BIT)) >>> 0;
  return [
    { at: PLACES_AT + slot * 4, bytes: Uint32Array.of(place) },
    { at: GENERATED_AT + slot * 4, bytes: Uint32Array.of(generated) },
  ];
}

/** A whole state: one sequence, in slot 0, of which a token is drawn. */
export function stateBytes({ rows, ...slot }: SlotState & { rows: number }): Uint32Array<ArrayBuffer> {
  const state = new Uint32Array(STATE.bytes / 4);
  const writes = [batchWrite([{ slot: 0, rows, draws: true }]), ...slotWrites(0, slot)];
  for (const { at, bytes } of writes) state.set(new Uint32Array(bytes), at / 4);
  return state;
}

/** What the GPU made of a slot: `finished` is 0, 1 after an end token, 2 where the logits were not numbers. */
export function readSlot(words: Uint32Array, slot: number): SlotRead {
  const place = words[PLACES_AT / 4 + slot]!;
  const position = place & (2 ** ENDED_BIT - 1);
  return { position, finished: place >>> ENDED_BIT, generated: words[GENERATED_AT / 4 + slot]! };
}
