import { MAX_HEAD_DIM } from "../kernels/attention.ts";
import { type DeltaRuleShape, deltaChannels, MAX_STATE_DIM } from "../kernels/delta-rule.ts";
import type { Gate, Temperature } from "../kernels/epilogue.ts";
import { MAX_HEAD, MAX_STATE, type Mamba2Shape, mamba2Channels } from "../kernels/mamba2.ts";
import type { NormKind } from "../kernels/norm.ts";
import type { KvGiven } from "../kernels/qk-norm.ts";
import type { Halves } from "../kernels/repack.ts";
import { COLUMN_MULTIPLE, type Keys, multiple, unsupportedShape } from "./hyperparameters.ts";
import type { LayerCache } from "./kv/layout.ts";
import type { LayerState } from "./kv/states.ts";
import type { Rope } from "./rope.ts";
import { type Linear, type ShortTensor, type TensorFile, Tensors } from "./tensors.ts";

export interface NormWeights {
  kind: NormKind;
  weight: ShortTensor;
  bias: ShortTensor | undefined;
  epsilon: number;
}

/** How a layer attends; what is left out is as in Llama. */
export interface AttentionOptions {
  /** undefined = no position embedding (NoPE, Kazemnejad et al. 2023). */
  rope: Rope | undefined;
  /** Which elements RoPE turns together: (2i, 2i + 1), or (i, i + dim / 2), which most converters write. */
  pairing?: "adjacent" | "halves";
  /** Positions that the layer looks back at most, its own included. */
  window?: number | undefined;
  /** Factor on the scores. Default 1 / sqrt(headDim). */
  scale?: number;
  /** Scores become softcap * tanh(score / softcap). */
  softcap?: number | undefined;
  /** QK-norm: over each head with scales for all heads, or for each its own; or over all heads together. */
  qkNorm?: {
    kind: NormKind;
    over: "head" | "own-head" | "all-heads";
    /** Values have an RMSNorm without scales; keys without norm are the values of a layer that has no projection of them. */
    values?: boolean;
  };
  /** Width of a head, where the file has another beside `key_length`. */
  headDim?: number | undefined;
  /** The layer whose keys and values this one reads instead of making its own. */
  keysOf?: AttentionWeights | undefined;
  /** Queries grow with their position. */
  temperature?: Temperature | undefined;
  /** A learned logit per head joins the softmax (gpt-oss). */
  sinks?: boolean;
  /** The query projection has a gate behind each head's query: its sigmoid scales the head's result. Needs `qkNorm`. */
  gated?: boolean;
  /** `false`: each position sees the whole batch (encoders). */
  causal?: boolean;
}

export interface AttentionWeights extends AttentionOptions {
  heads: number;
  kvHeads: number;
  headDim: number;
  qkv: Linear;
  output: Linear;
  given: KvGiven;
  norm:
    | {
        kind: NormKind;
        q: ShortTensor;
        k: ShortTensor | undefined;
        own: boolean;
        whole: boolean;
        values: boolean;
        epsilon: number;
      }
    | undefined;
  sinkLogits: ShortTensor | undefined;
  cache: LayerCache;
}

export interface MlpOptions {
  gate: Gate;
  /** Width. Default: the file's `feed_forward_length`. */
  width?: number;
  /** `separate` and `fused` (gate on top of up in one tensor) are gated, `none` is up and down alone. */
  gating?: "separate" | "fused" | "none";
  /** Comes after the tensors' names, such as `_shexp`. */
  suffix?: string;
}

export interface MlpWeights {
  gate: Gate;
  gated: boolean;
  width: number;
  /** Gate on top of up, or up alone. */
  up: Linear;
  down: Linear;
}

export interface ExpertsOptions {
  gate: Gate;
  /** `none`: up and down alone, in the shared expert too. Default `separate`. */
  gating?: "separate" | "none";
  /**
   * The chosen experts' weights: of a softmax over all experts as they are, or made to sum to 1 (which is the softmax
   * over the chosen alone).
   */
  weighting: "over-all" | "over-chosen";
  /** Sigmoids instead of the softmax; the file has a bias for the choice. Default `softmax`. */
  scores?: "softmax" | "sigmoid";
  /** Factor on the router's logits. Default 1. */
  logitScale?: number;
  /** Factor on the chosen experts' weights. Default 1. */
  scale?: number;
}

/** A mixture of experts (Shazeer et al. 2017; per layer and token as in Mixtral, Jiang et al. 2024). */
export interface ExpertsWeights {
  count: number;
  perToken: number;
  overAll: boolean;
  gate: Gate;
  gated: boolean;
  width: number;
  router: Linear;
  logitScale: number | undefined;
  scale: number | undefined;
  /** Has a say in the choice alone. */
  bias: ShortTensor | undefined;
  /** A factor an expert. */
  scales: ShortTensor | undefined;
  up: Linear;
  down: Linear;
  /** An MLP for every token besides, weighed by the sigmoid of one number (Qwen2-MoE). */
  shared: { mlp: MlpWeights; gate: Linear | undefined } | undefined;
}

export interface ShortConvWeights {
  /** To [gate before | gate after | values]. */
  input: Linear;
  taps: number;
  /** `[hidden, taps]` */
  weight: ShortTensor;
  output: Linear;
  layer: number;
}

/** A gated delta net (Yang et al. 2025), as Qwen3-Next has it. */
export interface DeltaNetWeights {
  shape: DeltaRuleShape;
  /** To [q | k | v | gate | beta | alpha]. */
  input: Linear;
  /** Of the convolution over q, k and v. */
  weight: ShortTensor;
  a: ShortTensor;
  dt: ShortTensor;
  norm: ShortTensor;
  output: Linear;
  layer: number;
}

/** Mamba-2 (Dao & Gu 2024). */
export interface Mamba2Weights {
  shape: Mamba2Shape;
  /** To [z | x | B | C | dt]. */
  input: Linear;
  /** Of the convolution over x, B and C. */
  weight: ShortTensor;
  bias: ShortTensor;
  a: ShortTensor;
  dt: ShortTensor;
  d: ShortTensor;
  /** Over each group's part of the result. */
  norm: NormWeights;
  output: Linear;
  layer: number;
}

/** What layers keep of a sequence, as they are read. */
interface Kept {
  caches: LayerCache[];
  states: LayerState[];
}

/** Takes the tensors of one layer, checks their shapes, and gives them the form that the builder computes with. */
export class LayerReader extends Tensors {
  readonly index: number;
  readonly #keys: Keys;
  readonly #hidden: number;
  readonly #kept: Kept;

  constructor(file: TensorFile, keys: Keys, hidden: number, index: number, kept: Kept) {
    super(file, `blk.${index}.`);
    this.index = index;
    this.#keys = keys;
    this.#hidden = hidden;
    this.#kept = kept;
  }

  /** RMSNorm with the file's epsilon, or LayerNorm, with a bias where there is one. */
  norm(name: string, kind: NormKind = "rms", size = this.#hidden, suffix = "weight"): NormWeights {
    return readNorm(this, this.#keys, name, kind, size, suffix);
  }

  attention(options: AttentionOptions): AttentionWeights {
    const { pairing = "halves", rope, qkNorm, keysOf } = options;
    const read = readHeads(this.#keys, this.#hidden, this.index);
    const { heads, headDim = read.headDim, kvHeads } = { ...read, ...options, ...keysOf?.cache };
    const valueDim = options.headDim ?? this.#keys.number("attention.value_length", headDim);
    checkHeads(heads, kvHeads, headDim, rope?.dim ?? 0, valueDim);
    const halves: Omit<Halves, "rows"> | undefined =
      rope && pairing === "halves" ? { head: headDim, rotated: rope.dim } : undefined;
    const inHalves = (rows: number): Halves | undefined => halves && { ...halves, rows };
    const [q, k] = [heads * headDim, kvHeads * headDim];
    const queries = options.gated
      ? { rows: 2 * q, halves: halves && { ...halves, head: 2 * headDim, rows: 2 * q } }
      : { rows: q, halves: inHalves(q) };
    const paired = halves?.rotated ?? 0;
    const given = givenBy(
      keysOf !== undefined,
      qkNorm?.values === true && !this.has("attn_v.weight"),
      paired,
    );
    const stack = this.has("attn_qkv.weight")
      ? [{ name: "attn_qkv", rows: q + 2 * k, halves: inHalves(q + k) }]
      : [
          { name: "attn_q", ...queries },
          { name: "attn_k", rows: k, halves: inHalves(k) },
          { name: "attn_v", rows: k },
        ].slice(0, 1 + given.sides);
    const norm = qkNorm && this.#qkNorm(qkNorm, heads, given.sides === 0 ? 0 : kvHeads, headDim, inHalves);
    const cache = keysOf?.cache ?? { layer: this.index, kvHeads, headDim, window: options.window };
    if (keysOf) this.leave("attn_k.weight", "attn_v.weight", "attn_k_norm.weight");
    else this.#kept.caches.push(cache);
    return {
      ...options,
      heads,
      kvHeads,
      headDim,
      qkv: this.linear(stack, this.#hidden),
      output: this.matrix("attn_output", this.#hidden, q),
      given,
      norm,
      sinkLogits: options.sinks ? this.vector("attn_sinks.weight", heads) : undefined,
      cache,
    };
  }

  mlp({ gate, width, gating = "separate", suffix = "" }: MlpOptions): MlpWeights {
    const size = width ?? this.#keys.ofLayer("feed_forward_length", this.index);
    const problems = multiple("feed_forward_length", size, COLUMN_MULTIPLE);
    if (problems.length > 0) throw unsupportedShape(problems);
    const [gateName, up, down] = [`ffn_gate${suffix}`, `ffn_up${suffix}`, `ffn_down${suffix}`];
    const stacks = {
      separate: [
        { name: gateName, rows: size },
        { name: up, rows: size },
      ],
      fused: { name: up, rows: 2 * size, boundary: size },
      none: { name: up, rows: size },
    };
    return {
      gate,
      gated: gating !== "none",
      width: size,
      up: this.linear(stacks[gating], this.#hidden),
      down: this.matrix(down, this.#hidden, size),
    };
  }

  /** A mixture of experts instead of an MLP; the tensors say how wide they are. */
  experts(options: ExpertsOptions): ExpertsWeights {
    const { gate, gating = "separate", weighting, scores, logitScale, scale } = options;
    const hidden = this.#hidden;
    const count = this.#keys.number("expert_count");
    const perToken = this.#keys.number("expert_used_count");
    const width = (this.dims("ffn_down_exps.weight") ?? this.dims("ffn_down.0.weight"))?.[0] ?? 0;
    const shared = this.dims("ffn_down_shexp.weight")?.[0];
    const problems = [
      ...multiple("expert_feed_forward_length", width, COLUMN_MULTIPLE),
      ...(perToken >= 1 && perToken <= MAX_EXPERTS_PER_TOKEN && perToken <= count && count <= MAX_EXPERTS
        ? []
        : [`${perToken} of ${count} experts per token; at most ${MAX_EXPERTS_PER_TOKEN} of ${MAX_EXPERTS}`]),
    ];
    if (problems.length > 0) throw unsupportedShape(problems);
    const up = this.has("ffn_gate_up_exps.weight")
      ? [{ name: "ffn_gate_up_exps", rows: 2 * width }]
      : [
          { name: "ffn_gate_exps", rows: width },
          { name: "ffn_up_exps", rows: width },
        ].slice(gating === "none" ? 1 : 0);
    return {
      count,
      perToken,
      overAll: weighting === "over-all",
      logitScale,
      scale,
      gate,
      gated: gating !== "none",
      width,
      router: this.matrix("ffn_gate_inp", count, hidden),
      bias: scores === "sigmoid" ? this.vector("exp_probs_b.bias", count) : undefined,
      scales: this.optionalVector("ffn_down_exps.scale", count),
      up: this.expertLinear(up, hidden, count),
      down: this.expertLinear([{ name: "ffn_down_exps", rows: hidden }], width, count),
      shared:
        shared === undefined
          ? undefined
          : {
              mlp: this.mlp({ gate, gating, width: shared, suffix: "_shexp" }),
              gate: this.has("ffn_gate_inp_shexp.weight")
                ? this.matrix("ffn_gate_inp_shexp", 1, hidden)
                : undefined,
            },
    };
  }

  /** A gated short convolution instead of attention. */
  shortConv(taps: number): ShortConvWeights {
    const hidden = this.#hidden;
    const problems = multiple("shortconv.l_cache - 1", taps - 1, 1);
    if (problems.length > 0) throw unsupportedShape(problems);
    this.#kept.states.push({ layer: this.index, kind: "convolution", bytes: taps * hidden * 4 });
    return {
      input: this.matrix("shortconv.in_proj", 3 * hidden, hidden),
      taps,
      weight: this.vector("shortconv.conv.weight", [taps, hidden]),
      output: this.matrix("shortconv.out_proj", hidden, hidden),
      layer: this.index,
    };
  }

  /** A gated delta net instead of attention; the file calls its numbers `ssm`. */
  deltaNet(): DeltaNetWeights {
    const {
      heads,
      groups: keyHeads,
      stateDim: keyDim,
      headDim: valueDim,
      width,
      taps,
    } = this.#ssm(MAX_STATE_DIM);
    const [hidden, layer] = [this.#hidden, this.index];
    const epsilon = readEpsilon(this.#keys, "rms");
    const shape = { heads, keyHeads, keyDim, valueDim, taps, epsilon };
    const channels = deltaChannels(shape);
    this.#keepStates(taps * channels, heads * keyDim * valueDim);
    const stack = [
      { name: "attn_qkv", rows: channels },
      { name: "attn_gate", rows: width },
      { name: "ssm_beta", rows: heads },
      { name: "ssm_alpha", rows: heads },
    ];
    return {
      shape,
      layer,
      input: this.linear(stack, hidden),
      weight: this.vector("ssm_conv1d.weight", [taps, channels]),
      a: this.vector("ssm_a", heads),
      dt: this.vector("ssm_dt.bias", heads),
      norm: this.vector("ssm_norm.weight", valueDim),
      output: this.matrix("ssm_out", hidden, width),
    };
  }

  /** Mamba-2 instead of attention. */
  mamba2(): Mamba2Weights {
    const { width, ...shape } = this.#ssm(MAX_STATE, MAX_HEAD);
    const { heads, groups, stateDim, headDim, taps } = shape;
    const [hidden, layer] = [this.#hidden, this.index];
    const channels = mamba2Channels(shape);
    this.#keepStates(taps * channels, heads * stateDim * headDim);
    return {
      shape,
      layer,
      input: this.matrix("ssm_in", width + channels + heads, hidden),
      weight: this.vector("ssm_conv1d.weight", [taps, channels]),
      bias: this.vector("ssm_conv1d.bias", channels),
      a: this.vector("ssm_a", [1, heads]),
      dt: this.vector("ssm_dt.bias", heads),
      d: this.vector("ssm_d", [1, heads]),
      norm: {
        kind: "rms",
        weight: this.vector("ssm_norm.weight", [width / groups, groups]),
        bias: undefined,
        epsilon: readEpsilon(this.#keys, "rms"),
      },
      output: this.matrix("ssm_out", hidden, width),
    };
  }

  /**
   * Sizes of a recurrent layer, which files call `ssm`.
   * @param mostState,mostHead sides of a head's state, `[stateDim, headDim]`, at most
   */
  #ssm(mostState: number, mostHead = mostState) {
    const keys = this.#keys;
    const heads = keys.number("ssm.time_step_rank");
    const groups = keys.number("ssm.group_count");
    const stateDim = keys.number("ssm.state_size");
    const width = keys.number("ssm.inner_size");
    const taps = keys.number("ssm.conv_kernel");
    const headDim = width / Math.max(1, heads);
    const problems = [
      ...multiple("ssm.group_count", groups, 1),
      ...multiple("ssm.time_step_rank", heads, Math.max(1, groups)),
      ...multiple("ssm.state_size", stateDim, 4),
      ...multiple("ssm.inner_size / ssm.time_step_rank", headDim, 4),
      ...multiple("ssm.inner_size", width, COLUMN_MULTIPLE),
      ...multiple("ssm.conv_kernel - 1", taps - 1, 1),
      ...(stateDim <= mostState && headDim <= mostHead
        ? []
        : [`a head's state is ${stateDim} x ${headDim}, more than ${mostState} x ${mostHead}`]),
    ];
    if (problems.length > 0) throw unsupportedShape(problems);
    return { heads, groups, stateDim, headDim, width, taps };
  }

  /** Numbers that the layer keeps of a sequence: inputs of its convolution, and its memory. */
  #keepStates(convolution: number, memory: number): void {
    const { index: layer } = this;
    this.#kept.states.push(
      { layer, kind: "convolution", bytes: convolution * 4 },
      { layer, kind: "memory", bytes: memory * 4 },
    );
  }

  #qkNorm(
    { kind, over, values = false }: NonNullable<AttentionOptions["qkNorm"]>,
    heads: number,
    kvHeads: number,
    headDim: number,
    inHalves: (rows: number) => Halves | undefined,
  ): NonNullable<AttentionWeights["norm"]> {
    const scale = (name: string, count: number): ShortTensor => {
      const dims = { head: [headDim], "own-head": [headDim, count], "all-heads": [headDim * count] };
      return this.vector(`${name}.weight`, dims[over], inHalves(headDim * count));
    };
    return {
      kind,
      q: scale("attn_q_norm", heads),
      k: kvHeads > 0 ? scale("attn_k_norm", kvHeads) : undefined,
      own: over !== "head",
      whole: over === "all-heads",
      values,
      epsilon: readEpsilon(this.#keys, kind),
    };
  }
}

export function readNorm(
  tensors: Tensors,
  keys: Keys,
  name: string,
  kind: NormKind,
  size: number,
  suffix = "weight",
): NormWeights {
  const weight = tensors.vector(`${name}.${suffix}`, size);
  const bias = tensors.optionalVector(`${name}.bias`, size);
  return { kind, weight, bias, epsilon: readEpsilon(keys, kind) };
}

/** Some files of RMSNorm give its epsilon under LayerNorm's name (Nemotron-H). */
function readEpsilon(keys: Keys, kind: NormKind): number {
  const names = { rms: "attention.layer_norm_rms_epsilon", layer: "attention.layer_norm_epsilon" };
  return keys.number(
    kind === "rms" && !keys.has(names.rms) && keys.has(names.layer) ? names.layer : names[kind],
  );
}

/** Heads of a layer; `head_count_kv` may differ from layer to layer. */
export function readHeads(
  keys: Keys,
  hidden: number,
  layer: number,
): { heads: number; kvHeads: number; headDim: number } {
  const heads = keys.ofLayer("attention.head_count", layer);
  const kvHeads = keys.has("attention.head_count_kv")
    ? keys.ofLayer("attention.head_count_kv", layer)
    : heads;
  return { heads, kvHeads, headDim: keys.number("attention.key_length", hidden / Math.max(1, heads)) };
}

/** @throws UnsupportedModelError `shape` where values that are keys cannot be taken apart by 4 elements */
function givenBy(shared: boolean, keysAreValues: boolean, paired: number): KvGiven {
  if (shared) return { sides: 0 };
  if (!keysAreValues) return { sides: 2 };
  const problems = paired === 0 ? [] : multiple("rope.dimension_count", paired, 8);
  if (problems.length > 0) throw unsupportedShape(problems);
  return { sides: 1, paired };
}

/** What the routing kernel does. */
const MAX_EXPERTS = 512;
const MAX_EXPERTS_PER_TOKEN = 16;

function checkHeads(
  heads: number,
  kvHeads: number,
  headDim: number,
  ropeDim: number,
  valueDim: number,
): void {
  const problems = [
    ...multiple("head_count_kv", kvHeads, 1),
    ...multiple("head_count", heads, Math.max(1, kvHeads)),
    ...multiple("head dimension", headDim, 4),
    ...(headDim <= MAX_HEAD_DIM ? [] : [`head dimension is ${headDim}, more than ${MAX_HEAD_DIM}`]),
    ...multiple("head_count x head dimension", heads * headDim, COLUMN_MULTIPLE),
    ...(ropeDim === 0 ? [] : multiple("rope.dimension_count", ropeDim, 4)),
    ...(ropeDim <= headDim ? [] : [`rope.dimension_count ${ropeDim} exceeds the head dimension ${headDim}`]),
    ...(valueDim === headDim ? [] : [`value_length ${valueDim} differs from key_length ${headDim}`]),
  ];
  if (problems.length > 0) throw unsupportedShape(problems);
}
