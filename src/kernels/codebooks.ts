import { CODEBOOK_GAPS } from "./codebook-data.ts";

/** The tables of the IQ types: a code is the number of a point, that is of 4 or 8 elements at once. */
export type Codebook = keyof typeof CODEBOOK_GAPS;

interface Shape {
  points: number;
  /** Elements of a point. */
  elements: number;
  /** The numbers that an element may be: its levels. */
  values: readonly number[];
  /** On the GPU an element has so many bits, and is so much larger: not negative, with or without a sign of its own. */
  width: 4 | 8;
  bias: number;
}

/** Stands for a gap of 0. */
const FIRST_CHARACTER = 40;

const IQ2 = { elements: 8, values: [8, 25, 43], width: 8, bias: 64 } as const;
const IQ3 = { elements: 4, width: 8, bias: 64 } as const;

const SHAPES: Readonly<Record<Codebook, Shape>> = {
  IQ2_XXS: { ...IQ2, points: 256 },
  IQ2_XS: { ...IQ2, points: 512 },
  IQ2_S: { ...IQ2, points: 1024 },
  IQ3_XXS: { ...IQ3, points: 256, values: [4, 12, 20, 28, 36, 44, 52, 62] },
  IQ3_S: { ...IQ3, points: 512, values: [1, 3, 5, 7, 9, 11, 13, 15] },
  IQ1: { points: 2048, elements: 8, values: [-1, 0, 1], width: 4, bias: 1 },
};

/** Size of a codebook on the GPU. */
export function codebookBytes(codebook: Codebook): number {
  const { points, elements, width } = SHAPES[codebook];
  return (points * elements * width) / 8;
}

/** The codebook as the kernels read it: all points' elements in order, lowest bits of a word first. */
export function codebookWords(codebook: Codebook): Uint32Array<ArrayBuffer> {
  const { points, elements, values, width, bias } = SHAPES[codebook];
  const words = new Uint32Array(codebookBytes(codebook) / 4);
  const perWord = 32 / width;
  let point = -1;
  for (let i = 0; i < points; i++) {
    point += CODEBOOK_GAPS[codebook].charCodeAt(i) - FIRST_CHARACTER;
    let rest = point;
    for (let element = i * elements; element < (i + 1) * elements; element++) {
      const level = rest % values.length;
      rest = (rest - level) / values.length;
      words[Math.floor(element / perWord)]! |= (values[level]! + bias) << ((element % perWord) * width);
    }
  }
  return words;
}
