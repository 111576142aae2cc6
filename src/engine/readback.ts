import type { Buffers } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import { unlessLost } from "../gpu/loss.ts";
import { readSlot, STATE_BYTES } from "../kernels/state.ts";

/** What the CPU learns of a slot from a submit. */
export interface ReadSlot {
  /** Tokens sampled since the request began. */
  generated: number;
  /** 0 = goes on, 1 = an end token was sampled, 2 = the logits were not numbers. */
  finished: number;
  /** Id of the n-th sampled token; only the last `ring` ones are there. */
  idAt(n: number): number;
}

export interface ReadSlots {
  of(slot: number): ReadSlot;
}

/** Staging buffers that take turns: state and token ids are copied into one behind each submit and mapped from there. */
export class Readback {
  readonly #gpu: Gpu;
  readonly #free: GPUBuffer[];
  readonly #state: GPUBuffer;
  readonly #ring: GPUBuffer;
  readonly #entries: number;

  /** @param entries ids in the ring of each slot, a power of two @param count submits under way at most */
  constructor(
    gpu: Gpu,
    buffers: Buffers,
    { state, ring, entries, count }: { state: GPUBuffer; ring: GPUBuffer; entries: number; count: number },
  ) {
    this.#gpu = gpu;
    this.#state = state;
    this.#ring = ring;
    this.#entries = entries;
    this.#free = Array.from({ length: count }, (_, index) =>
      buffers.readback(`ids ${index}`, STATE_BYTES + ring.size),
    );
  }

  /**
   * Ends the encoder with a copy of state and ids, submits it, and reads them once the GPU is through.
   * @throws DeviceLostError; RangeError if all staging buffers are in use
   */
  async submit(encoder: GPUCommandEncoder): Promise<ReadSlots> {
    const staging = this.#free.pop();
    if (!staging) throw new RangeError("No staging buffer is free");
    encoder.copyBufferToBuffer(this.#state, 0, staging, 0, STATE_BYTES);
    encoder.copyBufferToBuffer(this.#ring, 0, staging, STATE_BYTES, this.#ring.size);
    this.#gpu.device.queue.submit([encoder.finish()]);
    await unlessLost(this.#gpu, staging.mapAsync(GPUMapMode.READ));
    const words = new Uint32Array(staging.getMappedRange().slice(0));
    staging.unmap();
    this.#free.push(staging);
    const ids = words.subarray(STATE_BYTES / 4);
    const entries = this.#entries;
    return {
      of: slot => ({ ...readSlot(words, slot), idAt: n => ids[slot * entries + (n % entries)]! }),
    };
  }
}
