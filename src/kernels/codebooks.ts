import { CODEBOOK_LEVELS } from "./codebook-data.ts";

/** The tables of the IQ types: a code is the number of a point, that is of 4 or 8 elements at once. */
export type Codebook = keyof typeof CODEBOOK_LEVELS;

interface Shape {
  /** Elements of all points together. */
  elements: number;
  /** Bits of a level in the data, and the numbers that the levels stand for. */
  levelBits: 2 | 4;
  values: readonly number[];
  /** On the GPU an element has so many bits, and is so much larger: not negative, with or without a sign of its own. */
  width: 4 | 8;
  bias: number;
}

const IQ2 = { levelBits: 2, values: [8, 25, 43], width: 8, bias: 64 } as const;
const IQ3 = { levelBits: 4, width: 8, bias: 64 } as const;

const SHAPES: Readonly<Record<Codebook, Shape>> = {
  IQ2_XXS: { ...IQ2, elements: 256 * 8 },
  IQ2_XS: { ...IQ2, elements: 512 * 8 },
  IQ2_S: { ...IQ2, elements: 1024 * 8 },
  IQ3_XXS: { ...IQ3, elements: 256 * 4, values: [4, 12, 20, 28, 36, 44, 52, 62] },
  IQ3_S: { ...IQ3, elements: 512 * 4, values: [1, 3, 5, 7, 9, 11, 13, 15] },
  IQ1: { elements: 2048 * 8, levelBits: 2, values: [-1, 0, 1], width: 4, bias: 1 },
};

/** Size of a codebook on the GPU. */
export function codebookBytes(codebook: Codebook): number {
  const { elements, width } = SHAPES[codebook];
  return (elements * width) / 8;
}

/** The codebook as the kernels read it: all points' elements in order, lowest bits of a word first. */
export function codebookWords(codebook: Codebook): Uint32Array<ArrayBuffer> {
  const { levelBits, values, width, bias } = SHAPES[codebook];
  const words = new Uint32Array(codebookBytes(codebook) / 4);
  const packed = atob(CODEBOOK_LEVELS[codebook]);
  const perWord = 32 / width;
  const perByte = 8 / levelBits;
  for (let i = 0; i < words.length * perWord; i++) {
    const level =
      (packed.charCodeAt(Math.floor(i / perByte)) >> ((i % perByte) * levelBits)) & (2 ** levelBits - 1);
    words[Math.floor(i / perWord)]! |= (values[level]! + bias) << ((i % perWord) * width);
  }
  return words;
}
