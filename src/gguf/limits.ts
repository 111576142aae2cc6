/**
 * Bounds for a header that may be hostile. Each number is far above every known model and far below what would hurt
 * a browser tab. Sizes are bytes unless the name says otherwise.
 */

/** First read of the header. A SmolLM2-sized header (49k tokens, 1.7 MB) takes this and one more read. */
export const FIRST_READ_BYTES = 1024 * 1024;
/** Later reads: few round trips for a 262k-token header (about 15 MB), little memory for all others. */
export const NEXT_READ_BYTES = 2 * 1024 * 1024;
/** The whole header. The largest known ones (262k tokens with merges) take about 16 MB. */
export const MAX_HEADER_BYTES = 128 * 1024 * 1024;
/** Key-value pairs. Real files have 20 to 60. */
export const MAX_METADATA_ENTRIES = 4096;
/** Tensors. The largest known files (every expert a tensor of its own) stay under 30,000. */
export const MAX_TENSORS = 65_536;
/** Elements of all metadata arrays together. 262k tokens with scores, types and 515k merges make 1.3 million. */
export const MAX_ARRAY_ELEMENTS = 8 * 1024 * 1024;
/** A metadata string. Chat templates reach 100 KB, embedded licences 50 KB. */
export const MAX_STRING_BYTES = 4 * 1024 * 1024;
/** A metadata key: 65,535 by the GGUF specification. */
export const MAX_KEY_BYTES = 65_535;
/** A tensor name: 64 by the specification; some converters exceed it, none by much. */
export const MAX_TENSOR_NAME_BYTES = 1024;
/** Arrays within arrays. Nothing known nests at all; recursion must end somewhere. */
export const MAX_ARRAY_DEPTH = 4;
/** GGML_MAX_DIMS. */
export const MAX_DIMENSIONS = 4;
/** `general.alignment`: 32 is usual; llama.cpp reads any power of two; more than a page of 64 KiB is nonsense. */
export const MIN_ALIGNMENT = 1;
export const MAX_ALIGNMENT = 65_536;
export const DEFAULT_ALIGNMENT = 32;
