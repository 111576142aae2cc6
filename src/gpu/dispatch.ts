import { DeviceLostError } from "../errors.ts";
import type { Gpu } from "./device.ts";
import { composeShader, type ShaderImports, type ShaderSizes } from "./shader.ts";

/** The text and numbers of one pipeline. */
export interface KernelCode {
  /** File in `shaders/`, without `.wgsl`. */
  shader: string;
  imports?: ShaderImports;
  sizes?: ShaderSizes;
  constants?: Readonly<Record<string, number>>;
}

/** Number of workgroups in x, y, z. */
export type Workgroups = readonly [number, number, number];

/** One prebuilt dispatch. Encoding it creates nothing. */
export interface Dispatch {
  readonly label: string;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  /** Fixed, or a function of the batch at hand: its rows (tokens), and the sequences that they belong to. */
  readonly workgroups: Workgroups | ((rows: number, sequences: number) => Workgroups);
}

/** A buffer, or a part of one (offset a multiple of 256 bytes). */
export type Binding = GPUBuffer | { buffer: GPUBuffer; offset: number; size: number };

/** Which of a kernel's variants a dispatch is, for kernels that have a choice. */
export type ChosenVariant = readonly [kernel: string, variant: string];

/** Pipelines by their code: the same kernel in every layer compiles once. */
export class Pipelines {
  readonly #gpu: Gpu;
  readonly #cache = new Map<string, Promise<GPUComputePipeline>>();
  readonly #chosen = new Map<string, Set<string>>();

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  get(code: KernelCode): Promise<GPUComputePipeline> {
    const key = JSON.stringify([code.shader, code.imports ?? {}, code.sizes ?? {}, code.constants ?? {}]);
    let pipeline = this.#cache.get(key);
    if (!pipeline) {
      const module = this.#gpu.device.createShaderModule({
        label: code.shader,
        code: composeShader(code.shader, code.imports, code.sizes),
      });
      pipeline = this.#gpu.device
        .createComputePipelineAsync({
          label: code.shader,
          layout: "auto",
          compute: { module, entryPoint: "main", constants: { ...code.constants } },
        })
        .catch(async (cause: unknown) => {
          throw await compileError(code.shader, module, cause);
        });
      this.#cache.set(key, pipeline);
    }
    return pipeline;
  }

  /** The variants of which dispatches were made, by kernel, both in alphabetical order. */
  get chosen(): Readonly<Record<string, readonly string[]>> {
    const kernels = [...this.#chosen].sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(kernels.map(([kernel, variants]) => [kernel, [...variants].sort()]));
  }

  /** @param bindings by binding number in group 0 */
  async dispatch(
    label: string,
    code: KernelCode,
    bindings: Readonly<Record<number, Binding>>,
    workgroups: Dispatch["workgroups"],
    chosen?: ChosenVariant,
  ): Promise<Dispatch> {
    if (chosen) {
      const [kernel, variant] = chosen;
      this.#chosen.set(kernel, (this.#chosen.get(kernel) ?? new Set()).add(variant));
    }
    const pipeline = await this.get(code);
    const bindGroup = this.#gpu.device.createBindGroup({
      label,
      layout: pipeline.getBindGroupLayout(0),
      entries: Object.entries(bindings).map(([binding, part]) => ({
        binding: Number(binding),
        resource: "buffer" in part ? part : { buffer: part },
      })),
    });
    return { label, pipeline, bindGroup, workgroups };
  }
}

/** The browser's own message often says no more than that the module is invalid; the compiler's messages say why. */
async function compileError(shader: string, module: GPUShaderModule, cause: unknown): Promise<Error> {
  const { messages } = await module.getCompilationInfo();
  const why = messages
    .filter(({ type }) => type === "error")
    .map(({ lineNum, message }) => `line ${lineNum}: ${message}`);
  const text = [`The GPU did not accept the kernel ${shader}: ${String(cause)}`, ...why].join("\n");
  return new DeviceLostError(
    "gpu-error",
    `${text}\nUpdate browser and graphics driver; features: { f16: false, subgroups: false, subgroupMatrix: false } may help.`,
    {
      details: { shader },
      cause,
    },
  );
}

/** Dispatches in order, in so many parts of about the same number: for work that one submit would do for too long. */
export function splitDispatches(dispatches: readonly Dispatch[], parts: number): readonly Dispatch[][] {
  const count = Math.min(parts, dispatches.length);
  const bound = (part: number): number => Math.floor((part * dispatches.length) / count);
  return Array.from({ length: count }, (_, part) => dispatches.slice(bound(part), bound(part + 1)));
}

/** Encodes dispatches into an open pass. @param rows tokens in this batch @param sequences that these belong to */
export function encodeDispatches(
  pass: GPUComputePassEncoder,
  dispatches: readonly Dispatch[],
  rows = 1,
  sequences = 1,
): void {
  for (const { pipeline, bindGroup, workgroups } of dispatches) {
    const [x, y, z] = typeof workgroups === "function" ? workgroups(rows, sequences) : workgroups;
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(x, y, z);
  }
}
