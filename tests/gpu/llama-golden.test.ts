// The tiny models of the golden data whose architecture is llama, against transformers in float32: Llama 2's shape, Llama
// 3.1's RoPE factors, Mistral's heads that are wider than the model.
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { loadModel } from "../../src/runtime/load-model.ts";
import type { Session } from "../../src/runtime/session.ts";
import { loadFile } from "./fixtures.ts";
import { maxError, provideGpu } from "./support.ts";

interface Case {
  ids: number[];
  logits: { file: string };
  greedy: { tokens: number[]; margins: number[] };
}

const never = new AbortController().signal;
const folder = inject("golden");
/** From the golden data's README, "tiny models". */
const TOLERANCE = { f32: 1e-3, f16: 0.1 };
const why = folder ? "" : " (SKIPPED: no ../shared/golden; set INTAB_GOLDEN to the golden data)";

for (const name of ["llama", "llama31", "mistral"]) {
  describe.skipIf(!folder)(`arch/${name} against transformers${why}`, () => {
    const path = (file: string): string => `${folder}/arch/${name}/${file}`;
    let session: Session;
    let cases: Case[];
    let tolerance: number;

    beforeAll(async () => {
      await provideGpu();
      const file = await loadFile(path("model.gguf"));
      session = await loadModel(file, { contextLength: 128 }, { signal: never, onProgress: () => {} });
      tolerance = session.info.adapter.features.includes("shader-f16") ? TOLERANCE.f16 : TOLERANCE.f32;
      cases = JSON.parse(await (await loadFile(path("case.json"))).text()).cases;
    }, 300_000);
    afterAll(() => session?.dispose());

    test("logits at every position", async () => {
      for (const { ids, logits } of cases) {
        const expected = new Float32Array(await (await loadFile(path(logits.file))).arrayBuffer());
        expect(maxError(await session.logits(ids, never), expected), `${ids.length} tokens`).toBeLessThan(
          tolerance,
        );
      }
    });

    test("greedy tokens up to the first narrow margin", async () => {
      for (const { ids, greedy } of cases) {
        const narrow = greedy.margins.findIndex(margin => margin <= 2 * tolerance);
        const certain = narrow < 0 ? greedy.tokens.length : narrow;
        const options = { temperature: 0, maxTokens: Math.max(1, certain), ignoreEndOfTurn: true };
        const result = await session.generate({ ids }, options, never, () => {});
        expect(result.ids.slice(0, certain), `after ${ids.length} tokens`).toEqual(
          greedy.tokens.slice(0, certain),
        );
      }
    });
  });
}
