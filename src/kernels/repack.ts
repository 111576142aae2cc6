import type { Gpu } from "../gpu/device.ts";
import type { Pipelines, Workgroups } from "../gpu/dispatch.ts";
import { shaderFile } from "../gpu/shader.ts";
import { constantIn, StructLayout } from "../gpu/struct.ts";
import { codebookWords } from "./codebooks.ts";
import { type WeightType, weightLayout } from "./weights.ts";

/** Rows of a tensor that RoPE rotates in halves, (i, i + rotated / 2): they are brought together as neighbours. */
export interface Halves {
  /** Rows of a head. */
  head: number;
  /** Leading rows of a head that are rotated, even. */
  rotated: number;
  /** Rows of the tensor that this is for, from its first on: whole heads. */
  rows: number;
}

/** A tensor of several matrices, such as experts. */
export interface MatrixStride {
  /** Rows of one matrix in the tensor, a multiple of 4. */
  rows: number;
  /** Rows from one to the next in the weight, a multiple of 4. */
  stride: number;
}

/** Row of the tensor that stands at `row` once halves are neighbours. */
export function pairedRow(row: number, { head, rotated, rows }: Halves): number {
  const element = row % head;
  if (row >= rows || element >= rotated) return row;
  return row - element + Math.floor(element / 2) + (element % 2) * (rotated / 2);
}

/** Rows of one tensor, in the file's own bytes, and where they go. */
export interface RepackWindow {
  /** Storage buffer with the bytes; its size a multiple of 4. */
  raw: GPUBuffer;
  /** Byte in `raw` at which the window's first row begins, even. */
  rawOffset: number;
  /** The weight's buffers, `weightLayout()` bytes each; `scales` is null where the type has none. */
  words: GPUBuffer;
  scales: GPUBuffer | null;
  /** First row of the tensor in the weight, divided by 4. */
  firstGroup: number;
  /** First row of the window in the tensor, a multiple of 4; where there are halves, of a head. Default 0. */
  firstRow?: number;
  /** Rows in the window; the last group is filled up with zeros. */
  rows: number;
  columns: number;
  halves?: Halves | undefined;
  matrices?: MatrixStride | undefined;
}

const WINDOW = new StructLayout(shaderFile("repack"), "Window");
const THREADS = constantIn(shaderFile("repack"), "THREADS");
/** WebGPU's limit on workgroups in one dimension. */
const MAX_WORKGROUPS = 65_535;

/** Lays rows of GGUF tensors of one type out for the kernels. For loading only: it creates objects. */
export interface Repacker {
  /**
   * Encodes one window. Windows may follow each other in one pass: they write different groups. That of a weight's
   * first group also writes the type's codebook, where it has one, to the scales.
   */
  encode(pass: GPUComputePassEncoder, window: RepackWindow): void;
  /** Frees what `encode` created. Call it after the submit; the repacker can be used again. */
  release(): void;
}

/** One pipeline per way a block is stored: `shaders/repack.wgsl`. */
export async function createRepacker(gpu: Gpu, pipelines: Pipelines, type: WeightType): Promise<Repacker> {
  const { device } = gpu;
  const { block, codebook } = weightLayout(type, 4, 256); // any shape of whole blocks
  const pipeline = await pipelines.get({ shader: "repack", imports: { block } });
  const created: GPUBuffer[] = [];
  return {
    encode(pass, window) {
      const {
        raw,
        rawOffset,
        words,
        scales,
        firstGroup,
        firstRow = 0,
        rows,
        columns,
        halves,
        matrices,
      } = window;
      const { blocksPerRow, rowBytes } = weightLayout(type, rows, columns);
      const groupBytes = weightLayout(type, 4, columns).wordsBytes;
      const matrixGroups = matrices ? matrices.rows / 4 : 0x7fffffff;
      const matrixStride = matrices ? matrices.stride / 4 : 0;
      const last = Math.ceil((firstRow + rows) / 4) - 1;
      const lastGroup = firstGroup + Math.floor(last / matrixGroups) * matrixStride + (last % matrixGroups);
      const whole = [firstGroup, firstRow / 4, matrixGroups, matrixStride].every(Number.isInteger);
      if (!whole || (lastGroup + 1) * groupBytes > words.size) {
        throw new RangeError(
          `repack: ${rows} rows from row ${firstGroup * 4 + firstRow} on are outside the weight`,
        );
      }
      if (halves && (firstRow % halves.head !== 0 || halves.rotated % 2 !== 0)) {
        throw new RangeError(`repack: a window from row ${firstRow} on splits heads of ${halves.head} rows`);
      }
      if (rawOffset % 2 !== 0 || rawOffset + rows * rowBytes > raw.size) {
        throw new RangeError(
          `repack: ${rows} rows of ${rowBytes} bytes at ${rawOffset} of ${raw.size} bytes`,
        );
      }
      const { head = 1, rotated = 0, rows: paired = 0 } = halves ?? {};
      const parameters = WINDOW.pack({
        first_group: firstGroup,
        start_group: firstRow / 4,
        rows,
        columns,
        offset: rawOffset,
        matrix_groups: matrixGroups,
        matrix_stride: matrixStride,
        head,
        rotated,
        paired_rows: paired,
      });
      const numbers = device.createBuffer({
        size: Math.ceil(WINDOW.bytes / 16) * 16, // as every uniform buffer here
        usage: GPUBufferUsage.UNIFORM,
        mappedAtCreation: true,
      });
      new Uint8Array(numbers.getMappedRange()).set(new Uint8Array(parameters));
      numbers.unmap();
      created.push(numbers);
      const entries = [
        { binding: 0, resource: { buffer: raw } },
        { binding: 1, resource: { buffer: words } },
        { binding: 3, resource: { buffer: numbers } },
      ];
      if (scales) entries.push({ binding: 2, resource: { buffer: scales } });
      if (scales && codebook && firstGroup === 0)
        device.queue.writeBuffer(scales, 0, codebookWords(codebook));
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
      pass.dispatchWorkgroups(...repackWorkgroups(Math.ceil(rows / 4) * blocksPerRow));
    },
    release() {
      for (const buffer of created) buffer.destroy();
      created.length = 0;
    },
  };
}

/** Workgroups for that many threads, in two dimensions where one is too short. */
export function repackWorkgroups(threads: number): Workgroups {
  const count = Math.ceil(threads / THREADS);
  const lines = Math.ceil(count / MAX_WORKGROUPS);
  return [Math.ceil(count / lines), lines, 1];
}
