import type { Buffers } from "../gpu/buffers.ts";
import { MAX_SEQUENCES, STATE_BYTES } from "../kernels/state.ts";
import type { Rope } from "./rope.ts";

/** The buffers between the kernels of a batch, shared by all programs of a model. */
export class Scratch {
  /** Token ids of a prompt's rows `[T]`, u32. */
  readonly tokens: GPUBuffer;
  /** The token sampled last for each slot `[slots]`, u32: what decode computes next. */
  readonly sampled: GPUBuffer;
  /** State of the batch and its sequences (uniform). */
  readonly state: GPUBuffer;
  /** RoPE's tables `[positions, dim / 2]`, pairs. */
  readonly ropes = new Map<Rope, GPUBuffer>();
  readonly #buffers: Buffers;
  /** Tokens of a batch at most. */
  readonly batchRows: number;
  readonly #positions: number;
  readonly #made = new Map<string, GPUBuffer>();

  /** @param rows tokens of a batch at most @param positions of a sequence at most */
  constructor(buffers: Buffers, rows: number, positions: number) {
    this.#buffers = buffers;
    this.batchRows = rows;
    this.#positions = positions;
    this.tokens = buffers.storage("tokens", rows * 4);
    this.sampled = buffers.storage("sampled tokens", MAX_SEQUENCES * 4);
    this.state = buffers.uniform("state", STATE_BYTES);
  }

  /** Activations `[T, columns]`, f32, by name: the same buffer whenever it is asked for. */
  rows(name: string, columns: number): GPUBuffer {
    return this.bytes(name, this.batchRows * columns * 4);
  }

  bytes(name: string, bytes: number): GPUBuffer {
    const key = `${name} (${bytes})`;
    const made = this.#made.get(key) ?? this.#buffers.storage(name, bytes);
    this.#made.set(key, made);
    return made;
  }

  rope(rope: Rope): GPUBuffer {
    const made = this.ropes.get(rope) ?? this.#buffers.storage("rope", this.#positions * rope.dim * 4);
    this.ropes.set(rope, made);
    return made;
  }
}
