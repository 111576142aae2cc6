import type { Gate } from "../../src/kernels/epilogue.ts";
import { activationReference } from "./epilogue.ts";
import { normReference } from "./norm.ts";

/** How a layer rotates queries and keys. */
export interface RopeReference {
  base: number;
  /** Leading elements of a head that are rotated. */
  dim: number;
  /** Which elements turn together: (2i, 2i + 1), or (i, i + dim / 2). */
  pairing: "adjacent" | "halves";
  /** Positions are divided by this. Default 1. */
  factor?: number;
  /** Frequencies are divided by these, `[dim / 2]`. */
  divisors?: ArrayLike<number> | undefined;
  /** Factor on cosine and sine. Default 1. */
  magnitude?: number;
}

/** A decoder-only transformer. What is left out is as in Llama. */
export interface DecoderShape {
  layers: number;
  hidden: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  feedForward: number;
  vocabulary: number;
  normEpsilon: number;
  /** undefined: a layer without position embedding. */
  rope(layer: number): RopeReference | undefined;
  norm?: "rms" | "layer";
  gate?: Gate;
  gating?: "separate" | "fused" | "none";
  qkNorm?: "head" | "own-head" | "all-heads";
  /** MLP and attention read the same. */
  parallel?: boolean;
  /** Positions that a layer looks back at most, its own included. */
  window?(layer: number): number | undefined;
  scoreScale?: number;
  scoreCap?: number;
  embeddingScale?: number;
  /** Factor on what attention and MLP add. */
  branchScale?: number;
  logitScale?: number;
  logitCap?: number;
}

/** By the file's names; matrices `[rows, columns]`, row by row. Norms and biases are where the file has them. */
export type DecoderTensors = ReadonlyMap<string, Float32Array>;

/** The model as its paper has it, one number at a time in double precision. Gives the logits after each token. */
export function decoderReference(shape: DecoderShape, tensors: DecoderTensors): (id: number) => Float64Array {
  const { hidden, heads, kvHeads, headDim, branchScale = 1 } = shape;
  const keys: Float64Array[][] = [];
  const values: Float64Array[][] = [];
  let position = 0;

  const linear = (name: string, x: Float64Array): Float64Array => {
    const bias = tensors.get(`${name}.bias`);
    return product(tensors.get(`${name}.weight`)!, x).map((value, row) => value + (bias?.[row] ?? 0));
  };
  const normed = (name: string, x: Float64Array, kind = shape.norm ?? "rms"): Float64Array => {
    const weight = tensors.get(`${name}.weight`);
    if (!weight) return x;
    return normReference({ kind, weight, bias: tensors.get(`${name}.bias`), epsilon: shape.normEpsilon }, x);
  };

  /** Norm of each head, or of all together. */
  const headsNormed = (name: string, x: Float64Array): Float64Array => {
    if (!shape.qkNorm || shape.qkNorm === "all-heads") return normed(name, x);
    const scale = tensors.get(`${name}.weight`)!;
    const out = x.slice();
    for (let at = 0; at < x.length; at += headDim) {
      const weight = shape.qkNorm === "head" ? scale : scale.subarray(at, at + headDim);
      const norm = { kind: shape.norm ?? "rms", weight, epsilon: shape.normEpsilon };
      out.set(normReference(norm, x.slice(at, at + headDim)), at);
    }
    return out;
  };

  const attention = (layer: number, x: Float64Array): Float64Array => {
    const at = `blk.${layer}.`;
    const [q, k, v] = tensors.has(`${at}attn_qkv.weight`)
      ? parts(linear(`${at}attn_qkv`, x), [heads * headDim, kvHeads * headDim, kvHeads * headDim])
      : ["attn_q", "attn_k", "attn_v"].map(name => linear(at + name, x));
    const rope = shape.rope(layer);
    const turned = (name: string, part: Float64Array): Float64Array =>
      rotate(headsNormed(at + name, part), position, headDim, rope);
    const query = turned("attn_q_norm", q!);
    keys[layer] ??= [];
    values[layer] ??= [];
    keys[layer].push(turned("attn_k_norm", k!));
    values[layer].push(v!);
    const first = Math.max(0, position + 1 - (shape.window?.(layer) ?? Number.POSITIVE_INFINITY));
    const sinks = tensors.get(`${at}attn_sinks.weight`);
    const attended = new Float64Array(heads * headDim);
    for (let head = 0; head < heads; head++) {
      const from = Math.floor(head / (heads / kvHeads)) * headDim;
      const one = query.subarray(head * headDim, (head + 1) * headDim);
      const scores = keys[layer].slice(first).map(key => {
        const score = dot(one, key, from) * (shape.scoreScale ?? 1 / Math.sqrt(headDim));
        return capped(score, shape.scoreCap);
      });
      const weights = softmax(sinks ? [...scores, sinks[head]!] : scores);
      values[layer].slice(first).forEach((value, key) => {
        for (let i = 0; i < headDim; i++) attended[head * headDim + i]! += weights[key]! * value[from + i]!;
      });
    }
    return linear(`${at}attn_output`, attended);
  };

  const mlp = (layer: number, x: Float64Array): Float64Array => {
    const at = `blk.${layer}.`;
    const activation = (value: number): number => activationReference(shape.gate ?? "silu", value);
    if (shape.gating === "none") return linear(`${at}ffn_down`, linear(`${at}ffn_up`, x).map(activation));
    const [gate, up] =
      shape.gating === "fused"
        ? parts(linear(`${at}ffn_up`, x), [shape.feedForward, shape.feedForward])
        : [linear(`${at}ffn_gate`, x), linear(`${at}ffn_up`, x)];
    const gated = gate!.map((value, i) => activation(value) * up![i]!);
    return linear(`${at}ffn_down`, gated);
  };

  return id => {
    const embedding = tensors.get("token_embd.weight")!;
    let x: Float64Array = Float64Array.from(embedding.subarray(id * hidden, (id + 1) * hidden));
    x = x.map(value => value * (shape.embeddingScale ?? 1));
    for (let layer = 0; layer < shape.layers; layer++) {
      const at = `blk.${layer}.`;
      const input = normed(`${at}attn_norm`, x);
      const attended = normed(`${at}post_attention_norm`, attention(layer, input));
      const between = add(x, attended, branchScale);
      const mlpInput = shape.parallel ? input : normed(`${at}ffn_norm`, between);
      x = add(between, normed(`${at}post_ffw_norm`, mlp(layer, mlpInput)), branchScale);
    }
    position++;
    const logits = product(tensors.get("output.weight") ?? embedding, normed("output_norm", x));
    return logits.map(logit => capped(logit * (shape.logitScale ?? 1), shape.logitCap));
  };
}

function product(matrix: Float32Array, x: Float64Array): Float64Array {
  const rows = matrix.length / x.length;
  return Float64Array.from({ length: rows }, (_, row) => dot(x, matrix, row * x.length));
}

/** x · y[from..] */
function dot(x: Float64Array, y: ArrayLike<number>, from: number): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * y[from + i]!;
  return sum;
}

function add(x: Float64Array, y: Float64Array, scale: number): Float64Array {
  return x.map((value, i) => value + scale * y[i]!);
}

function parts(x: Float64Array, sizes: readonly number[]): Float64Array[] {
  let from = 0;
  return sizes.map(size => {
    from += size;
    return x.slice(from - size, from);
  });
}

function capped(value: number, cap: number | undefined): number {
  return cap === undefined ? value : cap * Math.tanh(value / cap);
}

function softmax(scores: readonly number[]): number[] {
  const largest = scores.reduce((a, b) => Math.max(a, b));
  const weights = scores.map(score => Math.exp(score - largest));
  const total = weights.reduce((a, b) => a + b);
  return weights.map(weight => weight / total);
}

/** RoPE of every head. */
function rotate(
  x: Float64Array,
  position: number,
  headDim: number,
  rope: RopeReference | undefined,
): Float64Array {
  if (!rope) return x;
  const { base, dim, pairing, factor = 1, divisors, magnitude = 1 } = rope;
  const out = x.slice();
  for (let head = 0; head < x.length; head += headDim) {
    for (let pair = 0; pair < dim / 2; pair++) {
      const angle = ((position / factor) * base ** ((-2 * pair) / dim)) / (divisors?.[pair] ?? 1);
      const [first, second] =
        pairing === "adjacent"
          ? [head + 2 * pair, head + 2 * pair + 1]
          : [head + pair, head + pair + dim / 2];
      const [a, b] = [x[first]!, x[second]!];
      out[first] = magnitude * (a * Math.cos(angle) - b * Math.sin(angle));
      out[second] = magnitude * (a * Math.sin(angle) + b * Math.cos(angle));
    }
  }
  return out;
}
