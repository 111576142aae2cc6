import { GpuUnavailableError } from "../errors.ts";
import type { AdapterFacts } from "../types.ts";
import { watchDevice } from "./loss.ts";

/** What kernels need to know of the GPU: the device and what it can do. */
export interface Gpu {
  readonly device: GPUDevice;
  readonly facts: AdapterFacts;
  /** The KV cache holds f16: WGSL has it here, and it is wanted. */
  readonly f16: boolean;
  /** Subgroup operations are available and wanted. */
  readonly subgroups: boolean;
  /**
   * Matrix units multiply f16 tiles of 16 x 16 x 16 into f32 sums, subgroups have 32 lanes, and workgroups have
   * `MATRIX_WORKGROUP_BYTES` of memory or more, all that the adapter offers: all that `matmul-subgroup-matrix.wgsl` and
   * `attention-prefill-matrix.wgsl` need is available and wanted.
   */
  readonly subgroupMatrix: boolean;
  /** Smallest subgroup size that a pipeline may run with; 1 where subgroups are missing. */
  readonly subgroupMinSize: number;
  /** A CPU with narrow vectors pretends to be a GPU: workgroup memory and barriers cost there, one thread per row wins. */
  readonly software: boolean;
  /** Variants of kernels (`kernels/choice.ts`) that were measured to be the fastest here. Default: by capability. */
  readonly choice?: Readonly<Record<string, string | undefined>>;
  /** Rejects with DeviceLostError when the GPU is lost for another reason than its own `destroy()`, or cannot be trusted (`loss.ts`). */
  readonly lost: Promise<never>;
  destroy(): void;
}

export interface GpuOptions {
  f16?: boolean;
  subgroups?: boolean;
  subgroupMatrix?: boolean;
  /** What the GPU refuses, where nothing captured it, does not count as its loss: for trying what it may refuse. Default false. */
  tolerant?: boolean;
}

/** Chromium answers null while its GPU process starts: ask again, about 2 s in all. */
const ADAPTER_ATTEMPTS = 7;
const ADAPTER_RETRY_MS = 300;

/** Limits that are raised to what the adapter has. Kernels keep to WebGPU's defaults in all others, so that they run everywhere. */
const RAISED_LIMITS = ["maxBufferSize", "maxStorageBufferBindingSize"] as const;

/** Workgroup memory that the kernels for matrix units need; the only ones that use more than the 16 KiB that all adapters have. */
const MATRIX_WORKGROUP_BYTES = 36_864;
const WORKGROUP_LIMIT = "maxComputeWorkgroupStorageSize";
/** Not in the types: behind a flag in Chromium 156, absent elsewhere. */
const SUBGROUP_MATRIX = "chromium-experimental-subgroup-matrix" as GPUFeatureName;

interface SubgroupMatrixConfig {
  componentType: string;
  resultComponentType: string;
  M: number;
  N: number;
  K: number;
}

/** Limits that decide what runs, for `support()` and `model.info`. */
const TOLD_LIMITS = [
  ...RAISED_LIMITS,
  WORKGROUP_LIMIT,
  "maxComputeInvocationsPerWorkgroup",
  "maxStorageBuffersPerShaderStage",
] as const;

/** Vectors of fewer lanes mean a CPU without wide registers in use: SwiftShader has 4, lavapipe 8, GPUs 8 to 128. */
const GPU_LANES = 8;

const WANTED_FEATURES: readonly GPUFeatureName[] = ["shader-f16", "subgroups", "timestamp-query"];

/** @throws GpuUnavailableError `no-webgpu` or `no-adapter` */
export async function requestAdapter(gpu: GPU | undefined = globalThis.navigator?.gpu): Promise<GPUAdapter> {
  if (!gpu) {
    throw new GpuUnavailableError(
      "no-webgpu",
      "This browser offers no WebGPU here. Use Chrome or Edge 113+, Safari 26+ or Firefox 141+ on a secure page (https: or localhost).",
    );
  }
  for (let attempt = 0; attempt < ADAPTER_ATTEMPTS; attempt++) {
    if (attempt > 0) await new Promise(resolve => setTimeout(resolve, ADAPTER_RETRY_MS));
    const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
    if (adapter) return adapter;
  }
  throw new GpuUnavailableError(
    "no-adapter",
    "WebGPU is there, but found no usable GPU. Switch hardware acceleration on in the browser's settings, update the graphics driver, and look at chrome://gpu.",
  );
}

/** What `support()` and `model.info` say of an adapter. `used` are the optional features switched on. */
export function adapterFacts(adapter: GPUAdapter, used: readonly string[]): AdapterFacts {
  const { info, limits } = adapter;
  const { subgroupMinSize: min, subgroupMaxSize: max } = info;
  const sizes = adapter.features.has("subgroups") && min && max ? { min, max } : null;
  return {
    vendor: info.vendor,
    architecture: info.architecture,
    description: info.description,
    fallback: info.isFallbackAdapter === true, // absent in older browsers
    features: used,
    subgroupSize: sizes,
    limits: Object.fromEntries(TOLD_LIMITS.map(name => [name, limits[name]])),
  };
}

function suitsMatrixKernels({ features, info, limits }: GPUAdapter): boolean {
  const { subgroupMatrixConfigs = [] } = info as { subgroupMatrixConfigs?: Iterable<SubgroupMatrixConfig> };
  const has = [...subgroupMatrixConfigs].some(
    ({ componentType, resultComponentType, M, N, K }) =>
      componentType === "f16" && resultComponentType === "f32" && M === 16 && N === 16 && K === 16,
  );
  return (
    has &&
    [SUBGROUP_MATRIX, "shader-f16", "subgroups"].every(name => features.has(name)) &&
    info.subgroupMinSize === 32 &&
    info.subgroupMaxSize === 32 &&
    limits[WORKGROUP_LIMIT] >= MATRIX_WORKGROUP_BYTES
  );
}

/** @throws GpuUnavailableError `no-webgpu`, `no-adapter`, `no-device` */
export async function openGpu(options: GpuOptions = {}, gpu?: GPU): Promise<Gpu> {
  const adapter = await requestAdapter(gpu);
  const off = new Set<string>();
  if (options.f16 === false) off.add("shader-f16");
  if (options.subgroups === false) off.add("subgroups");
  const features = WANTED_FEATURES.filter(name => adapter.features.has(name) && !off.has(name));
  const subgroupMatrix = options.subgroupMatrix !== false && off.size === 0 && suitsMatrixKernels(adapter);
  if (subgroupMatrix) features.push(SUBGROUP_MATRIX);
  const raised = subgroupMatrix ? ([...RAISED_LIMITS, WORKGROUP_LIMIT] as const) : RAISED_LIMITS;
  let device: GPUDevice;
  try {
    device = await adapter.requestDevice({
      requiredFeatures: features,
      requiredLimits: Object.fromEntries(raised.map(name => [name, adapter.limits[name]])),
    });
  } catch (cause) {
    throw new GpuUnavailableError(
      "no-device",
      `The GPU refused a device: ${String(cause)}. Close other tabs that use the GPU and try again.`,
      {
        cause,
      },
    );
  }
  const facts = adapterFacts(adapter, features);
  const subgroups = features.includes("subgroups");
  return {
    device,
    facts,
    f16: features.includes("shader-f16"),
    subgroups,
    subgroupMatrix,
    subgroupMinSize: subgroups ? (facts.subgroupSize?.min ?? 1) : 1,
    software: facts.fallback && (facts.subgroupSize?.max ?? 1) < GPU_LANES,
    ...watchDevice(device, options.tolerant),
  };
}
