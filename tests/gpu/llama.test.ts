// The whole way from a GGUF file to tokens, against a reference in double precision: models made in code, with every
// mix of types and shapes that real files have and the built-in model has not.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Session } from "../../src/engine/session.ts";
import { loadFixed } from "./load-support.ts";
import { type EncodedType, type SyntheticSpec, syntheticModel } from "./model-support.ts";
import { maxError, provideGpu, randomSource } from "./support.ts";

const never = new AbortController().signal;
/** Logits here have a standard deviation of 2 to 4. f16: KV cache and prefill's tiles; its effect grows with depth. */
const TOLERANCE = { f32: 1e-3, f16: 0.1 };

const mixed: Record<string, EncodedType> = {
  "token_embd.weight": "Q8_0",
  "output.weight": "F16",
  "output_norm.weight": "BF16",
  "blk.0.attn_norm.weight": "BF16",
  "blk.0.ffn_norm.weight": "F16",
  // Q and K share a dispatch, V has its own
  "blk.0.attn_q.weight": "F16",
  "blk.0.attn_k.weight": "F16",
  "blk.0.attn_v.weight": "Q8_0",
  "blk.0.attn_output.weight": "Q4_0",
  "blk.0.ffn_gate.weight": "Q8_0",
  "blk.0.ffn_up.weight": "F16",
  "blk.0.ffn_down.weight": "Q4_1",
  // each on its own; types as above, for each new one means more pipelines to compile
  "blk.1.attn_q.weight": "F16",
  "blk.1.attn_k.weight": "Q8_0",
  "blk.1.attn_v.weight": "F16",
  "blk.1.attn_output.weight": "Q4_0",
  "blk.1.ffn_gate.weight": "Q4_0",
  "blk.1.ffn_up.weight": "Q4_0",
  "blk.1.ffn_down.weight": "BF16",
};

const models: { title: string; spec: SyntheticSpec; session: number; prompts: number[] }[] = [
  {
    title: "types mixed in every product, one KV head, untied output, Llama 3's RoPE factors, long context",
    spec: {
      seed: 1,
      layers: 2,
      hidden: 64,
      heads: 4,
      kvHeads: 1,
      headDim: 16,
      feedForward: 96,
      vocabulary: 277,
      normEpsilon: 1e-5,
      ropeBase: 500_000,
      ropeDim: 16,
      ropeFactors: [1, 1, 1.5, 2, 4, 8, 8, 8],
      contextLength: 2048,
      untied: true,
      typeOf: name => mixed[name] ?? "F32",
    },
    session: 1100,
    // 507 and what is generated crosses from one decode program to the other, 1,020 is beyond
    prompts: [1, 17, 100, 507, 1020],
  },
  {
    title:
      "F32, sizes off the grid of 32, heads wider than the model, partial RoPE with linear scaling, tied output",
    spec: {
      seed: 2,
      layers: 2,
      hidden: 40,
      heads: 6,
      kvHeads: 2,
      headDim: 24,
      feedForward: 56,
      vocabulary: 131,
      normEpsilon: 1e-6,
      ropeBase: 10_000,
      ropeFactor: 2,
      ropeDim: 16,
      contextLength: 256,
      untied: false,
      typeOf: () => "F32",
    },
    session: 90,
    prompts: [1, 16, 75],
  },
];

for (const { title, spec, session: contextLength, prompts } of models) {
  describe(title, () => {
    const { file, reference } = syntheticModel(spec);
    const random = randomSource(spec.seed + 100);
    const sequences = prompts.map(length =>
      Array.from({ length }, () => 3 + Math.floor(random() * (spec.vocabulary - 3))),
    );
    let session: Session;
    let tolerance: number;

    beforeAll(async () => {
      await provideGpu();
      session = await loadFixed(file, { contextLength });
      tolerance = session.info.adapter.features.includes("shader-f16") ? TOLERANCE.f16 : TOLERANCE.f32;
    }, 300_000); // lavapipe takes a second and more for each of the pipelines
    afterAll(() => {
      console.log(`llama kernels: ${JSON.stringify(session?.info.kernels)}`);
      return session?.dispose();
    });

    test("prefill gives the reference's logits at every position", async () => {
      for (const ids of sequences) {
        if (ids.length > 200) continue;
        const next = reference();
        const logits = await session.logits(ids, never);
        ids.forEach((id, position) => {
          const row = logits.subarray(position * spec.vocabulary, (position + 1) * spec.vocabulary);
          expect(maxError(row, next(id)), `position ${position} of ${ids.length}`).toBeLessThan(tolerance);
        });
      }
    });

    test("decode takes the reference's best token at every step, or one that is as good to the tolerance", async () => {
      for (const ids of sequences) {
        const next = reference();
        let logits = ids.map(next).at(-1)!;
        const last = await session.lastLogits(ids, never);
        expect(maxError(last, logits), `last of ${ids.length}`).toBeLessThan(tolerance);
        const options = { temperature: 0, maxTokens: 12, ignoreEndOfTurn: true };
        const result = await session.generate({ ids }, options, never, () => {});
        expect(result.ids.length).toBe(12);
        for (const [step, id] of result.ids.entries()) {
          const behind = Math.max(...logits) - logits[id]!;
          expect(behind, `token ${step} after ${ids.length}`).toBeLessThanOrEqual(2 * tolerance);
          logits = next(id);
        }
      }
    });

    test("scores are the logarithms of the reference's probabilities", async () => {
      const ids = sequences.at(1)!;
      const next = reference();
      const expected = ids.slice(0, -1).map((id, at) => {
        const logits = next(id);
        const largest = logits.reduce((a, b) => Math.max(a, b));
        const total = logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
        return logits[ids[at + 1]!]! - largest - Math.log(total);
      });
      expect(maxError(await session.score(ids, never), expected)).toBeLessThan(2 * tolerance);
    });
  });
}
