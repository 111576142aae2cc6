// Shaders that use subgroup matrices, made to run on adapters that have none, whatever their subgroups: 32 threads hold a
// matrix of 16 x 16 sums, each of them half a row, and of the factors what it needs for those. Workgroup memory named
// `tile` becomes a storage buffer, since such shaders need more than software adapters have. All but that is the shader
// as it is.

import { type Binding, type Dispatch, type KernelCode, Pipelines } from "../../src/gpu/dispatch.ts";
import { composeShader } from "../../src/gpu/shader.ts";
import type { KernelBench } from "./support.ts";

/** Workgroups of a dispatch at most. */
const MOST_WORKGROUPS = 512;
const WORKGROUP_BYTES = 49_152;
const BINDING = 9;

/** A shader for matrices, emulated, takes some minutes to compile. Milliseconds. */
export const MATRIX_TIMEOUT_MS = 900_000;

/** Pipelines for matrix units, emulated where there are none. */
export function matrixPipelines({ gpu, pipelines }: Pick<KernelBench, "gpu" | "pipelines">): Pipelines {
  return gpu.subgroupMatrix ? pipelines : new EmulatedPipelines(gpu);
}

/** Makes pipelines of emulated shaders. */
export class EmulatedPipelines extends Pipelines {
  readonly #device: GPUDevice;
  readonly #memory: GPUBuffer;
  readonly #made = new Map<string, Promise<GPUComputePipeline>>();

  constructor(...[gpu]: ConstructorParameters<typeof Pipelines>) {
    super(gpu);
    this.#device = gpu.device;
    this.#memory = gpu.device.createBuffer({
      label: "workgroup memory",
      size: MOST_WORKGROUPS * WORKGROUP_BYTES,
      usage: GPUBufferUsage.STORAGE,
    });
  }

  override get({ shader, imports, sizes, constants }: KernelCode): Promise<GPUComputePipeline> {
    const code = emulateMatrices(composeShader(shader, imports, sizes));
    const key = JSON.stringify([code, constants]);
    let pipeline = this.#made.get(key);
    if (!pipeline) {
      const module = this.#device.createShaderModule({ label: shader, code });
      const compute = { module, entryPoint: "main", constants: { ...constants } };
      pipeline = this.#device.createComputePipelineAsync({ layout: "auto", compute });
      this.#made.set(key, pipeline);
    }
    return pipeline;
  }

  override dispatch(
    label: string,
    code: KernelCode,
    bindings: Readonly<Record<number, Binding>>,
    workgroups: Dispatch["workgroups"],
  ): Promise<Dispatch> {
    return super.dispatch(label, code, { ...bindings, [BINDING]: this.#memory }, (rows, sequences) => {
      const grid = typeof workgroups === "function" ? workgroups(rows, sequences) : workgroups;
      const count = grid[0] * grid[1] * grid[2];
      if (count > MOST_WORKGROUPS) throw new RangeError(`No memory for ${count} emulated workgroups`);
      return grid;
    });
  }
}

/** @throws Error where the text is none that this file knows how to change */
export function emulateMatrices(code: string): string {
  const thread = /@builtin\(local_invocation_index\) (\w+)/.exec(code)?.[1];
  const workgroup = /@builtin\(workgroup_id\) (\w+)/.exec(code)?.[1];
  const size = /var<workgroup> tile: array<vec4u, (.*)>;/.exec(code)?.[1];
  if (!thread || !workgroup || !size) throw new Error("No entry point or no tile to emulate");
  const body = code
    .replace(/^enable chromium_experimental_subgroup_matrix;/m, "")
    .replace(/^\s*@builtin\(subgroup_id\) subgroup_id: u32,\n/m, "")
    .replace(/var<workgroup> tile: .*;/, "")
    .replace(/subgroup_matrix_(left|right|result)<\w+, 16, 16>/g, "emulated_$1")
    .replace(/subgroupMatrixLoad<(\w+), (\w+)>\(&tile,/g, "emulated_load_$1_$2(")
    .replace(/subgroupMatrixStore<row_major>\(&tile,/g, "emulated_store(")
    .replaceAll("subgroupMatrixMultiplyAccumulate(", "emulated_product(")
    // what else is in workgroup memory is read by workgroupUniformLoad, which has barriers of its own
    .replaceAll("workgroupBarrier();", "storageBarrier();")
    .replace(/^(.*\bworkgroupUniformLoad\()/gm, "storageBarrier();\n$1")
    .replace(/\btile\[/g, "emulated_memory[emulated_group][")
    .replace(/fn main\(([\s\S]*?)\) \{/, (_, parameters: string) => {
      const list = parameters.trim().replace(/,$/, "");
      return `fn main(${list}, @builtin(num_workgroups) emulated_grid: vec3u) {
        emulated_group = (${workgroup}.z * emulated_grid.y + ${workgroup}.y) * emulated_grid.x + ${workgroup}.x;
        emulated_zero = emulated_grid.z / 2u;
        emulated_row = ${thread} % 32u / 2u;
        emulated_half = ${thread} % 2u;
        let subgroup_id = ${thread} / 32u;`;
    });
  return `${body}
struct emulated_left { row: array<vec4f, 4> }
// Read where it is multiplied, since its elements are so many: shaders multiply before they change the memory.
struct emulated_right { offset: u32, stride: u32, columns: bool }
struct emulated_result { row: array<vec4f, 2> }   // half of a row
@group(0) @binding(${BINDING}) var<storage, read_write> emulated_memory: array<array<vec4u, ${size}>>;
var<private> emulated_group: u32;
var<private> emulated_row: u32;
var<private> emulated_half: u32;
var<private> emulated_zero: u32;   // unknown to the compiler: with loops written out, it takes minutes

fn emulated_product(left: emulated_left, right: emulated_right, sum: emulated_result) -> emulated_result {
  var a = left.row;
  var m = sum;
  if (right.columns) {
    for (var column = 0u; column < 8u + emulated_zero; column++) {
      let at = right.offset + (emulated_half * 8u + column) * right.stride;
      let low = emulated_memory[emulated_group][at];
      let high = emulated_memory[emulated_group][at + 1u];
      m.row[column / 4u][column % 4u] += dot(a[0], emulated_halves(low.xy)) + dot(a[1], emulated_halves(low.zw))
        + dot(a[2], emulated_halves(high.xy)) + dot(a[3], emulated_halves(high.zw));
    }
  } else {
    for (var k = 0u; k < 16u + emulated_zero; k++) {
      let words = emulated_memory[emulated_group][right.offset + k * right.stride + emulated_half];
      let factor = a[k / 4u][k % 4u];
      m.row[0] += factor * emulated_halves(words.xy);
      m.row[1] += factor * emulated_halves(words.zw);
    }
  }
  return m;
}

fn emulated_halves(words: vec2u) -> vec4f { return vec4f(unpack2x16float(words.x), unpack2x16float(words.y)); }

fn emulated_load_Left_row_major(offset: u32, stride: u32) -> emulated_left {
  let at = offset + emulated_row * stride;
  let low = emulated_memory[emulated_group][at];
  let high = emulated_memory[emulated_group][at + 1u];
  return emulated_left(array<vec4f, 4>(
    emulated_halves(low.xy), emulated_halves(low.zw), emulated_halves(high.xy), emulated_halves(high.zw)));
}

fn emulated_load_Right_row_major(offset: u32, stride: u32) -> emulated_right { return emulated_right(offset, stride, false); }

fn emulated_load_Right_col_major(offset: u32, stride: u32) -> emulated_right { return emulated_right(offset, stride, true); }

fn emulated_load_Sum_row_major(offset: u32, stride: u32) -> emulated_result {
  var m: emulated_result;
  let at = offset + emulated_row * stride + emulated_half * 2u;
  m.row[0] = bitcast<vec4f>(emulated_memory[emulated_group][at]);
  m.row[1] = bitcast<vec4f>(emulated_memory[emulated_group][at + 1u]);
  return m;
}

fn emulated_store(offset: u32, m: emulated_result, stride: u32) {
  let at = offset + emulated_row * stride + emulated_half * 2u;
  emulated_memory[emulated_group][at] = bitcast<vec4u>(m.row[0]);
  emulated_memory[emulated_group][at + 1u] = bitcast<vec4u>(m.row[1]);
}`;
}
