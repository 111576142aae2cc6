import { type Codebook, codebookWords } from "../../src/kernels/codebooks.ts";
import type { WeightType } from "../../src/kernels/weights.ts";

/** GGUF types whose codes stand for numbers of a table, or for powers and digits, rather than for multiples of a scale. */
export const CODED_TYPES = [
  "IQ4_NL",
  "IQ4_XS",
  "MXFP4",
  "IQ3_S",
  "IQ3_XXS",
  "IQ2_S",
  "IQ2_XS",
  "IQ2_XXS",
  "IQ1_S",
  "IQ1_M",
  "TQ1_0",
  "TQ2_0",
] as const;
export type CodedType = (typeof CODED_TYPES)[number];

export function isCodedType(type: WeightType): type is CodedType {
  return (CODED_TYPES as readonly string[]).includes(type);
}

/** The parts of a block as numbers, where a type has them. */
export interface CodedBlock {
  /** Half-precision number as bits; MXFP4: the exponent. */
  scaleBits: number;
  /** As stored: not negative. */
  scales: number[];
  /** A code for each element, or points of the codebook for 4 or 8 elements each. */
  codes: number[];
  /** A bit for each element, where the type has signs (the eighth of 8 may follow from the others). */
  signs: number[];
  /** A bit for each 32 or 8 elements: the sign of IQ1's eighth. */
  deltas: number[];
}

/** Columns of a block, and its bytes in the file. */
export const CODED_BLOCKS: Readonly<Record<CodedType, { columns: number; bytes: number }>> = {
  IQ4_NL: { columns: 32, bytes: 18 },
  IQ4_XS: { columns: 256, bytes: 136 },
  MXFP4: { columns: 32, bytes: 17 },
  IQ3_S: { columns: 256, bytes: 110 },
  IQ3_XXS: { columns: 256, bytes: 98 },
  IQ2_S: { columns: 256, bytes: 82 },
  IQ2_XS: { columns: 256, bytes: 74 },
  IQ2_XXS: { columns: 256, bytes: 66 },
  IQ1_S: { columns: 256, bytes: 50 },
  IQ1_M: { columns: 256, bytes: 56 },
  TQ1_0: { columns: 256, bytes: 54 },
  TQ2_0: { columns: 256, bytes: 66 },
};

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Reads the block that begins at `at`, one code at a time. */
export function readCodedBlock(type: CodedType, bytes: Uint8Array, at: number): CodedBlock {
  const byte = (offset: number): number => bytes[at + offset]!;
  const half = (offset: number): number => byte(offset) + 256 * byte(offset + 1);
  /** `count` bits from bit `first` on of the number that begins at `offset`, lowest byte first. */
  const bits = (offset: number, first: number, count: number): number => {
    let value = 0;
    for (let i = 0; i < count; i++) {
      const bit = first + i;
      value += ((byte(offset + Math.floor(bit / 8)) >> (bit % 8)) & 1) * 2 ** i;
    }
    return value;
  };
  /** The 32 nibbles of 16 bytes: low ones first. */
  const nibble = (offset: number, i: number): number => bits(offset + (i % 16), i < 16 ? 0 : 4, 4);
  /** Seven bits stored, and one that makes their number even. */
  const even = (sevens: number[]): number[] =>
    sevens.flatMap(seven => {
      const stored = range(7).map(i => (seven >> i) & 1);
      return [...stored, stored.reduce((sum, bit) => sum + bit) % 2];
    });
  const none = { scales: [], signs: [], deltas: [] };
  switch (type) {
    case "IQ4_NL":
      return { ...none, scaleBits: half(0), codes: range(32).map(i => nibble(2, i)) };
    case "MXFP4":
      return { ...none, scaleBits: byte(0), codes: range(32).map(i => nibble(1, i)) };
    case "IQ4_XS":
      return {
        ...none,
        scaleBits: half(0),
        scales: range(8).map(j => bits(4, 4 * j, 4) + 16 * bits(2, 2 * j, 2)),
        codes: range(256).map(i => nibble(8 + 16 * Math.floor(i / 32), i % 32)),
      };
    case "IQ3_S":
      return {
        ...none,
        scaleBits: half(0),
        scales: range(8).map(j => bits(106, 4 * j, 4)),
        codes: range(64).map(i => byte(2 + i) + 256 * bits(66, i, 1)),
        signs: range(256).map(i => bits(74, i, 1)),
      };
    case "IQ3_XXS":
      return {
        ...none,
        scaleBits: half(0),
        scales: range(8).map(j => bits(66 + 4 * j, 28, 4)),
        codes: range(64).map(i => byte(2 + i)),
        signs: even(range(32).map(i => bits(66 + 4 * Math.floor(i / 4), 7 * (i % 4), 7))),
      };
    case "IQ2_S":
      return {
        ...none,
        scaleBits: half(0),
        scales: range(16).map(j => bits(74, 4 * j, 4)),
        codes: range(32).map(i => byte(2 + i) + 256 * bits(66, 2 * i, 2)),
        signs: range(256).map(i => bits(34, i, 1)),
      };
    case "IQ2_XS":
      return {
        ...none,
        scaleBits: half(0),
        scales: range(16).map(j => bits(66, 4 * j, 4)),
        codes: range(32).map(i => bits(2 + 2 * i, 0, 9)),
        signs: even(range(32).map(i => bits(2 + 2 * i, 9, 7))),
      };
    case "IQ2_XXS":
      return {
        ...none,
        scaleBits: half(0),
        scales: range(8).map(j => bits(6 + 8 * j, 28, 4)),
        codes: range(32).map(i => byte(2 + 8 * Math.floor(i / 4) + (i % 4))),
        signs: even(range(32).map(i => bits(6 + 8 * Math.floor(i / 4), 7 * (i % 4), 7))),
      };
    case "IQ1_S":
      return {
        ...none,
        scaleBits: half(0),
        scales: range(8).map(j => bits(34 + 2 * j, 12, 3)),
        codes: range(32).map(i => byte(2 + i) + 256 * bits(34 + 2 * Math.floor(i / 4), 3 * (i % 4), 3)),
        deltas: range(8).map(j => bits(34 + 2 * j, 15, 1)),
      };
    case "IQ1_M":
      return {
        ...none,
        scaleBits: range(4).reduce((sum, i) => sum + bits(48 + 2 * i, 12, 4) * 16 ** i, 0),
        scales: range(16).map(j => bits(48 + 2 * Math.floor(j / 4), 3 * (j % 4), 3)),
        codes: range(32).map(i => byte(i) + 256 * bits(32, 4 * i, 3)),
        deltas: range(32).map(i => bits(32, 4 * i + 3, 1)),
      };
    case "TQ1_0": {
      // a byte is a fraction in units of 1/256, whose digits in base 3 are the codes
      const digit = (offset: number, n: number): number =>
        Math.floor((((byte(offset) * 3 ** n) % 256) * 3) / 256);
      return {
        ...none,
        scaleBits: half(52),
        codes: range(256).map(i => {
          if (i < 160) return digit(i % 32, Math.floor(i / 32));
          if (i < 240) return digit(32 + (i % 16), Math.floor((i - 160) / 16));
          return digit(48 + (i % 4), Math.floor((i - 240) / 4));
        }),
      };
    }
    case "TQ2_0":
      return {
        ...none,
        scaleBits: half(64),
        codes: range(256).map(i =>
          bits(32 * Math.floor(i / 128) + (i % 32), 2 * Math.floor((i % 128) / 32), 2),
        ),
      };
  }
}

const IQ4 = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];
const E2M1 = [0, 0.5, 1, 1.5, 2, 3, 4, 6];

const CODEBOOKS: Partial<Record<CodedType, Codebook>> = {
  IQ3_S: "IQ3_S",
  IQ3_XXS: "IQ3_XXS",
  IQ2_S: "IQ2_S",
  IQ2_XS: "IQ2_XS",
  IQ2_XXS: "IQ2_XXS",
  IQ1_S: "IQ1",
  IQ1_M: "IQ1",
};

/** A point's elements: 4 of IQ3's, 8 of the others'. */
function pointOf(codebook: Codebook, words: Uint32Array, point: number): number[] {
  if (codebook === "IQ1") return range(8).map(i => ((words[point]! >> (4 * i)) & 15) - 1);
  const size = codebook.startsWith("IQ3") ? 4 : 8;
  return range(size).map(i => {
    const element = point * size + i;
    return ((words[Math.floor(element / 4)]! >> (8 * (element % 4))) & 255) - 64;
  });
}

/** The block's numbers. All products are exact in double precision, and in single. */
export function codedValues(type: CodedType, block: CodedBlock, half: (bits: number) => number): number[] {
  const { scaleBits, scales, codes, signs, deltas } = block;
  const scale = half(scaleBits);
  switch (type) {
    case "IQ4_NL":
      return codes.map(code => scale * IQ4[code]!);
    case "IQ4_XS":
      return codes.map((code, i) => scale * (scales[Math.floor(i / 32)]! - 32) * IQ4[code]!);
    case "MXFP4":
      return codes.map(code => (code < 8 ? 1 : -1) * E2M1[code % 8]! * 2 ** (scaleBits - 127));
    case "TQ1_0":
    case "TQ2_0":
      return codes.map(code => scale * (code - 1));
  }
  const codebook = CODEBOOKS[type]!;
  const words = codebookWords(codebook);
  const elements = codes.flatMap(code => pointOf(codebook, words, code));
  const factors = {
    IQ3_S: (s: number): number => 1 + 2 * s,
    IQ3_XXS: (s: number): number => (0.5 + s) * 0.5,
    IQ2_S: (s: number): number => (0.5 + s) * 0.25,
    IQ2_XS: (s: number): number => (0.5 + s) * 0.25,
    IQ2_XXS: (s: number): number => (0.5 + s) * 0.25,
    IQ1_S: (s: number): number => 1 + 2 * s,
    IQ1_M: (s: number): number => 1 + 2 * s,
  };
  return elements.map((element, i) => {
    const factor = scale * factors[type](scales[Math.floor((i * scales.length) / 256)]!);
    if (codebook !== "IQ1") return factor * element * (signs[i] ? -1 : 1);
    return factor * (element + (deltas[Math.floor((i * deltas.length) / 256)] ? -0.125 : 0.125));
  });
}

/** A row's block as the kernels expect it: its words, and its scales as [number, bytes] in order. */
export function packCodedBlock(
  type: CodedType,
  block: CodedBlock,
): { words: number[]; scales: [value: number, size: number][] } {
  const { scaleBits, codes, signs, scales, deltas } = block;
  /** Numbers of `width` bits, lowest first, as words. */
  const pack = (values: number[], width: number): number[] => {
    const words: number[] = new Array(Math.ceil((values.length * width) / 32)).fill(0);
    values.forEach((value, i) => {
      const bit = i * width;
      words[Math.floor(bit / 32)]! += value * 2 ** (bit % 32);
    });
    return words;
  };
  /** Words for each of the 8 times 32 columns, one kind after the other. */
  const perPart = (...kinds: number[][]): number[] =>
    range(8).flatMap(part =>
      kinds.flatMap(words => words.slice((part * words.length) / 8, ((part + 1) * words.length) / 8)),
    );
  /** Seven signs of each of 8, and a scale, in 32 bits. */
  const signsAndScales = (): number[] =>
    scales.map((scale, part) =>
      range(4).reduce(
        (sum, unit) =>
          sum +
          range(7).reduce((bits, i) => bits + signs[32 * part + 8 * unit + i]! * 2 ** i, 0) * 2 ** (7 * unit),
        scale * 2 ** 28,
      ),
    );
  /** Codes of 2 bits, merged. */
  const merged = (): number[] => {
    const words: number[] = new Array(codes.length / 16).fill(0);
    codes.forEach((code, i) => {
      const e = i % 16;
      words[Math.floor(i / 16)]! += code * 2 ** (8 * (e % 4) + 2 * Math.floor(e / 4));
    });
    return words;
  };
  const pairs = (values: number[]): number[] =>
    range(values.length / 2).map(i => values[2 * i]! + 16 * values[2 * i + 1]!);
  const bytes = (values: number[]): [number, number][] => values.map(value => [value, 1]);
  const low = codes.map(code => code % 256);
  const high = codes.map(code => Math.floor(code / 256));
  const head: [number, number] = [scaleBits, 2];
  switch (type) {
    case "IQ4_NL":
      return { words: pack(codes, 4), scales: [head] };
    case "MXFP4":
      return { words: pack(codes, 4), scales: [[scaleBits, 1]] };
    case "IQ4_XS":
      return { words: pack(codes, 4), scales: [head, ...bytes(scales.map(s => (s - 32) & 255))] };
    case "TQ1_0":
    case "TQ2_0":
      return { words: merged(), scales: [head] };
    case "IQ2_XXS":
    case "IQ3_XXS":
      return { words: perPart(pack(codes, 8), signsAndScales()), scales: [head] };
    case "IQ2_XS": {
      const sevens = range(32).map(u => range(7).reduce((sum, i) => sum + signs[8 * u + i]! * 2 ** i, 0));
      const units = codes.map((code, u) => code + 512 * sevens[u]!);
      return { words: pack(units, 16), scales: [head, ...bytes(pairs(scales))] };
    }
    case "IQ2_S": {
      const upper = range(8).map(j => range(4).reduce((sum, i) => sum + high[4 * j + i]! * 4 ** i, 0));
      const nibbles = pairs(scales);
      return {
        words: perPart(pack(low, 8), pack(signs, 1)),
        scales: [head, ...bytes(range(8).flatMap(j => [upper[j]!, nibbles[j]!]))],
      };
    }
    case "IQ3_S": {
      const upper = range(8).map(j => range(8).reduce((sum, i) => sum + high[8 * j + i]! * 2 ** i, 0));
      return {
        words: perPart(pack(low, 8), pack(signs, 1)),
        scales: [head, ...bytes(upper), ...bytes(pairs(scales))],
      };
    }
    case "IQ1_S": {
      const parts = range(8).map(
        j =>
          range(4).reduce((sum, i) => sum + high[4 * j + i]! * 8 ** i, 0) +
          scales[j]! * 2 ** 12 +
          deltas[j]! * 2 ** 15,
      );
      return { words: pack(low, 8), scales: [head, ...parts.map((part): [number, number] => [part, 2])] };
    }
    case "IQ1_M": {
      const nibbles = pairs(high.map((bits, u) => bits + 8 * deltas[u]!));
      const parts = range(4).map(j => range(4).reduce((sum, i) => sum + scales[4 * j + i]! * 8 ** i, 0));
      return {
        words: pack(low, 8),
        scales: [head, ...bytes(nibbles), ...parts.map((part): [number, number] => [part, 2])],
      };
    }
  }
}
