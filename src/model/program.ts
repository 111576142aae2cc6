import type { Gpu } from "../gpu/device.ts";
import type { Pipelines, Step } from "../gpu/step.ts";
import { attentionDecode, attentionPrefill } from "../kernels/attention.ts";
import { embed } from "../kernels/embed.ts";
import type { Epilogue, QkvEpilogue } from "../kernels/epilogue.ts";
import { matmul } from "../kernels/matmul.ts";
import { matvec } from "../kernels/matvec.ts";
import { rmsNorm } from "../kernels/rms-norm.ts";
import type { Weight } from "../kernels/weights.ts";
import type { Hyperparameters } from "./hyperparameters.ts";
import type { KvCache } from "./kv-cache.ts";

/** Buffers between the kernels of one batch of T tokens, all f32. */
export interface Scratch {
  /** Token ids `[T]`, u32. */
  tokens: GPUBuffer;
  /** Residual stream `[T, hidden]`. */
  x: GPUBuffer;
  /** Normed residual stream `[T, hidden]`; prefill only. */
  normed: GPUBuffer;
  /** Queries `[T, heads * headDim]`. */
  q: GPUBuffer;
  /** Attention's output `[T, heads * headDim]`. */
  attended: GPUBuffer;
  /** Activations of the gated MLP `[T, feedForward]`. */
  gated: GPUBuffer;
  /** Partial results of split attention. */
  attention: GPUBuffer;
  /** Sequence state (uniform). */
  state: GPUBuffer;
  /** RoPE's table `[positions, ropeDim / 2]`, pairs. */
  rope: GPUBuffer;
}

/** `prefill` computes a chunk of the prompt at once, `decode` one token, whose context has at most `longest` positions. */
export type Phase = { kind: "prefill" } | { kind: "decode"; longest: number };

/** Activations that enter a product, with the norm that decode fuses into it. */
interface Input {
  x: GPUBuffer;
  norm?: { weight: GPUBuffer; epsilon: number };
}

/** Collects the steps of a program in order; pipelines compile side by side while it does. */
export class ProgramBuilder {
  readonly scratch: Scratch;
  readonly #gpu: Gpu;
  readonly #pipelines: Pipelines;
  readonly #model: Hyperparameters;
  readonly #kv: KvCache;
  readonly #phase: Phase;
  readonly #steps: Promise<Step | readonly Step[]>[] = [];

  constructor(
    phase: Phase,
    {
      gpu,
      pipelines,
      model,
      kv,
      scratch,
    }: { gpu: Gpu; pipelines: Pipelines; model: Hyperparameters; kv: KvCache; scratch: Scratch },
  ) {
    this.#phase = phase;
    this.#gpu = gpu;
    this.#pipelines = pipelines;
    this.#model = model;
    this.#kv = kv;
    this.scratch = scratch;
  }

  async build(): Promise<Step[]> {
    return (await Promise.all(this.#steps)).flat();
  }

  embed(weight: Weight, x: GPUBuffer): void {
    const { tokens, state } = this.scratch;
    this.#steps.push(embed(this.#pipelines, weight, { tokens, x, state }));
  }

  plain(x: GPUBuffer): Input {
    return { x };
  }

  /** RMSNorm: a step of its own in prefill, part of the products in decode. */
  normed(x: GPUBuffer, weight: GPUBuffer): Input {
    const { hidden, normEpsilon: epsilon } = this.#model;
    if (this.#phase.kind === "decode") return { x, norm: { weight, epsilon } };
    const { normed, state } = this.scratch;
    this.#steps.push(rmsNorm(this.#pipelines, { size: hidden, epsilon }, { x, weight, y: normed, state }));
    return { x: normed };
  }

  project(weight: Weight, input: Input, epilogue: Epilogue): void {
    const { state } = this.scratch;
    this.#steps.push(
      this.#phase.kind === "decode"
        ? matvec(this.#pipelines, this.#gpu, { weight, epilogue, state, ...input })
        : matmul(this.#pipelines, this.#gpu, { weight, epilogue, x: input.x, state }),
    );
  }

  qkv(layer: number, firstRow: number, q: GPUBuffer): QkvEpilogue {
    const { heads, kvHeads, headDim, ropeDim } = this.#model;
    return {
      kind: "qkv",
      y: q,
      kv: this.#kv.layers[layer]!,
      blockTable: this.#kv.blockTable,
      rope: this.scratch.rope,
      firstRow,
      heads,
      kvHeads,
      headDim,
      rotated: ropeDim,
      kvBlocks: this.#kv.blocks,
    };
  }

  attention(layer: number, q: GPUBuffer, out: GPUBuffer): void {
    const { heads, kvHeads, headDim } = this.#model;
    const shape = { heads, kvHeads, headDim, kvBlocks: this.#kv.blocks, scale: 1 / Math.sqrt(headDim) };
    const { state, attention: scratch } = this.scratch;
    const buffers = { q, kv: this.#kv.layers[layer]!, blockTable: this.#kv.blockTable, out, state, scratch };
    this.#steps.push(
      this.#phase.kind === "decode"
        ? attentionDecode(this.#pipelines, this.#gpu, shape, buffers, { longest: this.#phase.longest })
        : attentionPrefill(this.#pipelines, this.#gpu, shape, buffers),
    );
  }

  /** Logits of the batch's last token, in either phase. */
  lastLogits(weight: Weight, norm: GPUBuffer, x: GPUBuffer, logits: GPUBuffer): void {
    const epilogue: Epilogue = { kind: "store", y: logits };
    const input = { x, norm: { weight: norm, epsilon: this.#model.normEpsilon } };
    this.#steps.push(
      matvec(this.#pipelines, this.#gpu, { weight, epilogue, state: this.scratch.state, ...input }),
    );
  }
}
