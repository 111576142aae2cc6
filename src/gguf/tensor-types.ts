/**
 * Every tensor type of ggml, so that an error can name a type that this version cannot run. Numbers and sizes follow
 * `enum ggml_type` and the block structs of ggml (ggml/include/ggml.h, ggml/src/ggml-common.h).
 */

export interface TensorType {
  /** Name as ggml prints it in upper case, such as `Q4_0`. */
  readonly name: string;
  /** Elements per block; a row is a whole number of blocks. */
  readonly blockElements: number;
  /** Bytes per block. */
  readonly blockBytes: number;
}

const type = (name: string, blockElements: number, blockBytes: number): TensorType => ({
  name,
  blockElements,
  blockBytes,
});

/** By the number in the file. Types that ggml has removed are here too: old files still hold them. */
export const TENSOR_TYPES: ReadonlyMap<number, TensorType> = new Map([
  [0, type("F32", 1, 4)],
  [1, type("F16", 1, 2)],
  [2, type("Q4_0", 32, 18)],
  [3, type("Q4_1", 32, 20)],
  [4, type("Q4_2", 16, 10)], // removed from ggml
  [5, type("Q4_3", 16, 12)], // removed from ggml
  [6, type("Q5_0", 32, 22)],
  [7, type("Q5_1", 32, 24)],
  [8, type("Q8_0", 32, 34)],
  [9, type("Q8_1", 32, 36)],
  [10, type("Q2_K", 256, 84)],
  [11, type("Q3_K", 256, 110)],
  [12, type("Q4_K", 256, 144)],
  [13, type("Q5_K", 256, 176)],
  [14, type("Q6_K", 256, 210)],
  [15, type("Q8_K", 256, 292)],
  [16, type("IQ2_XXS", 256, 66)],
  [17, type("IQ2_XS", 256, 74)],
  [18, type("IQ3_XXS", 256, 98)],
  [19, type("IQ1_S", 256, 50)],
  [20, type("IQ4_NL", 32, 18)],
  [21, type("IQ3_S", 256, 110)],
  [22, type("IQ2_S", 256, 82)],
  [23, type("IQ4_XS", 256, 136)],
  [24, type("I8", 1, 1)],
  [25, type("I16", 1, 2)],
  [26, type("I32", 1, 4)],
  [27, type("I64", 1, 8)],
  [28, type("F64", 1, 8)],
  [29, type("IQ1_M", 256, 56)],
  [30, type("BF16", 1, 2)],
  [31, type("Q4_0_4_4", 32, 18)], // removed from ggml, as the next two
  [32, type("Q4_0_4_8", 32, 18)],
  [33, type("Q4_0_8_8", 32, 18)],
  [34, type("TQ1_0", 256, 54)],
  [35, type("TQ2_0", 256, 66)],
  [36, type("IQ4_NL_4_4", 32, 18)], // removed from ggml, as the next two
  [37, type("IQ4_NL_4_8", 32, 18)],
  [38, type("IQ4_NL_8_8", 32, 18)],
  [39, type("MXFP4", 32, 17)],
  [40, type("NVFP4", 64, 36)],
  [41, type("Q1_0", 128, 18)],
  [42, type("Q2_0", 64, 18)],
]);

const byName: ReadonlyMap<string, TensorType> = new Map(
  [...TENSOR_TYPES.values()].map(known => [known.name, known]),
);

/** By ggml's name, such as `Q4_0`; undefined for one that is none. */
export const tensorTypeNamed = (name: string): TensorType | undefined => byName.get(name);
