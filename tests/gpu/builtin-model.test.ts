import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadModel } from "../../src/runtime/load-model.ts";
import type { Session } from "../../src/runtime/session.ts";
import { loadFixture, loadJsonFixture } from "./fixtures.ts";
import { provideGpu } from "./support.ts";

interface Case {
  kind: string;
  prompt: string;
  ids: number[];
  tokens: number[];
  margins: number[];
  last_top20: [number, number][];
}

const never = new AbortController().signal;

describe("built-in model against transformers", () => {
  let session: Session;
  let cases: Case[];
  beforeAll(async () => {
    await provideGpu();
    const file = new Blob([await loadFixture("../../public/models/intab-tiny-q4_0.gguf")]);
    session = await loadModel(file, { contextLength: 256 }, { signal: never, onProgress: p => console.log(Math.round(performance.now()), JSON.stringify(p)) });
    const golden = await loadJsonFixture<{ files: Record<string, Case[]> }>("models/golden.json");
    cases = golden.files["intab-tiny-q4_0.gguf"]!;
    console.log(JSON.stringify(session.info));
  });
  afterAll(() => session?.dispose());

  test("gives the reference's logits at the prompt's last position", async () => {
    for (const { ids, last_top20 } of cases.slice(0, 3)) {
      const t0 = performance.now();
      const logits = (await session.logits(ids, never)).subarray(-session.info.vocabularySize);
      const worst = Math.max(...last_top20.map(([id, logit]) => Math.abs(logits[id]! - logit)));
      console.log(ids.length, "logits worst", worst, performance.now() - t0);
      expect(worst).toBeLessThan(session.info.adapter.features.includes("shader-f16") ? 0.1 : 1e-3);
    }
  });

  test("generates the reference's greedy tokens up to the first narrow margin", async () => {
    for (const { ids, tokens, margins } of cases.slice(0, 3)) {
      const result = await session.generate({ ids }, { temperature: 0, maxTokens: tokens.length, ignoreEndOfTurn: true }, never, () => {});
      const narrow = margins.findIndex(margin => margin < 0.2);
      const certain = narrow < 0 ? tokens.length : narrow;
      console.log(JSON.stringify(result.timings), certain, tokens.length);
      expect(result.ids.slice(0, certain)).toEqual(tokens.slice(0, certain));
    }
  });
});
