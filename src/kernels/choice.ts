/** Which variant of a kernel runs: of those that an adapter can run, the one that was measured to be the fastest there. */
import type { Gpu } from "../gpu/device.ts";

/** Variants by family: kernels that compute the same. */
export interface Variants {
  matvec: "rows" | "subgroups" | "workgroup";
  matmul: "rows" | "matrix" | "tile";
  attentionDecode: "software" | "subgroups" | "tiled";
  attentionPrefill: "software" | "matrix" | "tiled";
}
export type Family = keyof Variants;
/** A family's variant, where one was measured to be the fastest. Names that do not fit the adapter count as none. */
export type KernelChoice = Readonly<Record<string, string | undefined>>;

/** What an adapter can run. The first is taken where nothing was measured; a family of one is never measured. */
const CANDIDATES: { readonly [F in Family]: (gpu: Gpu) => readonly Variants[F][] } = {
  matvec: gpu => (gpu.software ? ["rows"] : gpu.subgroups ? ["subgroups", "workgroup"] : ["workgroup"]),
  matmul: gpu => (gpu.software ? ["rows"] : gpu.subgroupMatrix ? ["matrix", "tile"] : ["tile"]),
  // a CPU that pretends to be a GPU takes long to compile the kernel by subgroups
  attentionDecode: gpu =>
    gpu.software ? ["software"] : gpu.subgroups && !gpu.facts.fallback ? ["subgroups", "tiled"] : ["tiled"],
  attentionPrefill: gpu =>
    gpu.software ? ["software"] : gpu.subgroupMatrix ? ["matrix", "tiled"] : ["tiled"],
};

export const FAMILIES = Object.keys(CANDIDATES) as readonly Family[];

export function candidates<F extends Family>(gpu: Gpu, family: F): readonly Variants[F][] {
  return CANDIDATES[family](gpu);
}

/** The variant to run: `gpu.choice` where the adapter can run it. */
export function chosenVariant<F extends Family>(gpu: Gpu, family: F): Variants[F] {
  const able = candidates(gpu, family);
  return able.find(variant => variant === gpu.choice?.[family]) ?? able[0]!;
}
