/** The CPU's side of `shaders/shared/state.wgsl`. */
export interface SequenceState {
  /** KV positions before this batch. */
  position: number;
  /** Tokens in this batch. */
  rows: number;
  finished: boolean;
  /** Tokens sampled since the request began. */
  generated: number;
}

export const STATE_BYTES = 16;

export function stateBytes({ position, rows, finished, generated }: SequenceState): Uint32Array<ArrayBuffer> {
  return new Uint32Array([position, rows, finished ? 1 : 0, generated]);
}
