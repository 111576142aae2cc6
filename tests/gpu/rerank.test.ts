// Embeddings and rerankers: options of embed(), and classifiers on top of a golden encoder, whose states are checked
// elsewhere, against the same in double precision.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Session } from "../../src/engine/session.ts";
import { parseGguf } from "../../src/gguf/gguf.ts";
import { loadModel } from "../../src/load/load-model.ts";
import { typed, writeGguf } from "../unit/support/gguf-writer.ts";
import { loadFixture } from "./fixtures.ts";
import { maxError, provideGpu, randomNormal, randomSource } from "./support.ts";

const never = new AbortController().signal;
const HIDDEN = 256;
const DOCUMENTS = ["a cat on a mat", "the sky is blue, and so is the sea", "dog"];

/** The golden BERT with a classifier of random numbers. */
async function reranker(labels: number, dense: boolean) {
  const bytes = new Uint8Array(await loadFixture("arch/bert/model.gguf"));
  const file = await parseGguf(async (at, length) => bytes.slice(at, at + length), bytes.length);
  const random = randomSource(labels);
  const classifier: Record<string, { dims: number[]; values: Float32Array<ArrayBuffer> }> = {
    ...(dense
      ? {
          "cls.weight": { dims: [HIDDEN, HIDDEN], values: randomNormal(random, HIDDEN * HIDDEN, 0.05) },
          "cls.bias": { dims: [HIDDEN], values: randomNormal(random, HIDDEN, 0.2) },
        }
      : {}),
    "cls.output.weight": { dims: [HIDDEN, labels], values: randomNormal(random, labels * HIDDEN, 0.1) },
    "cls.output.bias": { dims: [labels], values: randomNormal(random, labels) },
  };
  const tensors = [
    ...file.tensors.map(({ name, type, dims, offset, bytes: size }) => ({
      name,
      type,
      dims,
      data: bytes.subarray(offset, offset + size),
    })),
    ...Object.entries(classifier).map(([name, { dims, values }]) => ({
      name,
      type: "F32",
      dims,
      data: new Uint8Array(values.buffer),
    })),
  ];
  const epsilon = "bert.attention.layer_norm_epsilon";
  const metadata = {
    ...file.metadata,
    [epsilon]: typed("f32", file.metadata[epsilon]),
    "bert.pooling_type": 4,
  };
  const blob = new Blob([new Uint8Array(writeGguf({ metadata, tensors }))]);
  return { blob, classifier };
}

const open = (blob: Blob): Promise<Session> =>
  loadModel(blob, { contextLength: 64 }, { signal: never, onProgress: () => {} });

function linear(weight: Float32Array, bias: Float32Array, x: ArrayLike<number>): number[] {
  return Array.from(bias, (start, row) => {
    let sum = start;
    for (let i = 0; i < HIDDEN; i++) sum += weight[row * HIDDEN + i]! * x[i]!;
    return sum;
  });
}

describe("rerank", () => {
  beforeAll(provideGpu);

  test.each([
    ["one label behind a dense layer", 1, true],
    ["yes and no, straight from the state", 2, false],
  ])("%s: scores and order", async (_name, labels, dense) => {
    const { blob, classifier } = await reranker(labels, dense);
    const session = await open(blob);
    try {
      expect(session.info).toMatchObject({ generates: false, ranks: true, pooling: "first" });
      const query = "cat";
      const ranked = await session.rerank(query, DOCUMENTS, never);
      expect(ranked.map(({ score }) => score)).toEqual(
        ranked.map(({ score }) => score).sort((a, b) => b - a),
      );
      const { tokenizer } = session;
      // matrix units round both factors of a product to 11 bits
      const onMatrixUnits = session.info.kernels.matmul!.some(name => name.startsWith("matrix"));
      const tolerance = onMatrixUnits ? 1e-3 : 1e-4;
      for (const { index, score } of ranked) {
        // [CLS] query [SEP] document [SEP]
        const pair = [
          ...tokenizer.encode(query, { addSpecial: true }),
          ...tokenizer.encode(DOCUMENTS[index]!, { addSpecial: true }).slice(1),
        ];
        const [state] = await session.embed([pair], { normalize: false }, never);
        const read = (name: string): Float32Array => classifier[name]!.values;
        const input = dense ? linear(read("cls.weight"), read("cls.bias"), state!).map(Math.tanh) : state!;
        const logits = linear(read("cls.output.weight"), read("cls.output.bias"), input);
        const expected = labels === 1 ? logits[0]! : 1 / (1 + Math.exp(logits[1]! - logits[0]!));
        expect(Math.abs(score - expected), DOCUMENTS[index]).toBeLessThan(tolerance);
      }
      await expect(session.rerank(query, ["word ".repeat(80)], never)).rejects.toMatchObject({
        code: "prompt-too-long",
      });
    } finally {
      await session.dispose();
    }
  });
});

describe("embed", () => {
  let session: Session;
  beforeAll(async () => {
    await provideGpu();
    session = await open(new Blob([await loadFixture("arch/bert/model.gguf")]));
  });
  afterAll(() => session?.dispose());

  test("scales to length 1 unless told not to; fewer dimensions are the first ones, scaled again", async () => {
    const [whole] = await session.embed([DOCUMENTS[0]!], {}, never);
    const [raw] = await session.embed([DOCUMENTS[0]!], { normalize: false }, never);
    const [short] = await session.embed([DOCUMENTS[0]!], { dimensions: 16 }, never);
    expect(Math.hypot(...whole!)).toBeCloseTo(1, 5);
    const length = Math.hypot(...raw!);
    expect(length).toBeGreaterThan(2);
    expect(
      maxError(
        whole!,
        raw!.map(value => value / length),
      ),
    ).toBeLessThan(1e-6);
    const first = raw!.subarray(0, 16);
    expect(
      maxError(
        short!,
        first.map(value => value / Math.hypot(...first)),
      ),
    ).toBeLessThan(1e-6);
  });

  test("pools by the mean, the first or the last state; the mean of one token is all of them", async () => {
    const one = [[200]];
    const [mean, first, last] = await Promise.all(
      (["mean", "first", "last"] as const).map(pooling => session.embed(one, { pooling }, never)),
    );
    expect(first).toEqual(mean);
    expect(last).toEqual(mean);
    const [different] = await session.embed([[200, 201, 202]], { pooling: "last" }, never);
    expect(maxError(different!, mean![0]!)).toBeGreaterThan(1e-3);
  });

  test("refuses what an encoder does not do, with a next step", async () => {
    await expect(session.generate({ ids: [1] }, {}, never, () => {})).rejects.toMatchObject({
      code: "not-generative",
    });
    await expect(session.logits([1], never)).rejects.toMatchObject({ code: "not-generative" });
    await expect(session.rerank("a", ["b"], never)).rejects.toMatchObject({ code: "not-a-reranker" });
    await expect(session.embed(["a"], { dimensions: 257 }, never)).rejects.toMatchObject({ code: "option" });
    await expect(session.embed(["a"], { dimensions: 0 }, never)).rejects.toMatchObject({ code: "option" });
  });

  test("an aborted signal ends it with its reason, and the next call works", async () => {
    const reason = new Error("enough");
    await expect(session.embed(["a", "b"], {}, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(await session.embed(["a", "b"], {}, never)).toHaveLength(2);
  });
});
