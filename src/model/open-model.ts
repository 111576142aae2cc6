import type { GgufFile } from "../gguf/gguf.ts";
import { getString } from "../gguf/metadata.ts";
import type { Model } from "./architecture.ts";
import type { Hyperparameters } from "./hyperparameters.ts";
import type { LayerCache } from "./kv-cache.ts";
import { ModelReader } from "./model-reader.ts";
import { findArchitecture } from "./registry.ts";
import type { Taken } from "./tensors.ts";

/** What a header says of a model: how it computes, and what it needs. */
export interface OpenedModel extends Model {
  shape: Hyperparameters;
  taken: Taken;
  /** Layers that keep keys and values. */
  caches: readonly LayerCache[];
}

/**
 * Reads a model from its file's header.
 * @param maxBytes the largest binding of the adapter: larger matrices are split by rows
 * @throws UnsupportedModelError `architecture`, `shape`, `rope-scaling`, `tensor-type`; ModelFormatError `bad-gguf`;
 *   DoesNotFitError `adapter-limit`
 */
export function openModel(file: GgufFile, maxBytes: number): OpenedModel {
  // first: files of other architectures lack the keys that the reader wants, which is not what is wrong with them
  const architecture = findArchitecture(getString(file.metadata, "general.architecture"));
  const reader = new ModelReader(file, maxBytes);
  const model = architecture(reader);
  reader.file.checkUnused();
  return { ...model, shape: reader.shape, taken: reader.file.taken, caches: reader.caches };
}
