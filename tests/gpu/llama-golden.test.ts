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

// One tiny model in every type of file: real files mix tensor types (Q4_K_M holds Q6_K, and so on).
const FILES = [
  "F32",
  "F16",
  "BF16",
  "Q8_0",
  "Q6_K",
  "Q5_K_M",
  "Q5_0",
  "Q4_K_M",
  "Q4_K_S",
  "Q4_0",
  "Q4_1",
  "Q3_K_M",
  "Q2_K",
  "IQ4_NL",
  "IQ4_XS",
];

interface FileCase {
  name: string;
  file: string;
  logits: { file: string };
  greedy: { tokens: number[]; margins: number[] };
}

describe.skipIf(!folder)(`arch-quant against transformers on the dequantised weights${why}`, () => {
  const path = (file: string): string => `${folder}/arch-quant/${file}`;
  let ids: number[];
  let files: FileCase[];

  beforeAll(async () => {
    await provideGpu();
    ({ ids, files } = JSON.parse(await (await loadFile(path("case.json"))).text()));
  });

  test.each(FILES)(
    "%s: logits at every position, and greedy tokens",
    async name => {
      const { file, logits, greedy } = files.find(entry => entry.name === name)!;
      const options = { contextLength: 128 };
      const session = await loadModel(await loadFile(path(file)), options, {
        signal: never,
        onProgress: () => {},
      });
      try {
        const f16 = session.info.adapter.features.includes("shader-f16");
        const tolerance = f16 ? TOLERANCE.f16 : TOLERANCE.f32;
        const expected = new Float32Array(await (await loadFile(path(logits.file))).arrayBuffer());
        expect(maxError(await session.logits(ids, never), expected)).toBeLessThan(tolerance);
        const narrow = greedy.margins.findIndex(margin => margin <= 2 * tolerance);
        const certain = narrow < 0 ? greedy.tokens.length : narrow;
        const generation = { temperature: 0, maxTokens: Math.max(1, certain), ignoreEndOfTurn: true };
        const result = await session.generate({ ids }, generation, never, () => {});
        expect(result.ids.slice(0, certain)).toEqual(greedy.tokens.slice(0, certain));
      } finally {
        await session.dispose();
      }
    },
    300_000,
  );
});
