import { shaderFile } from "../gpu/shader.ts";
import { StructLayout } from "../gpu/struct.ts";

/** The CPU's side of `shaders/shared/rows.wgsl`. */
export interface SequenceState {
  /** KV positions before this batch. */
  position: number;
  /** Tokens in this batch. */
  rows: number;
  finished: boolean;
  /** Tokens sampled since the request began. */
  generated: number;
}

const STATE = new StructLayout(shaderFile("shared/rows"), "State");

export const STATE_BYTES = STATE.bytes;

export function stateBytes(state: SequenceState): Uint32Array<ArrayBuffer> {
  return new Uint32Array(STATE.pack({ ...state, finished: state.finished ? 1 : 0 }));
}

/** What the GPU made of it: `finished` is 0, 1 after an end token, 2 where the logits were not numbers. */
export function readState(words: Uint32Array): { finished: number; generated: number } {
  const word = (field: string): number => words[STATE.offsetOf(field) / 4]!;
  return { finished: word("finished"), generated: word("generated") };
}
