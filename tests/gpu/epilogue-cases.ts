// What the tests of both products try every epilogue with.
import type { Gate } from "../../src/kernels/epilogue.ts";
import type { EpilogueShape } from "../reference/epilogue.ts";

/** Each kind with every option that it has, each gate at least once; `stride` leaves room on both sides. */
const EPILOGUES: readonly EpilogueShape[] = [
  { kind: "store", stride: 47, first: 5 },
  { kind: "add", scale: 0.22, stride: 60, first: 16 },
  { kind: "glu", gate: "gelu" },
  { kind: "logits", scale: 0.125, stride: 51, first: 12 },
  { kind: "logits", scale: 4, cap: 3, stride: 51, first: 12 },
  { kind: "glu", gate: "swiglu-oai" },
  { kind: "gated", gate: "gelu-erf", stride: 48, first: 4 },
  { kind: "activated", gate: "gelu", stride: 48, first: 4 },
  { kind: "activated", gate: "gelu-erf" },
];

/** All with the first variant, and with the others those that are called in different ways: each pipeline compiles. */
export function epilogueCases<T extends string>(
  variants: readonly T[],
): [variant: T, shape: EpilogueShape][] {
  return variants.flatMap((variant, index) =>
    EPILOGUES.slice(0, index === 0 ? undefined : 3).map((shape): [T, EpilogueShape] => [variant, shape]),
  );
}

export const GATES: readonly Gate[] = ["silu", "gelu", "gelu-erf", "swiglu-oai", "relu2"];

/** Every gate with every up: ordinary ones, the ends of exp's range, and far past them. */
export function gateGrid(): { gates: Float32Array<ArrayBuffer>; ups: Float32Array<ArrayBuffer> } {
  const sizes = [0, 1e-6, 0.1, 0.5, 1, 2.5, 5, 7, 10, 30, 87, 89, 104, 1000, 1e4];
  const values = sizes.flatMap(size => [size, -size]);
  const ups = [1, -0.3, 8, -9, 1e4, -1e4];
  return {
    gates: Float32Array.from(values.flatMap(value => ups.map(() => value))),
    ups: Float32Array.from(values.flatMap(() => ups)),
  };
}
