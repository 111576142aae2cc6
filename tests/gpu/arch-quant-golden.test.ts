// A tiny model of the golden data in every type of file, against transformers on the dequantised weights: real files mix
// tensor types (Q4_K_M holds Q6_K, and so on).
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadFile } from "./fixtures.ts";
import { goldenFolder, withoutGolden } from "./golden.ts";
import { loadFixed, modelPasses } from "./load-support.ts";
import { maxError } from "./support.ts";

const never = new AbortController().signal;
/** From the golden data's README, "tiny models". */
const TOLERANCE = { f32: 1e-3, f16: 0.1 };

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

const passes = await modelPasses();

describe.skipIf(!goldenFolder).each(passes)(
  `arch-quant against transformers on the dequantised weights, %s${withoutGolden}`,
  (pass, features) => {
    const path = (file: string): string => `${goldenFolder}/arch-quant/${file}`;
    let ids: number[];
    let files: FileCase[];
    const figures: Record<string, unknown> = {};
    afterAll(() => console.log(`arch-quant figures: ${JSON.stringify(figures)}`));

    beforeAll(async () => {
      ({ ids, files } = JSON.parse(await (await loadFile(path("case.json"))).text()));
    });

    test.each(FILES)(
      "%s: logits at every position, and greedy tokens",
      async name => {
        const { file, logits, greedy } = files.find(entry => entry.name === name)!;
        const session = await loadFixed(await loadFile(path(file)), { contextLength: 128, features });
        try {
          const f16 = session.info.adapter.features.includes("shader-f16");
          const tolerance = f16 ? TOLERANCE.f16 : TOLERANCE.f32;
          const expected = new Float32Array(await (await loadFile(path(logits.file))).arrayBuffer());
          const error = maxError(await session.logits(ids, never), expected);
          figures[`${name}, ${pass}`] = { error, kernels: session.info.kernels };
          expect(error).toBeLessThan(tolerance);
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
  },
);
