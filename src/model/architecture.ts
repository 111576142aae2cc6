import type { ModelReader, Output } from "./model-reader.ts";
import type { ProgramBuilder } from "./program.ts";

/** A model whose tensors are found and checked, but not loaded. */
export interface Model {
  /** Embedding and layers: leaves the last hidden states in the builder's residual stream. */
  forward(p: ProgramBuilder): void;
  /** undefined where the model gives embeddings alone. */
  output: Output | undefined;
}

/**
 * An architecture: takes what it needs from the file, and says how the layers follow each other. The same lines build
 * the prefill and the decode program; the builder knows which.
 * @throws ModelFormatError `bad-gguf`; UnsupportedModelError `shape`, `rope-scaling`, `tensor-type`
 */
export type Architecture = (model: ModelReader) => Model;
