/** The benchmark's page. `npm run bench` calls `intabBench` in it; a visitor presses the button. */
import { type Support, support } from "intab";
import type { BenchJob, BenchStep, Measured } from "../bench/lib/report.d.mts";
import { measure } from "./bench/measure.ts";
import { startPage } from "./bench/page.ts";
import { byId } from "./dom.ts";

declare global {
  interface Window {
    /** @param job `source` null: the file in the page's input, read in place */
    intabBench: (job: Omit<BenchJob, "source"> & { source: string | null }) => Promise<Measured>;
    intabSupport: () => Promise<Support>;
    /** Given by the script. */
    intabBenchStep: (step: BenchStep) => Promise<void>;
  }
}

window.intabSupport = support;
window.intabBench = job => {
  const source = job.source ?? byId("file", HTMLInputElement).files?.[0];
  if (!source) throw new Error("The page's input holds no file.");
  return measure({ ...job, source }, { onStep: step => window.intabBenchStep(step) });
};
void startPage();
