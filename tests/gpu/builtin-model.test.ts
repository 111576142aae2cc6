// The built-in model against transformers in float32: all cases on a GPU, three on a software adapter.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadModel } from "../../src/runtime/load-model.ts";
import type { Session } from "../../src/runtime/session.ts";
import { loadFixture, loadJsonFixture } from "./fixtures.ts";
import { maxError, provideGpu } from "./support.ts";

interface Case {
  kind: string;
  prompt: string;
  ids: number[];
  tokens: number[];
  margins: number[];
  last_top20: [number, number][];
}

const never = new AbortController().signal;
/** As for SmolLM2, whose shape this model has in small. */
const TOLERANCE = { f32: 1e-3, f16: 0.1 };
const SOFTWARE_CASES = 3;

describe("built-in model against transformers", () => {
  let session: Session;
  let cases: Case[];
  let tolerance: number;
  beforeAll(async () => {
    await provideGpu();
    const file = new Blob([await loadFixture("../../public/models/intab-tiny-q4_0.gguf")]);
    session = await loadModel(file, { contextLength: 256 }, { signal: never, onProgress: () => {} });
    const { adapter } = session.info;
    tolerance = adapter.features.includes("shader-f16") ? TOLERANCE.f16 : TOLERANCE.f32;
    const golden = await loadJsonFixture<{ files: Record<string, Case[]> }>("models/golden.json");
    cases = golden.files["intab-tiny-q4_0.gguf"]!;
    if (adapter.fallback) cases = cases.slice(0, SOFTWARE_CASES);
  }, 300_000);
  afterAll(() => session?.dispose());

  test("gives the reference's logits at the prompt's last position", async () => {
    for (const { ids, last_top20, prompt } of cases) {
      const logits = await session.lastLogits(ids, never);
      const actual = last_top20.map(([id]) => logits[id]!);
      const expected = last_top20.map(([, logit]) => logit);
      expect(maxError(actual, expected), prompt).toBeLessThan(tolerance);
    }
  });

  test("generates the reference's greedy tokens up to the first narrow margin", async () => {
    for (const { ids, tokens, margins, prompt } of cases) {
      const narrow = margins.findIndex(margin => margin <= 2 * tolerance);
      const certain = narrow < 0 ? tokens.length : narrow;
      const options = { temperature: 0, maxTokens: Math.max(1, certain), ignoreEndOfTurn: true };
      const result = await session.generate({ ids }, options, never, () => {});
      expect(result.ids.slice(0, certain), prompt).toEqual(tokens.slice(0, certain));
    }
  });
});
