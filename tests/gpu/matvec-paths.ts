// The ways through matvec.wgsl that the sizes of a product decide, each with a product that takes it: by subgroups of 8 and of
// 32, and through workgroup memory.
import type { Gpu } from "../../src/gpu/device.ts";
import type { Epilogue } from "../../src/kernels/epilogue.ts";
import { type MatvecVariant, matvec, mostLanes } from "../../src/kernels/matvec.ts";
import { type WeightType, weightLayout } from "../../src/kernels/weights.ts";
import { Recorder } from "./variants.ts";

export type ProductCase = [
  variant: MatvecVariant,
  type: WeightType,
  kind: "store" | "add" | "glu" | "gated",
  rows: number,
  columns: number,
  norm: "norm" | "plain",
];

export interface Path {
  /** Subgroups, or 32 threads, that share a row group. */
  split: number;
  /** Units of 8 columns that a thread asks for at a time. */
  together: number;
  /** Some threads have a unit left over after those. */
  leftOver: boolean;
  /** A team takes two row groups that do not belong together. */
  twoResults: boolean;
  /** A subgroup holds several teams. */
  smallTeams: boolean;
}

const usual: Path = { split: 1, together: 1, leftOver: false, twoResults: false, smallTeams: false };
const pairs = { ...usual, together: 2, leftOver: true };

/** @param width of subgroups: that of the narrowest ones that a pipeline may run with */
export function pathCases(width: number): [ProductCase, Path][] {
  const long = Math.max(256, width > 16 ? 64 * width : 0); // else so many wide teams would be made smaller
  const many = 2 ** 19 / width + 1;
  return [
    [["subgroups", "Q4_0", "add", 36, 4128, "plain"], { ...pairs, split: 4 }],
    [["workgroup", "Q4_0", "add", 36, 4128, "norm"], { ...pairs, split: 4 }],
    // read as fast as the memory allows, and yet too few to keep it busy
    [["subgroups", "Q8_0", "store", 37, 4128, "norm"], { ...pairs, split: 4 }],
    [["workgroup", "F16", "glu", 72, 4128, "plain"], { ...pairs, split: 4 }],
    [["subgroups", "Q8_0", "add", 36, 8224, "norm"], { ...pairs, split: 8 }],
    [["workgroup", "F16", "store", 9, 4840, "norm"], { ...usual, split: 8 }],
    [["subgroups", "Q4_0", "glu", 8192, 1056, "norm"], pairs],
    [["workgroup", "Q4_0", "glu", 8192, 1056, "plain"], pairs],
    // the last row group is not full
    [["subgroups", "Q4_0", "store", 32_006, long, "norm"], { ...usual, together: 2, twoResults: true }],
    [["subgroups", "Q4_K", "store", 32_006, long, "plain"], { ...usual, together: 2, twoResults: true }],
    [["workgroup", "Q4_0", "store", 32_006, 32, "norm"], { ...usual, twoResults: true }],
    [["workgroup", "F16", "store", 32_006, 40, "norm"], usual],
    // nor is the last workgroup
    [["subgroups", "F16", "store", many, 8, "norm"], { ...usual, smallTeams: true }],
  ];
}

/** The path that a product takes, from what it asks the GPU for. */
export async function pathOf(gpu: Gpu, [variant, type, kind, rows, columns]: ProductCase): Promise<Path> {
  const nothing = {} as GPUBuffer;
  const recorder = new Recorder(gpu);
  const { scalesBytes } = weightLayout(type, rows, columns);
  const weight = { type, rows, columns, words: nothing, scales: scalesBytes > 0 ? nothing : null };
  const epilogue: Epilogue = { kind, gate: "silu", y: nothing };
  await matvec(recorder, gpu, { weight, epilogue, x: nothing, state: nothing, variant });
  const { sizes = {}, constants = {} } = recorder.codes[0]!;
  const { LANES, WIDTH = mostLanes(gpu, variant), TEAMS, TWO_RESULTS } = constants;
  const { TOGETHER } = sizes;
  const rounds = columns / 8 / LANES!;
  return {
    split: LANES! / WIDTH,
    together: TOGETHER!,
    leftOver: [Math.floor(rounds), Math.ceil(rounds)].some(count => count % TOGETHER! !== 0),
    twoResults: TWO_RESULTS === 1,
    smallTeams: TEAMS! > 1,
  };
}
