import type { Buffers } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import { unlessLost } from "../gpu/loss.ts";
import { readState, STATE_BYTES } from "../kernels/state.ts";

/** What the CPU learns from a submit. */
export interface ReadState {
  /** Tokens sampled since the request began. */
  generated: number;
  /** 0 = goes on, 1 = an end token was sampled, 2 = the logits were not numbers. */
  finished: number;
  /** Id of the n-th sampled token; only the last `ring` ones are there. */
  idAt(n: number): number;
}

/** Staging buffers that take turns: state and token ids are copied into one behind each submit and mapped from there. */
export class ReadbackSlots {
  readonly #gpu: Gpu;
  readonly #free: GPUBuffer[];
  readonly #state: GPUBuffer;
  readonly #ring: GPUBuffer;
  readonly #entries: number;

  /** @param entries ids in the ring, a power of two */
  constructor(
    gpu: Gpu,
    buffers: Buffers,
    { state, ring, entries, slots }: { state: GPUBuffer; ring: GPUBuffer; entries: number; slots: number },
  ) {
    this.#gpu = gpu;
    this.#state = state;
    this.#ring = ring;
    this.#entries = entries;
    this.#free = Array.from({ length: slots }, (_, index) =>
      buffers.readback(`ids ${index}`, STATE_BYTES + entries * 4),
    );
  }

  /**
   * Ends the encoder with a copy of state and ids, submits it, and reads them once the GPU is through.
   * @throws DeviceLostError; RangeError if all slots are in use
   */
  async submit(encoder: GPUCommandEncoder): Promise<ReadState> {
    const slot = this.#free.pop();
    if (!slot) throw new RangeError("No readback slot is free");
    encoder.copyBufferToBuffer(this.#state, 0, slot, 0, STATE_BYTES);
    encoder.copyBufferToBuffer(this.#ring, 0, slot, STATE_BYTES, this.#entries * 4);
    this.#gpu.device.queue.submit([encoder.finish()]);
    await unlessLost(this.#gpu, slot.mapAsync(GPUMapMode.READ));
    const words = new Uint32Array(slot.getMappedRange().slice(0));
    slot.unmap();
    this.#free.push(slot);
    const ids = words.subarray(STATE_BYTES / 4);
    return { ...readState(words), idAt: n => ids[n % this.#entries]! };
  }
}
