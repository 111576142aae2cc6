// Every architecture in a shape that its real models do not have, against a reference in double precision: widths off the
// grid of 64, one KV head, 6 query heads on 2, heads of 80, 96, 128 and 256, prime vocabularies, partial rotation.
import { afterAll, describe, expect, test } from "vitest";
import { loadFixed, modelPasses } from "./load-support.ts";
import type { Architecture } from "./model-designs.ts";
import { type SyntheticSpec, syntheticModel } from "./model-support.ts";
import { maxError, randomSource } from "./support.ts";

const never = new AbortController().signal;
/** Logits here have a standard deviation of 2 to 4. f16: KV cache; its effect grows with depth. */
const TOLERANCE = { f32: 1e-3, f16: 0.1 };
/** Longer than the rings of layers with a window. */
const CONTEXT = 160;
const PROMPT = 120;
const GENERATED = 6;

type Shape = Pick<SyntheticSpec, "hidden" | "heads" | "kvHeads" | "headDim" | "feedForward" | "vocabulary">;
const SHAPES = {
  grouped: { hidden: 72, heads: 6, kvHeads: 2, headDim: 80, feedForward: 104, vocabulary: 131 },
  oneKvHead: { hidden: 40, heads: 3, kvHeads: 1, headDim: 96, feedForward: 56, vocabulary: 127 },
  wide: { hidden: 104, heads: 2, kvHeads: 1, headDim: 256, feedForward: 88, vocabulary: 137 },
  own: { hidden: 200, heads: 2, kvHeads: 2, headDim: 128, feedForward: 72, vocabulary: 139 },
  small: { hidden: 56, heads: 10, kvHeads: 5, headDim: 36, feedForward: 40, vocabulary: 113 },
} satisfies Record<string, Shape>;

const MODELS: [Architecture, keyof typeof SHAPES, Partial<SyntheticSpec>?][] = [
  ["llama", "grouped", { untied: true }],
  ["qwen2", "small"],
  ["qwen3", "own"],
  ["gemma", "wide"],
  ["gemma2", "grouped"],
  ["gemma3", "oneKvHead", { layers: 6, ropeBase: 1_000_000, ropeFactor: 8 }],
  ["phi3", "oneKvHead", { ropeDim: 72 }],
  ["smollm3", "own", { layers: 4 }],
  ["olmo2", "grouped"],
  ["granite", "wide"],
  ["starcoder2", "small"],
  ["stablelm", "grouped", { ropeDim: 20, untied: true }],
];

const passes = await modelPasses();

describe.each(passes)("models in odd shapes, %s", (_pass, features) => {
  const figures: Record<string, unknown> = {};
  afterAll(() => console.log(`Kernels of models: ${JSON.stringify(figures)}`));

  test.each(MODELS)(
    "%s, %s: logits at every position, and greedy tokens",
    async (architecture, shape, more) => {
      const spec = { architecture, ...SHAPES[shape], layers: 2, contextLength: CONTEXT, seed: 3, ...more };
      const { file, reference } = syntheticModel(spec);
      const random = randomSource(17);
      const ids = Array.from({ length: PROMPT }, () => 3 + Math.floor(random() * (spec.vocabulary - 3)));
      const session = await loadFixed(file, { contextLength: CONTEXT, features });
      figures[architecture] = session.info.kernels;
      try {
        const f16 = session.info.adapter.features.includes("shader-f16");
        const tolerance = f16 ? TOLERANCE.f16 : TOLERANCE.f32;
        const next = reference();
        let expected = new Float64Array();
        const logits = await session.logits(ids, never);
        for (const [position, id] of ids.entries()) {
          expected = next(id) as Float64Array<ArrayBuffer>;
          const row = logits.subarray(position * spec.vocabulary, (position + 1) * spec.vocabulary);
          expect(maxError(row, expected), `position ${position}`).toBeLessThan(tolerance);
        }
        // else the comparison would mean little
        expect(Math.max(...expected) - Math.min(...expected)).toBeGreaterThan(4);
        const options = { temperature: 0, maxTokens: GENERATED, ignoreEndOfTurn: true };
        const result = await session.generate({ ids }, options, never, () => {});
        expect(result.ids.length).toBe(GENERATED);
        for (const [step, id] of result.ids.entries()) {
          const behind = Math.max(...expected) - expected[id]!;
          expect(behind, `token ${step}`).toBeLessThanOrEqual(2 * tolerance);
          expected = next(id) as Float64Array<ArrayBuffer>;
        }
      } finally {
        await session.dispose();
      }
    },
    300_000,
  );
});
