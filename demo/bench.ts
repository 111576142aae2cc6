/** The benchmark's page. `npm run bench` calls `intabBench` in it; a visitor presses the button. */
import { type Support, support } from "intab";
import { type BenchJob, type Measured, measure } from "./bench/measure.ts";
import { startPage } from "./bench/page.ts";

declare global {
  interface Window {
    intabBench: (job: BenchJob) => Promise<Measured>;
    intabSupport: () => Promise<Support>;
    /** Given by the script. */
    intabBenchStep: (step: { text: string; loading: boolean }) => Promise<void>;
  }
}

window.intabSupport = support;
window.intabBench = job => measure(job, { onStep: step => window.intabBenchStep(step) });
void startPage();
