// There is no outside model of the dense hybrids here, so they are held against mixtures that are checked (`arch-golden.test.ts`): a golden
// mixture whose experts give nothing, so that its shared expert is all of the MLP, and the dense model with that for its MLP.
import { describe, expect, test } from "vitest";
import { parseGguf } from "../../src/gguf/gguf.ts";
import { type TensorSpec, writeGguf } from "../unit/support/gguf-writer.ts";
import { absentModel, readGolden, withoutGolden } from "./golden.ts";
import { loadFixed, modelPasses } from "./load-support.ts";
import { maxError, randomSource } from "./support.ts";

const never = new AbortController().signal;

const MODELS = [
  { golden: "granitehybridmoe", from: "granitehybrid", dense: "granitehybrid" },
  { golden: "nemotronhmoe", from: "nemotron_h_moe", dense: "nemotron_h" },
];

/** The mixture without what its experts give, and the dense model. */
async function pair({ golden, from, dense }: (typeof MODELS)[number]): Promise<[Blob, Blob]> {
  const bytes = new Uint8Array(await (await readGolden(golden)).arrayBuffer());
  const file = await parseGguf(async (at, length) => bytes.slice(at, at + length), bytes.length);
  const tensors = file.tensors.map(
    ({ name, type, dims, offset, bytes: size }): TensorSpec => ({
      name,
      type,
      dims,
      data: bytes.slice(offset, offset + size),
    }),
  );
  const mixture = tensors.map(tensor =>
    tensor.name.includes("ffn_down_exps") ? { ...tensor, data: new Uint8Array(tensor.data.length) } : tensor,
  );
  const alone = tensors
    .filter(({ name }) => !/_exps|ffn_gate_inp|exp_probs/.test(name))
    .map(tensor => ({ ...tensor, name: tensor.name.replace("_shexp", "") }));
  const width = file.metadata[`${from}.expert_shared_feed_forward_length`] as number;
  const given = file.metadata[`${from}.feed_forward_length`];
  const metadata = {
    ...Object.fromEntries(
      Object.entries(file.metadata)
        .filter(([key]) => !key.includes(".expert_"))
        .map(([key, value]) => [key.replace(`${from}.`, `${dense}.`), value]),
    ),
    "general.architecture": dense,
    [`${dense}.feed_forward_length`]: Array.isArray(given) ? given.map(size => (size ? width : 0)) : width,
  };
  const written = (of: Parameters<typeof writeGguf>[0]) =>
    new Blob([writeGguf(of) as Uint8Array<ArrayBuffer>]);
  return [written({ metadata: file.metadata, tensors: mixture }), written({ metadata, tensors: alone })];
}

for (const model of MODELS) {
  const { golden, dense } = model;
  for (const [pass, features] of await modelPasses()) {
    describe.skipIf(absentModel(golden))(
      `${dense} without experts, ${pass}${absentModel(golden) ? withoutGolden : ""}`,
      () => {
        test("has the logits of a mixture whose shared expert is all that counts", async () => {
          const random = randomSource(5);
          const ids = Array.from({ length: 70 }, () => Math.floor(random() * 700));
          const logits: Float32Array[] = [];
          for (const file of await pair(model)) {
            const session = await loadFixed(file, { contextLength: 128, features });
            logits.push(await session.logits(ids, never));
            await session.dispose();
          }
          const [mixture, alone] = logits as [Float32Array, Float32Array];
          expect(mixture.some(value => Math.abs(value) > 1)).toBe(true);
          expect(maxError(alone, mixture)).toBeLessThan(1e-4);
        }, 300_000);
      },
    );
  }
}
