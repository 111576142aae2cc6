// Which type each tensor gets: one type throughout, or llama.cpp's Q4_K_M mixture.

/** @typedef {"F32" | "F16" | "Q4_0" | "Q5_0" | "Q8_0" | "Q4_K" | "Q6_K"} TensorType */

/** ggml's number of a type, the elements and bytes of its block. @type {Record<TensorType, { id: number, elements: number, bytes: number }>} */
export const TYPES = {
  F32: { id: 0, elements: 1, bytes: 4 },
  F16: { id: 1, elements: 1, bytes: 2 },
  Q4_0: { id: 2, elements: 32, bytes: 18 },
  Q5_0: { id: 6, elements: 32, bytes: 22 },
  Q8_0: { id: 8, elements: 32, bytes: 34 },
  Q4_K: { id: 12, elements: 256, bytes: 144 },
  Q6_K: { id: 14, elements: 256, bytes: 210 },
};

/**
 * File types by name, with llama.cpp's number (`general.file_type`), which has none for Q4_K alone: llama-quantize takes the
 * name for Q4_K_M. @type {Record<string, number>}
 */
export const FILE_TYPES = { F16: 1, Q4_0: 2, Q8_0: 7, Q4_K: 15, Q4_K_M: 15, Q6_K: 18 };

/** Layers whose values and down projections llama.cpp gives more bits: the first and last eighth, a third between. */
const moreBits = (/** @type {number} */ layer, /** @type {number} */ layers) => {
  const eighth = Math.floor(layers / 8);
  return layer < eighth || layer >= Math.floor((7 * layers) / 8) || (layer - eighth) % 3 === 2;
};

/** What llama.cpp takes where a row is no whole number of K blocks. @type {Partial<Record<TensorType, TensorType>>} */
const NARROW = { Q4_K: "Q5_0", Q6_K: "Q8_0" };

/**
 * @param {string} fileType one of FILE_TYPES
 * @param {import("./shapes.mjs").TensorShape} tensor
 * @param {number} layers
 * @returns {TensorType}
 */
export function typeOf(fileType, { role, dims, layer }, layers) {
  if (role === "norm" || role === "bias" || role === "decay" || role === "rope") return "F32";
  /** @type {TensorType} */
  let type;
  if (fileType === "Q4_K_M") {
    const six = role === "output" || ((role === "value" || role === "down") && moreBits(layer, layers));
    type = six ? "Q6_K" : "Q4_K";
  } else {
    type = /** @type {TensorType} */ (fileType);
  }
  return /** @type {number} */ (dims[0]) % TYPES[type].elements === 0 ? type : (NARROW[type] ?? "F16");
}
