import { shaderFile } from "../gpu/shader.ts";
import { constantIn, StructLayout } from "../gpu/struct.ts";

/** The CPU's side of `shaders/shared/rows.wgsl`. */

/** A sequence's rows in a batch: neighbours in it, in the order of the list. */
export interface BatchPart {
  /** Its place among the running sequences, below `SLOTS`. */
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

const TEXT = shaderFile("shared/rows");
const STATE = new StructLayout(TEXT, "State");
const SLOT = new StructLayout(TEXT, "Slot");

/** Sequences that run at a time at most. */
export const SLOTS = constantIn(TEXT, "SLOTS");
export const STATE_BYTES = STATE.bytes;

/** What the CPU says of a batch: everything before the slots, which the GPU advances itself. Written at 0. */
export function batchBytes(parts: readonly BatchPart[]): ArrayBuffer {
  const spans = Array.from({ length: SLOTS }, () => [0, 0, 0, 0]);
  const order: number[] = [];
  const drawing: number[] = [];
  let rows = 0;
  let lastRow = 0;
  for (const { slot, rows: count, draws } of parts) {
    spans[slot] = [rows, rows + count, 0, 0];
    rows += count;
    order.push(slot);
    if (!draws) continue;
    if (drawing.length === 0) lastRow = rows - 1;
    drawing.push(slot);
  }
  const list = (slots: readonly number[]): number[][] =>
    [0, 1].map(word => [0, 1, 2, 3].map(i => slots[word * 4 + i] ?? 0));
  const empty = { position: 0, finished: 0, generated: 0, unused: 0 };
  const batch = STATE.pack({
    rows,
    sequences: order.length,
    draws: drawing.length,
    last_row: lastRow,
    order: list(order),
    drawing: list(drawing),
    spans,
    slots: spans.map(() => empty),
  });
  return batch.slice(0, STATE.offsetOf("slots"));
}

/** Where a slot's state is written. */
export function slotOffset(slot: number): number {
  return STATE.offsetOf("slots") + slot * SLOT.bytes;
}

export function slotBytes({ position, finished, generated }: SlotState): ArrayBuffer {
  return SLOT.pack({ position, finished: finished ? 1 : 0, generated, unused: 0 });
}

/** A whole state: one sequence, in slot 0, of which a token is drawn. */
export function stateBytes({ rows, ...slot }: SlotState & { rows: number }): Uint32Array<ArrayBuffer> {
  const bytes = new Uint8Array(STATE.bytes);
  bytes.set(new Uint8Array(batchBytes([{ slot: 0, rows, draws: true }])));
  bytes.set(new Uint8Array(slotBytes(slot)), slotOffset(0));
  return new Uint32Array(bytes.buffer);
}

/** What the GPU made of a slot: `finished` is 0, 1 after an end token, 2 where the logits were not numbers. */
export function readSlot(words: Uint32Array, slot: number): { finished: number; generated: number } {
  const word = (field: string): number => words[(slotOffset(slot) + SLOT.offsetOf(field)) / 4]!;
  return { finished: word("finished"), generated: word("generated") };
}
