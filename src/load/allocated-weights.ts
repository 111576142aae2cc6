import type { Buffers } from "../gpu/buffers.ts";
import type { Vector } from "../kernels/vector.ts";
import { type Weight, weightLayout } from "../kernels/weights.ts";
import type { GpuWeights } from "../model/program.ts";
import type { Matrix, ShortBlock, ShortTensor, Taken } from "../model/tensors.ts";

/** The GPU buffers of all weights. */
export class AllocatedWeights implements GpuWeights {
  readonly #matrices = new Map<Matrix, Weight>();
  readonly #blocks = new Map<ShortBlock, GPUBuffer>();

  /** Creates them, empty. @throws DoesNotFitError `adapter-limit` */
  constructor({ matrices, blocks }: Taken, buffers: Buffers) {
    for (const matrix of matrices) {
      const { name, type, rows, columns } = matrix;
      const { wordsBytes, scalesBytes } = weightLayout(type, rows, columns);
      const words = buffers.storage(name, wordsBytes);
      const scales = scalesBytes > 0 ? buffers.storage(`${name} scales`, scalesBytes) : null;
      this.#matrices.set(matrix, { type, rows, columns, words, scales });
    }
    for (const block of blocks) {
      if (block.length > 0) this.#blocks.set(block, buffers.storage(block.name, block.length * 16));
    }
  }

  weight(matrix: Matrix): Weight {
    return this.#matrices.get(matrix)!;
  }

  vector({ block, at }: ShortTensor): Vector {
    return { buffer: this.#blocks.get(block)!, at };
  }
}
