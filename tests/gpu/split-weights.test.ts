// Models whose matrices exceed what the adapter binds at once: every product is several. A limit of a few kilobytes stands
// for the real ones of 128 MiB and more.
import { beforeAll, describe, expect, test } from "vitest";
import { noCounters } from "../../src/engine/sequence.ts";
import { parseGguf } from "../../src/gguf/gguf.ts";
import { Buffers } from "../../src/gpu/buffers.ts";
import { packSampling } from "../../src/kernels/sample-params.ts";
import { AllocatedWeights } from "../../src/load/allocated-weights.ts";
import { buildModel } from "../../src/load/build.ts";
import { Fingerprint } from "../../src/load/fingerprint.ts";
import { uploadWeights } from "../../src/load/upload.ts";
import { openModel } from "../../src/model/open-model.ts";
import { validateSampling } from "../../src/sampling/options.ts";
import { openFile } from "../../src/storage/file-source.ts";
import { loadF32Fixture, loadFixture, loadJsonFixture } from "./fixtures.ts";
import { type SyntheticSpec, syntheticModel } from "./model-support.ts";
import { maxError, openTestGpu, provideGpu } from "./support.ts";

const never = new AbortController().signal;
const TOLERANCE = { f32: 1e-3, f16: 0.1 };
const CONTEXT = 64;
const IDS = [5, 99, 17, 130, 3, 64, 77, 5, 5, 41, 120, 9, 33, 88, 129, 4, 60, 61, 62];

/** As `loadModel` does it, but with another limit on matrices; logits of all positions, then what is generated. */
async function run(file: Blob, maxBytes: number, maxTokens: number, prompt: readonly number[] = IDS) {
  const gpu = await openTestGpu();
  const buffers = new Buffers(gpu);
  const source = openFile(file);
  try {
    const header = await parseGguf((offset, length) => source.read(offset, length), source.size);
    const model = openModel(header, maxBytes);
    const weights = new AllocatedWeights(model.taken, buffers);
    const limits = { contextLength: CONTEXT, maxSequences: 2 };
    const { pipelines, complete } = buildModel({ gpu, buffers, model, weights, ...limits });
    const fingerprint = new Fingerprint(header);
    const { taken } = model;
    await uploadWeights({ gpu, pipelines, buffers, file: header, taken, weights, source, fingerprint });
    const { engine, generator } = await complete();
    const { evaluator } = generator!;
    const logits = await evaluator.logits(prompt, never);
    const sampling = packSampling(validateSampling({ temperature: 0 }, 1), []);
    const generated: number[] = [];
    const deliver = (ids: readonly number[]): void => void generated.push(...ids);
    const draws = { sampling, promptTokens: prompt.length, maxTokens, deliver };
    const rest = { shares: true, priority: 0, signal: never, counters: noCounters() };
    await engine.run({ ids: prompt, draws, ...rest });
    const matrices = [...model.taken.matrices].map(matrix => matrix.name);
    return { logits, generated, matrices, tolerance: gpu.f16 ? TOLERANCE.f16 : TOLERANCE.f32 };
  } finally {
    source.close();
    buffers.destroy();
    gpu.destroy();
  }
}

const sizes = {
  layers: 2,
  hidden: 40,
  heads: 4,
  headDim: 12,
  vocabulary: 131,
  contextLength: CONTEXT,
  seed: 9,
};

describe("a model whose matrices are split", () => {
  beforeAll(provideGpu);

  test("gives the golden logits: experts, a few to a matrix", { timeout: 300_000 }, async () => {
    const file = new Blob([await loadFixture("arch/gptoss/model.gguf")]);
    const { cases } = await loadJsonFixture<{ cases: { ids: number[]; logits: { file: string } }[] }>(
      "arch/gptoss/case.json",
    );
    const { ids, logits: expected } = cases[1]!;
    const { logits, matrices, tolerance } = await run(file, 80_000, 4, ids);
    expect(matrices.filter(name => /_exps.* from expert/.test(name)).length).toBe(12);
    expect(maxError(logits, await loadF32Fixture(`arch/gptoss/${expected.file}`))).toBeLessThan(tolerance);
  });

  test.each<[string, SyntheticSpec, rows: number, string[]]>([
    [
      "separate tensors, tied output",
      { ...sizes, architecture: "qwen2", kvHeads: 2, feedForward: 56 },
      32,
      ["token_embd", "blk.0.attn_q", "blk.0.attn_output", "blk.1.ffn_gate", "blk.1.ffn_up", "blk.0.ffn_down"],
    ],
    [
      // 3 heads a part: one begins in the values, which are not permuted
      "fused tensors, partial RoPE, output of its own",
      { ...sizes, architecture: "phi3", kvHeads: 4, feedForward: 56, ropeDim: 8, untied: true },
      40,
      ["token_embd", "output", "blk.0.attn_qkv", "blk.1.ffn_up", "blk.0.ffn_down"],
    ],
  ])("gives the same logits and tokens: %s", { timeout: 300_000 }, async (_name, spec, rows, split) => {
    const { file, reference } = syntheticModel(spec);
    const { logits, generated, matrices, tolerance } = await run(file, rows * spec.hidden * 4, 4);
    for (const name of split) {
      expect(matrices.filter(matrix => matrix.startsWith(`${name} from row`)).length, name).toBeGreaterThan(
        1,
      );
    }
    const next = reference();
    let expected = new Float64Array();
    for (const [position, id] of IDS.entries()) {
      expected = next(id) as Float64Array<ArrayBuffer>;
      const row = logits.subarray(position * spec.vocabulary, (position + 1) * spec.vocabulary);
      expect(maxError(row, expected), `position ${position}`).toBeLessThan(tolerance);
    }
    expect(generated).toHaveLength(4);
    for (const [step, id] of generated.entries()) {
      expect(Math.max(...expected) - expected[id]!, `token ${step}`).toBeLessThanOrEqual(2 * tolerance);
      expected = next(id) as Float64Array<ArrayBuffer>;
    }
  });
});
