import { DoesNotFitError } from "../errors.ts";
import type { Gpu } from "./device.ts";

/** Creates the buffers of one model, counts their bytes, and destroys them together. */
export class Buffers {
  readonly #gpu: Gpu;
  readonly #all: GPUBuffer[] = [];
  #bytes = 0;

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  /** Bytes of all buffers created here. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * A zeroed storage buffer that copies may fill and read.
   * @param bytes rounded up to a multiple of 16, at least 16
   * @throws DoesNotFitError `adapter-limit`
   */
  storage(label: string, bytes: number): GPUBuffer {
    const size = Math.max(16, Math.ceil(bytes / 16) * 16);
    const { maxBufferSize, maxStorageBufferBindingSize } = this.#gpu.device.limits;
    const limit = Math.min(maxBufferSize, maxStorageBufferBindingSize);
    if (size > limit) {
      throw new DoesNotFitError(
        "adapter-limit",
        `${label} needs one GPU buffer of ${size} bytes; this adapter allows ${limit}. Use a smaller model or a shorter contextLength.`,
        { details: { label, bytes: size, limit } },
      );
    }
    return this.#keep(
      size,
      this.#gpu.device.createBuffer({
        label,
        size,
        usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC,
      }),
    );
  }

  /** A small buffer that some kernels read as a uniform and others write as storage. */
  uniform(label: string, bytes: number): GPUBuffer {
    const size = Math.ceil(bytes / 16) * 16;
    return this.#keep(
      size,
      this.#gpu.device.createBuffer({
        label,
        size,
        usage:
          GPUBufferUsage.UNIFORM | GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC,
      }),
    );
  }

  /** A buffer to map for reading. */
  readback(label: string, bytes: number): GPUBuffer {
    return this.#keep(
      bytes,
      this.#gpu.device.createBuffer({
        label,
        size: bytes,
        usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
      }),
    );
  }

  /** Destroys one buffer early. */
  release(buffer: GPUBuffer): void {
    const index = this.#all.indexOf(buffer);
    if (index < 0) return;
    this.#all.splice(index, 1);
    this.#bytes -= buffer.size;
    buffer.destroy();
  }

  destroy(): void {
    for (const buffer of this.#all) buffer.destroy();
    this.#all.length = 0;
    this.#bytes = 0;
  }

  #keep(bytes: number, buffer: GPUBuffer): GPUBuffer {
    this.#all.push(buffer);
    this.#bytes += bytes;
    return buffer;
  }
}
