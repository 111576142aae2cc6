import { UnsupportedModelError } from "../errors.ts";
import { getString } from "../gguf/fields.ts";
import type { GgufFile } from "../gguf/gguf.ts";
import type { NormKind } from "../kernels/norm.ts";
import {
  type Hyperparameters,
  Keys,
  multiple,
  readHyperparameters,
  unsupportedShape,
} from "./hyperparameters.ts";
import type { LayerCache } from "./kv/layout.ts";
import type { LayerState } from "./kv/states.ts";
import { LayerReader, type NormWeights, readHeads, readNorm } from "./layer-reader.ts";
import type { Rope, RopeFactors, RopeScaling } from "./rope.ts";
import { type HostTensor, type Linear, TensorFile, Tensors } from "./tensors.ts";

/** From the last layer to logits. */
export interface Output {
  /** undefined where the layers end with a norm of their own. */
  norm: NormWeights | undefined;
  matrix: Linear;
  /** Factor on the logits. Default 1. */
  scale?: number;
  /** Logits become cap * tanh(logit / cap). */
  cap?: number | undefined;
}

export interface Ranking {
  dense: Linear | undefined;
  /** A row per label. */
  output: Linear;
}

/** What an architecture reads its model from: the file's numbers and tensors. */
export class ModelReader {
  readonly shape: Hyperparameters;
  readonly keys: Keys;
  readonly name: string;
  /** Tensors outside of layers. */
  readonly tensors: Tensors;
  readonly file: TensorFile;
  /** Of the layers read so far. */
  readonly caches: LayerCache[] = [];
  readonly states: LayerState[] = [];

  /** @param maxBytes the largest binding of the adapter */
  constructor(file: GgufFile, maxBytes: number) {
    this.shape = readHyperparameters(file);
    this.keys = new Keys(file);
    this.name = getString(file.metadata, "general.name", "");
    this.file = new TensorFile(file, maxBytes);
    this.tensors = new Tensors(this.file, "");
  }

  /** The layers in order. Blocks behind them that predict further tokens (multi-token prediction) are left in the file. */
  layers<T>(read: (layer: LayerReader, index: number) => T): T[] {
    const { layers: blocks, hidden } = this.shape;
    const layers = blocks - this.keys.number("nextn_predict_layers", 0);
    const problems = multiple("block_count - nextn_predict_layers", layers, 1);
    if (problems.length > 0) throw unsupportedShape(problems);
    for (let index = layers; index < blocks; index++) this.file.leave(`blk.${index}.`);
    return Array.from({ length: layers }, (_, index) =>
      read(new LayerReader(this.file, this.keys, hidden, index, this), index),
    );
  }

  embedding(): Linear {
    const { vocabulary, hidden } = this.shape;
    return this.tensors.matrix("token_embd", vocabulary, hidden);
  }

  /** A table of rows that are added to the embedding, `[rows, hidden]`, where the file has it. */
  table(name: string): Linear | undefined {
    const rows = this.tensors.dims(`${name}.weight`)?.[1];
    return rows === undefined ? undefined : this.tensors.matrix(name, rows, this.shape.hidden);
  }

  /** The classifier of a reranker: a dense layer with tanh, where there is one, then a logit per label. */
  ranking(): Ranking | undefined {
    const { tensors, shape } = this;
    if (!tensors.has("cls.output.weight")) return undefined;
    const labels = tensors.dims("cls.output.weight")?.[1] ?? 1;
    return {
      dense: tensors.has("cls.weight") ? tensors.matrix("cls", shape.hidden, shape.hidden) : undefined,
      output: tensors.matrix("cls.output", labels, shape.hidden),
    };
  }

  norm(name: string, kind: NormKind = "rms"): NormWeights {
    return readNorm(this.tensors, this.keys, name, kind, this.shape.hidden);
  }

  /** Positions that layers with a sliding window look back; undefined: the file says 0, they see all. */
  window(fallback?: number): number | undefined {
    return this.keys.number("attention.sliding_window", fallback) || undefined;
  }

  /** `output_norm` and `output.weight`, or the embedding where the file ties them. */
  output(
    embedding: Linear,
    { kind = "rms", norm = "output_norm" }: { kind?: NormKind; norm?: string } = {},
  ): Output {
    const { vocabulary, hidden } = this.shape;
    const matrix = this.tensors.has("output.weight")
      ? this.tensors.matrix("output", vocabulary, hidden)
      : embedding;
    return { norm: this.norm(norm, kind), matrix };
  }

  /** RoPE as the file describes it: base, partial rotation and scaling. */
  rope({
    base = this.keys.number("rope.freq_base", 10_000),
    dim = this.#ropeDim(),
    scaled = true,
  } = {}): Rope {
    return { base, dim, scaling: scaled ? this.#scaling(dim) : { kind: "none" } };
  }

  #ropeDim(): number {
    const { headDim } = readHeads(this.keys, this.shape.hidden, this.#attentionLayer());
    return this.keys.number("rope.dimension_count", headDim);
  }

  /** The first layer that attends: hybrid models have layers without key and value heads. */
  #attentionLayer(): number {
    if (!this.keys.has("attention.head_count_kv")) return 0;
    for (let layer = 0; layer < this.shape.layers; layer++) {
      if (this.keys.ofLayer("attention.head_count_kv", layer) > 0) return layer;
    }
    return 0;
  }

  #scaling(dim: number): RopeScaling {
    const { keys, tensors } = this;
    const original = keys.number("rope.scaling.original_context_length", this.shape.contextLength);
    const magnitude = keys.number("rope.scaling.attn_factor", 1) || 1;
    const factor = keys.number("rope.scaling.factor", keys.number("rope.scale_linear", 1)) || 1;
    const host = (name: string): HostTensor => tensors.host(`${name}.weight`, dim / 2);
    let factors: RopeFactors | undefined;
    if (tensors.has("rope_factors_long.weight")) {
      factors = { short: host("rope_factors_short"), long: host("rope_factors_long"), original };
    } else if (tensors.has("rope_freqs.weight")) {
      const all = host("rope_freqs");
      factors = { short: all, long: all, original };
    }
    const type = keys.string("rope.scaling.type", "linear"); // as llama.cpp has it
    if (type === "yarn" && factor !== 1) {
      const betaFast = keys.number("rope.scaling.yarn_beta_fast", 32);
      const betaSlow = keys.number("rope.scaling.yarn_beta_slow", 1);
      // files whose rotations keep their length say so by the paper's factor, by which they divide
      const divisor =
        1 + 0.1 * keys.number("rope.scaling.yarn_log_multiplier", 0) * Math.log(Math.max(1, factor));
      const yarn = { factor, factors, original, betaFast, betaSlow };
      return { kind: "yarn", ...yarn, magnitude: magnitude / divisor };
    }
    // factors say all that "longrope" and its older names stand for
    const linear = type === "none" ? 1 : factor;
    if (!factors && linear === 1 && magnitude === 1) return { kind: "none" };
    if (factors || linear === 1 || type === "linear")
      return { kind: "linear", factor: linear, factors, magnitude };
    throw new UnsupportedModelError(
      "rope-scaling",
      `The model scales its rotary embedding by "${type}", which this version does not do. Supported: none, linear, yarn, and factors as tensors (rope_freqs, rope_factors_long).`,
      { details: { type } },
    );
  }
}
