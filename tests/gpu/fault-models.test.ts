// Files that once failed, computed: RoPE's factors with YaRN against llama.cpp, experts in tensors of their own and odd
// alignments against the same model as usual, and weights of which keys and values leave f16 or nothing stays a number.
import { beforeAll, describe, expect, test } from "vitest";
import type { Session } from "../../src/engine/session.ts";
import { type GgufTensor, parseGguf } from "../../src/gguf/gguf.ts";
import { type TensorSpec, writeGguf } from "../unit/support/gguf-writer.ts";
import { loadFixture, loadJsonFixture } from "./fixtures.ts";
import { loadFixed } from "./load-support.ts";
import { syntheticModel } from "./model-support.ts";
import { maxError, provideGpu } from "./support.ts";

const never = new AbortController().signal;
const IDS = Array.from({ length: 33 }, (_, i) => (i * 37 + 5) % 300);

const SMALL = {
  seed: 3,
  layers: 2,
  hidden: 64,
  heads: 4,
  kvHeads: 2,
  headDim: 16,
  feedForward: 96,
  vocabulary: 300,
  contextLength: 512,
};

interface Parts {
  metadata: Record<string, unknown>;
  tensors: TensorSpec[];
}

async function parts(file: ArrayBuffer): Promise<Parts> {
  const bytes = new Uint8Array(file);
  const { metadata, tensors } = await parseGguf(
    async (at, length) => bytes.slice(at, at + length),
    bytes.length,
  );
  const data = ({ offset, bytes: size }: GgufTensor) => bytes.slice(offset, offset + size);
  return {
    metadata,
    tensors: tensors.map(t => ({ name: t.name, type: t.type, dims: [...t.dims], data: data(t) })),
  };
}

const written = (spec: Parts & { alignment?: number }): Blob => new Blob([new Uint8Array(writeGguf(spec))]);

async function using<T>(file: Blob, work: (session: Session) => Promise<T>): Promise<T> {
  const session = await loadFixed(file, { contextLength: 512 });
  try {
    return await work(session);
  } finally {
    await session.dispose();
  }
}

beforeAll(() => provideGpu());

test("factors and YaRN together give llama.cpp's probabilities", async () => {
  const file = new Blob([await loadFixture("faults/rope-factors-and-yarn.gguf")]);
  const { ids, cases } = await loadJsonFixture<{
    ids: number[];
    cases: { position: number; logprobs: number[] }[];
  }>("faults/rope-factors-and-yarn.json");
  await using(file, async session => {
    const logits = await session.logits(ids, never);
    const f16 = session.info.adapter.features.includes("shader-f16");
    for (const { position, logprobs } of cases) {
      const row = logits.slice(position * 300, (position + 1) * 300);
      const most = Math.max(...row);
      const total = most + Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - most), 0));
      const error = maxError(
        row.map(logit => logit - total),
        Float32Array.from(logprobs),
      );
      // SwiftShader: 2e-5; at position 299 without the ramp 8, without the magnitude 1.5
      expect(error, `position ${position}`).toBeLessThan(f16 ? 1 : 1e-3);
    }
  });
});

describe("experts that are a tensor each", () => {
  const NAMES = ["ffn_gate", "ffn_up", "ffn_down"];

  /** The same, with one tensor for all experts. */
  function joined({ metadata, tensors }: Parts): Parts {
    const rest = tensors.filter(({ name }) => !/\.\d\.weight$/.test(name));
    const all = NAMES.map((name): TensorSpec => {
      const each = [0, 1].map(e => tensors.find(t => t.name === `blk.0.${name}.${e}.weight`)!);
      const data = new Uint8Array(each.flatMap(({ data }) => [...data]));
      return {
        name: `blk.0.${name}_exps.weight`,
        type: "F32",
        dims: [...each[0]!.dims, 2] as number[],
        data,
      };
    });
    return { metadata, tensors: [...rest, ...all] };
  }

  test("compute what the same experts in one tensor compute, also where their types differ", async () => {
    const given = await parts(await loadFixture("faults/experts-one-tensor-each.gguf"));
    const logits = (file: Parts) => using(written(file), session => session.logits(IDS, never));
    const expected = await logits(joined(given));
    expect(maxError(await logits(given), expected)).toBeLessThan(1e-4);
    // BF16 holds the same numbers where the lower half of each F32 is 0
    for (const { name, data } of given.tensors) {
      if (!/ffn_\w+\.\d\.weight$/.test(name)) continue;
      const words = new Uint16Array(data.buffer, data.byteOffset, data.length / 2);
      for (let i = 0; i < words.length; i += 2) words[i] = 0;
    }
    const short = (tensor: TensorSpec): TensorSpec => ({
      ...tensor,
      type: "BF16",
      data: new Uint8Array(new Uint16Array(tensor.data.slice().buffer).filter((_, i) => i % 2 === 1).buffer),
    });
    const mixed = given.tensors.map(t => (/ffn_(up|down)\.1\.weight$/.test(t.name) ? short(t) : t));
    const rounded = await logits(joined(given));
    const error = maxError(await logits({ ...given, tensors: mixed }), rounded);
    expect(error).toBeLessThan(1e-4);
  }, 300_000);
});

test("a tensor that goes across the end of a piece in the middle of a word is uploaded whole", async () => {
  const { file } = syntheticModel({
    ...SMALL,
    layers: 1,
    hidden: 1024,
    heads: 8,
    headDim: 32,
    vocabulary: 2400,
  });
  const { metadata, tensors } = await parts(await file.arrayBuffer());
  // 34 bytes that nothing reads: the embedding's 9.8 MB begin 2 bytes after a whole word, and the first piece has 8 MiB
  const first: TensorSpec = {
    name: "rotary_emb.inv_freq",
    type: "Q8_0",
    dims: [32],
    data: new Uint8Array(34),
  };
  const logits = (alignment: number) => {
    const shifted = written({ metadata, tensors: [first, ...tensors], alignment });
    return using(shifted, session => session.logits([1, 2000, 2399], never));
  };
  const expected = await logits(32);
  expect(maxError(await logits(2), expected)).toBe(0);
  expect(maxError(await logits(1), expected)).toBe(0);
}, 300_000);

describe("weights that leave the range", () => {
  async function scaled(name: string, factor: number): Promise<Blob> {
    const { metadata, tensors } = await parts(await syntheticModel(SMALL).file.arrayBuffer());
    const numbers = new Float32Array(tensors.find(tensor => tensor.name === name)!.data.buffer);
    for (let i = 0; i < numbers.length; i++) numbers[i]! *= factor;
    return written({ metadata, tensors });
  }

  test.each(["blk.0.attn_k.weight", "blk.0.attn_v.weight"])(
    "%s of a million: keys and values beyond f16 saturate, and all that is computed is finite",
    async name => {
      await using(await scaled(name, 1e6), async session => {
        const long = Array.from({ length: 200 }, (_, i) => (i * 7) % 300);
        expect((await session.logits(long, never)).every(Number.isFinite)).toBe(true);
        const [embedding] = await session.embed([long], {}, never);
        expect(embedding!.every(Number.isFinite)).toBe(true);
        const result = await session.generate(
          { ids: long },
          { maxTokens: 20, ignoreEndOfTurn: true },
          never,
          () => {},
        );
        expect(result.ids).toHaveLength(20);
      });
    },
  );

  test("weights that are not numbers end the load with a named error", async () => {
    await expect(using(await scaled("output_norm.weight", Number.NaN), async () => {})).rejects.toMatchObject(
      {
        name: "ModelFormatError",
        code: "not-finite",
      },
    );
  });

  test("a token of which the numbers are none is a named error in every call, and the next call works", async () => {
    const { metadata, tensors } = await parts(await syntheticModel(SMALL).file.arrayBuffer());
    const embedding = new Float32Array(tensors.find(({ name }) => name === "token_embd.weight")!.data.buffer);
    const output: TensorSpec = {
      name: "output.weight",
      type: "F32",
      dims: [64, 300],
      data: new Uint8Array(embedding.slice().buffer),
    };
    embedding.fill(Number.NaN, 7 * 64, 8 * 64);
    await using(written({ metadata, tensors: [...tensors, output] }), async session => {
      const named = { name: "ModelFormatError", code: "not-finite" };
      const bad = [1, 7, 2];
      await expect(session.logits(bad, never)).rejects.toMatchObject(named);
      await expect(session.lastLogits(bad, never)).rejects.toMatchObject(named);
      await expect(session.score(bad, never)).rejects.toMatchObject(named);
      await expect(session.embed([bad], {}, never)).rejects.toMatchObject(named);
      await expect(session.generate({ ids: bad }, {}, never, () => {})).rejects.toMatchObject(named);
      expect((await session.logits([1, 2], never)).every(Number.isFinite)).toBe(true);
    });
  });
});
