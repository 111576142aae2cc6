import { getString } from "../gguf/fields.ts";
import type { GgufFile } from "../gguf/gguf.ts";
import type { Pooling } from "../types.ts";
import type { Architecture, Model } from "./architecture.ts";
import type { Hyperparameters } from "./hyperparameters.ts";
import type { LayerCache } from "./kv/layout.ts";
import type { LayerState } from "./kv/states.ts";
import { ModelReader, type Ranking } from "./model-reader.ts";
import { findArchitecture } from "./registry.ts";
import type { Taken } from "./tensors.ts";

/** What a header says of a model: how it computes, and what it needs. */
export interface OpenedModel extends Model {
  shape: Hyperparameters;
  taken: Taken;
  /** Layers that keep keys and values. */
  caches: readonly LayerCache[];
  /** Layers that keep a state instead. */
  states: readonly LayerState[];
  /** undefined unless the model ranks documents. */
  ranking: Ranking | undefined;
  /** How the file wants token states to become one embedding. */
  pooling: Pooling;
  /** Every position sees all: a text is one batch. */
  bidirectional: boolean;
}

/** By `pooling_type`; 0 is none, and 4 ranks by the classifier. */
const POOLING: Readonly<Record<number, Pooling>> = { 1: "mean", 2: "first", 3: "last" };

/** @throws UnsupportedModelError `architecture`; ModelFormatError `bad-gguf` where the file names none */
export function architectureOf(file: GgufFile): Architecture {
  return findArchitecture(getString(file.metadata, "general.architecture"));
}

/**
 * Reads a model from its file's header.
 * @param file of tensor types that `checkSupported` let pass
 * @param maxBytes the largest binding of the adapter: larger matrices are split by rows
 * @throws UnsupportedModelError `architecture`, `shape`, `rope-scaling`, `tensor-type`; ModelFormatError `bad-gguf`;
 *   DoesNotFitError `adapter-limit`
 */
export function openModel(file: GgufFile, maxBytes: number): OpenedModel {
  // first: files of other architectures lack the keys that the reader wants, which is not what is wrong with them
  const architecture = architectureOf(file);
  const reader = new ModelReader(file, maxBytes);
  const model = architecture(reader);
  const ranking = reader.ranking();
  reader.file.checkUnused();
  const bidirectional = !reader.keys.flag("attention.causal", model.output !== undefined);
  // a causal model's last token alone has seen the text; a classifier of an encoder reads its first
  const usual = bidirectional ? (ranking ? "first" : "mean") : "last";
  return {
    ...model,
    shape: reader.shape,
    taken: reader.file.taken,
    caches: reader.caches,
    states: reader.states,
    ranking,
    pooling: POOLING[reader.keys.number("pooling_type", 0)] ?? usual,
    bidirectional,
  };
}
