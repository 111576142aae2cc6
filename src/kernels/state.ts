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

const FINISHED_AT = STATE.offsetOf("finished");

const bySlot = (values: readonly number[]): number[][] =>
  [0, 1].map(word => [0, 1, 2, 3].map(i => values[word * 4 + i] ?? 0));

/** What the CPU says of a batch: everything before what the sampler changes. Written at 0. */
export function batchBytes(parts: readonly BatchPart[]): ArrayBuffer {
  const none = new Array<number>(MAX_SEQUENCES).fill(0);
  const present = [...none];
  const spans = none.map(() => [0, 0, 0, 0]);
  const order: number[] = [];
  const drawing: number[] = [];
  let rows = 0;
  let lastRow = 0;
  for (const { slot, rows: count, draws } of parts) {
    spans[slot] = [rows, rows + count, 0, 0];
    present[slot] = 1;
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
    order: bySlot(order),
    drawing: bySlot(drawing),
    present: bySlot(present),
    spans,
    finished: bySlot(none),
    slots: none.map(() => ({ position: 0, generated: 0, unused: [0, 0] })),
  });
  return batch.slice(0, FINISHED_AT);
}

/** Where the state of a slot is to be written, piece by piece. */
export function slotWrites(
  slot: number,
  { position, finished, generated }: SlotState,
): { at: number; bytes: ArrayBuffer | Uint32Array<ArrayBuffer> }[] {
  return [
    { at: FINISHED_AT + slot * 4, bytes: Uint32Array.of(finished ? 1 : 0) },
    {
      at: STATE.offsetOf("slots") + slot * SLOT.bytes,
      bytes: SLOT.pack({ position, generated, unused: [0, 0] }),
    },
  ];
}

/** A whole state: one sequence, in slot 0, of which a token is drawn. */
export function stateBytes({ rows, ...slot }: SlotState & { rows: number }): Uint32Array<ArrayBuffer> {
  const state = new Uint8Array(STATE.bytes);
  state.set(new Uint8Array(batchBytes([{ slot: 0, rows, draws: true }])));
  for (const { at, bytes } of slotWrites(0, slot))
    state.set(new Uint8Array(ArrayBuffer.isView(bytes) ? bytes.buffer : bytes), at);
  return new Uint32Array(state.buffer);
}

/** What the GPU made of a slot: `finished` is 0, 1 after an end token, 2 where the logits were not numbers. */
export function readSlot(words: Uint32Array, slot: number): SlotRead {
  const at = (STATE.offsetOf("slots") + slot * SLOT.bytes) / 4;
  return {
    position: words[at + SLOT.offsetOf("position") / 4]!,
    finished: words[FINISHED_AT / 4 + slot]!,
    generated: words[at + SLOT.offsetOf("generated") / 4]!,
  };
}
