// Models on kernels that are told, not measured: a test's result must not depend on which of them were fast today.
import { inject } from "vitest";
import type { LoadSettings } from "../../src/boundary/protocol.ts";
import type { Session } from "../../src/engine/session.ts";
import { requestAdapter } from "../../src/gpu/device.ts";
import { chosenVariant, FAMILIES, type Family, type KernelChoice } from "../../src/kernels/choice.ts";
import { loadModel } from "../../src/load/load-model.ts";
import { openTestGpu, provideGpu } from "./support.ts";

const never = new AbortController().signal;

/** What `model.info.kernels` calls the kernels of a family. */
const KERNELS: Readonly<Record<Family, string>> = {
  matvec: "matvec",
  matmul: "matmul",
  attentionDecode: "attention-decode",
  attentionPrefill: "attention-prefill",
};

/**
 * Features with which whole models run here: in f32, whose tolerance tells most; where there is time, also with f16, and
 * without subgroups. Each with its name for the test's title.
 */
export async function modelPasses(): Promise<
  [name: string, features: NonNullable<LoadSettings["features"]>][]
> {
  await provideGpu();
  const { features } = await requestAdapter();
  const passes: Awaited<ReturnType<typeof modelPasses>> = [["f32", { f16: false }]];
  if (inject("long") && features.has("shader-f16")) passes.push(["f16", {}]);
  if (inject("long") && features.has("subgroups"))
    passes.push(["f32, no subgroups", { f16: false, subgroups: false }]);
  return passes;
}

/** @param choice default: what is taken where nothing was measured */
export function loadFixed(file: Blob, settings: LoadSettings, choice: KernelChoice = {}): Promise<Session> {
  return loadModel(file, settings, { signal: never, onProgress: () => {}, choice });
}

/** Variants by family that are to run with such a choice; a model's heads may still not suit one. */
export async function wantedVariants(
  features: LoadSettings["features"],
  choice: KernelChoice = {},
): Promise<Record<string, string[]>> {
  const gpu = await openTestGpu(features);
  gpu.destroy();
  return Object.fromEntries(FAMILIES.map(family => [family, [chosenVariant({ ...gpu, choice }, family)]]));
}

/** Variants by family of what ran: sizes of tiles left out. */
export function variantsIn(kernels: Readonly<Record<string, readonly string[]>>): Record<string, string[]> {
  const variants = (names: readonly string[] = []): string[] => [
    ...new Set(names.map(name => name.split("-")[0]!)),
  ];
  return Object.fromEntries(FAMILIES.map(family => [family, variants(kernels[KERNELS[family]])]));
}
