import type { Gpu } from "../gpu/device.ts";
import type { Pipelines, Step } from "../gpu/step.ts";
import {
  type AttentionBuffers,
  type AttentionShape,
  attentionDecode,
  attentionPrefill,
  attentionScratchBytes,
} from "../kernels/attention.ts";
import { type EmbedOptions, embed } from "../kernels/embed.ts";
import type { Epilogue, QkvPlaces } from "../kernels/epilogue.ts";
import { matmul } from "../kernels/matmul.ts";
import { matvec } from "../kernels/matvec.ts";
import { type Norm, normalise } from "../kernels/norm.ts";
import { qkNorm } from "../kernels/qk-norm.ts";
import type { Vector } from "../kernels/vector.ts";
import type { Weight } from "../kernels/weights.ts";
import type { KvCache } from "./kv-cache.ts";
import type { AttentionWeights, MlpWeights, NormWeights } from "./layer-reader.ts";
import type { Output } from "./model-reader.ts";
import type { Scratch } from "./scratch.ts";
import type { Linear, Matrix, ShortTensor } from "./tensors.ts";

/** `prefill` computes a chunk of the prompt at once, `decode` one token, whose context has at most `longest` positions. */
export type Phase = { kind: "prefill" } | { kind: "decode"; longest: number };

/** The model's weights on the GPU. */
export interface GpuWeights {
  weight(matrix: Matrix): Weight;
  vector(tensor: ShortTensor): Vector;
}

/** Activations that enter a product, with the norm that decode fuses into it. */
export interface Input {
  x: GPUBuffer;
  norm?: { weight: Vector; epsilon: number };
}

/** Where the last product of a branch goes: onto the residual stream, or into a buffer `[T, rows]`. */
type Target = { kind: "add"; y: GPUBuffer; scale: number } | { kind: "store"; y: GPUBuffer };

/** A branch but for its last product, which waits for its target. */
export type Branch = (target: Target) => void;

export interface ProgramParts {
  gpu: Gpu;
  pipelines: Pipelines;
  weights: GpuWeights;
  kv: KvCache;
  scratch: Scratch;
  /** Width of the residual stream. */
  hidden: number;
}

/**
 * Collects the steps of a program in the order in which a model file names them; pipelines compile side by side while it
 * does. The same lines build the prefill and the decode program.
 */
export class ProgramBuilder {
  readonly #parts: ProgramParts;
  readonly #phase: Phase;
  readonly #steps: Promise<Step | readonly Step[]>[] = [];
  #x: GPUBuffer;

  /** @param x the residual stream to go on from, where another program left it */
  constructor(phase: Phase, parts: ProgramParts, x?: GPUBuffer) {
    this.#phase = phase;
    this.#parts = parts;
    this.#x = x ?? parts.scratch.rows("residual stream", parts.hidden);
  }

  /** The residual stream `[T, hidden]`. */
  get x(): GPUBuffer {
    return this.#x;
  }

  async build(): Promise<Step[]> {
    return (await Promise.all(this.#steps)).flat();
  }

  /** Begins the residual stream with rows of the embedding, or adds rows of another to it. */
  embed(embedding: Linear, options: Pick<EmbedOptions, "row" | "scale" | "add"> = {}): void {
    const { pipelines, scratch, weights } = this.#parts;
    const buffers = { tokens: scratch.tokens, x: this.#x, state: scratch.state };
    embedding.runs.forEach(({ matrix, firstRow }, part) => {
      const place = { firstRow, add: part > 0 || options.add === true };
      this.#steps.push(embed(pipelines, weights.weight(matrix), buffers, { ...options, ...place }));
    });
  }

  /** The normed residual stream. RMSNorm is part of the products in decode, else a norm is a step of its own. */
  normed(norm: NormWeights): Input {
    if (this.#phase.kind === "decode" && norm.kind === "rms") return this.#fused(norm);
    const y = this.#parts.scratch.rows("normed", this.#parts.hidden);
    this.#normalise(norm, this.#x, y);
    return { x: y };
  }

  /** The residual stream as it is. */
  plain(): Input {
    return { x: this.#x };
  }

  /** Adds a branch to the residual stream. */
  add(branch: Branch, scale = 1): void {
    branch({ kind: "add", y: this.#x, scale });
  }

  /** Adds a branch to the residual stream after norming it. */
  addNormed(branch: Branch, norm: NormWeights): void {
    const y = this.#parts.scratch.rows("branch", this.#parts.hidden);
    branch({ kind: "store", y });
    this.#normalise(norm, y, this.#x, 1);
  }

  /** Norms the residual stream itself (post-norm, as in the first transformer). */
  replaceByNormed(norm: NormWeights): void {
    const { scratch, hidden } = this.#parts;
    const names = ["residual stream", "residual stream, normed"];
    const y = names.map(name => scratch.rows(name, hidden)).find(buffer => buffer !== this.#x)!;
    this.#normalise(norm, this.#x, y);
    this.#x = y;
  }

  /** Projects to queries, keys and values, rotates, caches and attends; the output projection waits. */
  attention(weights: AttentionWeights, input: Input): Branch {
    const { heads, headDim } = weights;
    const { scratch } = this.#parts;
    const q = scratch.rows("queries", heads * headDim);
    const attended = scratch.rows("attended", heads * headDim);
    this.#queriesKeysValues(weights, input, q);
    this.#attend(weights, q, attended);
    return this.#branch(weights.output, attended);
  }

  /** The MLP up to its activations; the down projection waits. */
  mlp({ gate, gated, width, up, down }: MlpWeights, input: Input): Branch {
    const y = this.#parts.scratch.rows("activations", width);
    this.#project(up, input, firstRow => {
      if (!gated) return { kind: "activated", y, gate, stride: width, first: firstRow };
      if (up.runs.length === 1) return { kind: "glu", y, gate };
      if (firstRow < width) return { kind: "store", y, stride: width, first: firstRow };
      return { kind: "gated", y, gate, stride: width, first: firstRow - width };
    });
    return this.#branch(down, y);
  }

  /** Logits of the batch's last token into `logits [vocabulary]`, in either phase. */
  lastLogits({ norm, matrix, scale, cap }: Output, logits: GPUBuffer): void {
    let input: Input = { x: this.#x };
    if (norm) input = norm.kind === "rms" ? this.#fused(norm) : this.normed(norm);
    this.#runs(matrix, (weight, bias, first) => {
      const epilogue: Epilogue = { kind: "logits", y: logits, scale, cap, stride: matrix.rows, first };
      return this.#matvec(weight, input, epilogue, bias);
    });
  }

  /** Logits of all tokens of a prefill batch into `logits [T, vocabulary]`. */
  allLogits({ norm, matrix, scale, cap }: Output, logits: GPUBuffer): void {
    const input = norm ? this.normed(norm) : { x: this.#x };
    this.#project(matrix, input, first => ({
      kind: "logits",
      y: logits,
      scale,
      cap,
      stride: matrix.rows,
      first,
    }));
  }

  #branch(linear: Linear, x: GPUBuffer): Branch {
    return target => this.#project(linear, { x }, first => ({ ...target, stride: linear.rows, first }));
  }

  #fused({ weight, epsilon }: NormWeights): Input {
    return { x: this.#x, norm: { weight: this.#parts.weights.vector(weight), epsilon } };
  }

  #normalise({ kind, weight, bias, epsilon }: NormWeights, x: GPUBuffer, y: GPUBuffer, add?: number): void {
    const { pipelines, scratch, weights, hidden } = this.#parts;
    const norm: Norm = {
      kind,
      weight: weights.vector(weight),
      bias: bias && weights.vector(bias),
      epsilon,
    };
    this.#steps.push(normalise(pipelines, norm, hidden, { x, y, state: scratch.state }, add));
  }

  #project(linear: Linear, input: Input, epilogueAt: (firstRow: number) => Epilogue): void {
    const { gpu, pipelines, scratch } = this.#parts;
    const { state } = scratch;
    this.#runs(linear, (weight, bias, firstRow) => {
      const epilogue = epilogueAt(firstRow);
      return this.#phase.kind === "decode"
        ? this.#matvec(weight, input, epilogue, bias)
        : matmul(pipelines, gpu, { weight, bias, epilogue, x: input.x, state });
    });
  }

  #matvec(weight: Weight, input: Input, epilogue: Epilogue, bias: Vector | undefined): Promise<Step> {
    const { gpu, pipelines, scratch } = this.#parts;
    return matvec(pipelines, gpu, { weight, bias, epilogue, state: scratch.state, ...input });
  }

  /** A step for each run of a product, with its part of the bias. */
  #runs(
    { runs, bias }: Linear,
    step: (weight: Weight, bias: Vector | undefined, firstRow: number) => Promise<Step>,
  ): void {
    const { weights } = this.#parts;
    const whole = bias && weights.vector(bias);
    for (const { matrix, firstRow } of runs) {
      const part = whole && { buffer: whole.buffer, at: whole.at + firstRow / 4 };
      this.#steps.push(step(weights.weight(matrix), part, firstRow));
    }
  }

  #queriesKeysValues(attention: AttentionWeights, input: Input, q: GPUBuffer): void {
    const { gpu, pipelines, scratch, weights, kv } = this.#parts;
    const { heads, kvHeads, headDim, norm, rope } = attention;
    const place = kv.place(attention.cache);
    const places: QkvPlaces = {
      y: q,
      kv: place.buffer,
      blockTable: place.blockTable,
      rope: rope ? scratch.rope(rope) : scratch.bytes("no rope", 16),
      heads,
      kvHeads,
      headDim,
      rotated: rope?.dim ?? 0,
      kvBlocks: place.blocks,
    };
    if (!norm) {
      this.#project(attention.qkv, input, firstRow => ({ kind: "qkv", ...places, firstRow }));
      return;
    }
    const stride = (heads + 2 * kvHeads) * headDim;
    const qkv = scratch.rows("queries, keys and values", stride);
    this.#project(attention.qkv, input, first => ({ kind: "store", y: qkv, stride, first }));
    const scales = { ...norm, q: weights.vector(norm.q), k: weights.vector(norm.k) };
    this.#steps.push(qkNorm(pipelines, gpu, scales, places, { qkv, state: scratch.state }));
  }

  #attend(attention: AttentionWeights, q: GPUBuffer, out: GPUBuffer): void {
    const { gpu, pipelines, scratch, weights, kv } = this.#parts;
    const { heads, kvHeads, headDim, window, softcap, sinkLogits } = attention;
    const place = kv.place(attention.cache);
    const shape: AttentionShape = {
      heads,
      kvHeads,
      headDim,
      kvBlocks: place.blocks,
      scale: attention.scale ?? 1 / Math.sqrt(headDim),
      ...(window === undefined ? {} : { window }),
      ...(softcap === undefined ? {} : { softcap }),
      ...(attention.causal === undefined ? {} : { causal: attention.causal }),
    };
    const buffers: AttentionBuffers = {
      q,
      kv: place.buffer,
      blockTable: place.blockTable,
      out,
      state: scratch.state,
      scratch: scratch.bytes("attention parts", attentionScratchBytes(shape)),
      ...(sinkLogits ? { sinks: weights.vector(sinkLogits) } : {}),
    };
    this.#steps.push(
      this.#phase.kind === "decode"
        ? attentionDecode(pipelines, gpu, shape, buffers, { longest: this.#phase.longest })
        : attentionPrefill(pipelines, gpu, shape, buffers),
    );
  }
}
