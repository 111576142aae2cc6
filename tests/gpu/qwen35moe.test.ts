// There is no outside model of this architecture here, so one is made of a golden Qwen 3.5: experts that each give half of its MLP,
// chosen two of four, and a shared expert that gives all of it, gated by sigmoid(0) = 1/2. Together they are the MLP again.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Session } from "../../src/engine/session.ts";
import { parseGguf } from "../../src/gguf/gguf.ts";
import { type TensorSpec, writeGguf } from "../unit/support/gguf-writer.ts";
import { loadFixture } from "./fixtures.ts";
import { loadFixed, modelPasses } from "./load-support.ts";
import { maxError, randomNormal, randomSource } from "./support.ts";

const FOLDER = "arch/qwen35mtp";
const EXPERTS = 4;
const never = new AbortController().signal;

/** Half of each f16: one less in the exponent, or half of a number in units of 2^-24. */
const halved = (data: Uint8Array): Uint8Array => {
  const words = new Uint16Array(data.slice().buffer);
  const half = (word: number): number =>
    word & 0x7800 ? word - 0x400 : (word & 0x8000) | ((word & 0x7fff) >> 1);
  return new Uint8Array(words.map(half).buffer);
};

const repeated = (data: Uint8Array): Uint8Array => {
  const out = new Uint8Array(EXPERTS * data.length);
  for (let expert = 0; expert < EXPERTS; expert++) out.set(data, expert * data.length);
  return out;
};

async function withExperts(): Promise<Blob> {
  const bytes = new Uint8Array(await loadFixture(`${FOLDER}/model.gguf`));
  const file = await parseGguf(async (at, length) => bytes.slice(at, at + length), bytes.length);
  const renamed = Object.entries(file.metadata).map(
    ([key, value]) => [key.replace(/^qwen35\./, "qwen35moe."), value] as const,
  );
  const metadata = {
    ...Object.fromEntries(renamed),
    "general.architecture": "qwen35moe",
    "qwen35moe.expert_count": EXPERTS,
    "qwen35moe.expert_used_count": 2,
  };
  const hidden = file.metadata["qwen35.embedding_length"] as number;
  const random = randomSource(3);
  const tensors = file.tensors.flatMap(({ name, type, dims, offset, bytes: size }): TensorSpec[] => {
    const data = bytes.slice(offset, offset + size);
    const [, block, part] = /^(blk\.\d+\.)ffn_(gate|up|down)\.weight$/.exec(name) ?? [];
    if (!block || !part) return [{ name, type, dims, data }];
    const expert = repeated(part === "down" ? halved(data) : data);
    const own: TensorSpec[] = [
      { name: `${block}ffn_${part}_exps.weight`, type, dims: [...dims, EXPERTS], data: expert },
      { name: `${block}ffn_${part}_shexp.weight`, type, dims, data },
    ];
    if (part !== "down") return own;
    const router = new Uint8Array(randomNormal(random, hidden * EXPERTS).buffer);
    return [
      ...own,
      { name: `${block}ffn_gate_inp.weight`, type: "F32", dims: [hidden, EXPERTS], data: router },
      {
        name: `${block}ffn_gate_inp_shexp.weight`,
        type: "F32",
        dims: [hidden],
        data: new Uint8Array(4 * hidden),
      },
    ];
  });
  return new Blob([writeGguf({ metadata, tensors }) as Uint8Array<ArrayBuffer>]);
}

for (const [pass, features] of await modelPasses()) {
  describe(`qwen35moe made of qwen35, ${pass}`, () => {
    let session: Session;
    beforeAll(async () => {
      session = await loadFixed(await withExperts(), { contextLength: 192, features });
    }, 300_000);
    afterAll(() => session?.dispose());

    test("gives the dense model's logits and greedy tokens", async () => {
      const tolerance = session.info.adapter.features.includes("shader-f16") ? 0.1 : 1e-3;
      const text = new TextDecoder().decode(await loadFixture(`${FOLDER}/case.json`));
      for (const { ids, logits, greedy } of JSON.parse(text).cases) {
        const expected = new Float32Array(await loadFixture(`${FOLDER}/${logits.file}`));
        expect(maxError(await session.logits(ids, never), expected), `${ids.length} tokens`).toBeLessThan(
          tolerance,
        );
        const narrow = greedy.margins.findIndex((margin: number) => margin <= 2 * tolerance);
        const maxTokens = narrow < 0 ? greedy.tokens.length : Math.max(1, narrow);
        const options = { temperature: 0, maxTokens, ignoreEndOfTurn: true };
        const { ids: given } = await session.generate({ ids }, options, never, () => {});
        if (narrow !== 0)
          expect(given, `after ${ids.length} tokens`).toEqual(greedy.tokens.slice(0, maxTokens));
      }
    }, 120_000);
  });
}
