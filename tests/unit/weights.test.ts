import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { tensorTypeNamed } from "../../src/gguf/tensor-types.ts";
import { type Codebook, codebookBytes, codebookWords } from "../../src/kernels/codebooks.ts";
import { WEIGHT_TYPES, weightLayout } from "../../src/kernels/weights.ts";

/** The types that files may have. */
const PROMISED_TYPES = [
  ...["F32", "F16", "BF16"],
  ...["Q8_0", "Q6_K", "Q5_K", "Q5_0", "Q5_1", "Q4_K", "Q4_0", "Q4_1", "Q3_K", "Q2_K"],
  ...["IQ4_NL", "IQ4_XS", "MXFP4", "IQ3_S", "IQ3_XXS", "IQ2_S", "IQ2_XS", "IQ2_XXS", "IQ1_S", "IQ1_M"],
  ...["TQ1_0", "TQ2_0"],
];

const ratio = (type: (typeof WEIGHT_TYPES)[number], rows: number, columns: number): number => {
  const { wordsBytes, scalesBytes, rowBytes } = weightLayout(type, rows, columns);
  return (wordsBytes + scalesBytes) / (rows * rowBytes);
};

describe("weight layouts", () => {
  test("exist for every type that files may have", () => {
    expect([...WEIGHT_TYPES].sort()).toEqual([...PROMISED_TYPES].sort());
  });

  test.each(WEIGHT_TYPES)("%s: rows have the bytes that the file format says", type => {
    const { blockElements, blockBytes } = tensorTypeNamed(type)!;
    expect(weightLayout(type, 4, 1024).rowBytes).toBe((1024 / blockElements) * blockBytes);
  });

  test.each(WEIGHT_TYPES)("%s: GPU bytes are within the limit", type => {
    const { blockElements, blockBytes } = tensorTypeNamed(type)!;
    const fourBits = (8 * blockBytes) / blockElements >= 4;
    // the shape of a small matrix; the larger ones of real models come out smaller, since codebooks do not grow
    expect(ratio(type, 576, 1536)).toBeLessThanOrEqual(fourBits ? 1.07 : 1.25);
    expect(ratio(type, 4096, 4096)).toBeLessThanOrEqual(fourBits ? 1.03 : 1.23);
  });

  test("columns that do not fill whole blocks are refused", () => {
    expect(() => weightLayout("Q4_0", 4, 48)).toThrow(/multiples of 32/);
    expect(() => weightLayout("F16", 4, 12)).toThrow(/multiples of 8/);
    expect(() => weightLayout("Q4_K", 4, 576)).toThrow(/multiples of 256/);
  });
});

describe("codebooks", () => {
  // SHA-256 of all elements as signed bytes, point by point, as gguf-py 0.19 has them (IQ1: -1, 0, 1)
  const DIGESTS: [Codebook, points: number, size: number, digest: string][] = [
    ["IQ2_XXS", 256, 8, "05826b5d3e472a3a78f196be62ac78acf81df0f909626e12ab9fa2a5d490dd54"],
    ["IQ2_XS", 512, 8, "06e47aaca60b4dc1d9b5a3f34540437058a6b142b4d7a59d5ded769b4d1bf1de"],
    ["IQ2_S", 1024, 8, "e1aa1473412b0552c2174c30ef22ab4073f6a181b85a17056e8249bd2932fd88"],
    ["IQ3_XXS", 256, 4, "46e35f5a997efdee6c99ce57854c8a0d4f0ff8ca57e5e8a60c0793ea580acf5d"],
    ["IQ3_S", 512, 4, "bd1af4945a1717c65610b0284e4628b9a1ba3b306fae3a06f6e5f597356e349f"],
    ["IQ1", 2048, 8, "07540ffc1aeaf6ad4d97e96b0fcc765aae39671d4ae4a27bbd0e796fde167c6a"],
  ];

  test.each(DIGESTS)("%s has the %i points of %i elements of gguf-py", (codebook, points, size, digest) => {
    const words = codebookWords(codebook);
    expect(words.byteLength).toBe(codebookBytes(codebook));
    const bytes = new Uint8Array(words.buffer);
    const elements =
      codebook === "IQ1"
        ? [...bytes].flatMap(byte => [(byte & 15) - 1, (byte >> 4) - 1])
        : [...bytes].map(byte => byte - 64);
    expect(elements.length).toBe(points * size);
    expect(createHash("sha256").update(Int8Array.from(elements)).digest("hex")).toBe(digest);
  });
});
