import type { BenchJob, Measured } from "../../demo/bench/measure.ts";

export interface PeerResult {
  name: string;
  version: string;
  /** What it ran on, in its own words. */
  on: string;
  prefill: { tokens: number; tokensPerSecond: number[] }[];
  decode: { context: number; tokensPerSecond: number[] }[];
}

/** What the JSON file holds. The page's own download lacks what only the script can know: those fields are optional. */
export interface Report extends Measured {
  format: "intab-bench-1";
  /** ISO 8601 */
  date: string;
  browser: string;
  model: { name: string; bytes: number };
  job: Omit<BenchJob, "source">;
  commit?: string;
  flags?: string[];
  clocks?: { gpu: string; driver: string; smMHz: number[]; memoryMHz: number[]; watts: number[] } | null;
  heap?: { peakBytes: number; method: string } | null;
  peers?: (PeerResult | { name: string; notRun: string })[];
}
