import { shaderFile } from "../gpu/shader.ts";
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

const TEXT = shaderFile("shared/rows");
const STATE = new StructLayout(TEXT, "State");
const SLOT = new StructLayout(TEXT, "Slot");

/** Sequences that run at a time at most. */
export const MAX_SEQUENCES = constantIn(TEXT, "MAX_SEQUENCES");
export const STATE_BYTES = STATE.bytes;

const SLOTS_AT = STATE.offsetOf("slots");

const bySlot = (values: readonly number[]): number[][] =>
  [0, 1].map(word => [0, 1, 2, 3].map(i => values[word * 4 + i] ?? 0));
/** 4 bits each. */
const inOrder = (slots: readonly number[]): number =>
  slots.reduce((word, slot, i) => (word | (slot << (4 * i))) >>> 0, 0);

/** What the CPU says of a batch: everything before what the sampler changes. Written at 0. */
export function batchBytes(parts: readonly BatchPart[]): ArrayBuffer {
  const spans = new Array<number>(MAX_SEQUENCES).fill(0);
  const order: number[] = [];
  const drawing: number[] = [];
  let rows = 0;
  let lastRow = 0;
  let present = 0;
  for (const { slot, rows: count, draws } of parts) {
    spans[slot] = ((rows + count) << 16) | rows;
    present |= 1 << slot;
    rows += count;
    order.push(slot);
    if (!draws) continue;
    if (drawing.length === 0) lastRow = rows - 1;
    drawing.push(slot);
  }
  const batch = STATE.pack({
    rows,
    sequences: order.length,
    draws: drawing.length,
    last_row: lastRow,
    order: inOrder(order),
    drawing: inOrder(drawing),
    present,
    unused: 0,
    spans: bySlot(spans),
    slots: spans.map(() => ({ finished: 0, position: 0, generated: 0, unused: 0 })),
  });
  return batch.slice(0, SLOTS_AT);
}

/** What is to be written of a slot, and where. */
export function slotWrite(
  slot: number,
  { position, finished, generated }: SlotState,
): { at: number; bytes: ArrayBuffer } {
  const bytes = SLOT.pack({ finished: finished ? 1 : 0, position, generated, unused: 0 });
  return { at: SLOTS_AT + slot * SLOT.bytes, bytes };
}

/** A whole state: one sequence, in slot 0, of which a token is drawn. */
export function stateBytes({ rows, ...slot }: SlotState & { rows: number }): Uint32Array<ArrayBuffer> {
  const state = new Uint32Array(STATE.bytes / 4);
  state.set(new Uint32Array(batchBytes([{ slot: 0, rows, draws: true }])));
  const { at, bytes } = slotWrite(0, slot);
  state.set(new Uint32Array(bytes), at / 4);
  return state;
}

/** What the GPU made of a slot: `finished` is 0, 1 after an end token, 2 where the logits were not numbers. */
export function readSlot(words: Uint32Array, slot: number): SlotRead {
  const read = (field: "finished" | "position" | "generated"): number =>
    words[(SLOTS_AT + slot * SLOT.bytes + SLOT.offsetOf(field)) / 4]!;
  return { position: read("position"), finished: read("finished"), generated: read("generated") };
}
