import type { Gpu } from "../gpu/device.ts";
import type { Dispatch, Pipelines } from "../gpu/dispatch.ts";
import {
  type AttentionBuffers,
  type AttentionShape,
  attentionDecode,
  attentionPrefill,
  attentionScratchBytes,
} from "../kernels/attention.ts";
import {
  deltaChannels,
  deltaGate,
  deltaRow,
  deltaRuleDecode,
  deltaRulePrefill,
  deltaScratch,
} from "../kernels/delta-rule.ts";
import { type EmbedOptions, embed } from "../kernels/embed.ts";
import type { Epilogue, QkvPlaces } from "../kernels/epilogue.ts";
import { expertsCombine, expertsDown, expertsGather, expertsSelect } from "../kernels/experts.ts";
import { headGate } from "../kernels/head-gate.ts";
import {
  mamba2Convolution,
  mamba2Decode,
  mamba2Prefill,
  mamba2Row,
  mamba2Scratch,
} from "../kernels/mamba2.ts";
import { type MatmulOptions, matmul } from "../kernels/matmul.ts";
import { matvec } from "../kernels/matvec.ts";
import { matvecFew } from "../kernels/matvec-few.ts";
import { type Norm, type NormOptions, normalise } from "../kernels/norm.ts";
import { qkNorm } from "../kernels/qk-norm.ts";
import {
  type ChosenExperts,
  type ExpertLists,
  expertListBytes,
  expertTile,
  type HeldExperts,
} from "../kernels/routing.ts";
import { shortConv } from "../kernels/short-conv.ts";
import type { Vector } from "../kernels/vector.ts";
import type { Weight } from "../kernels/weights.ts";
import type { KvStore } from "./kv/store.ts";
import type {
  AttentionWeights,
  DeltaNetWeights,
  ExpertsWeights,
  Mamba2Weights,
  MlpWeights,
  NormWeights,
  ShortConvWeights,
} from "./layer-reader.ts";
import type { Output, Ranking } from "./model-reader.ts";
import type { Scratch } from "./scratch.ts";
import type { Linear, Matrix, ShortTensor } from "./tensors.ts";

/**
 * Rows of a batch, in whose number programs differ. `many`: chunks of prompts. `few`: the last tokens of several
 * sequences. `one`: that of a single one. Contexts of decode have at most `longest` positions.
 */
export type Phase = { kind: "many" } | { kind: "few" | "one"; longest: number };

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
type Target =
  | { kind: "add"; y: GPUBuffer; scale: number; tokenGate?: GPUBuffer }
  | { kind: "store"; y: GPUBuffer };

/** A branch but for its last product, which waits for its target. */
export type Branch = (target: Target) => void;

/** Small inputs for each layer of its own besides the residual stream (Gemma 4). */
export interface LayerInputs {
  /** `[vocabulary, layers * width]` */
  table: Linear;
  /** `[layers * width, hidden]` */
  projection: Linear;
  /** Of the projection, over `width`. */
  norm: NormWeights;
  width: number;
  layers: number;
  /** Factor on both addends. */
  scale: number;
}

export interface LayerInputGate {
  /** `[width, hidden]` */
  gate: Linear;
  /** `[hidden, width]` */
  output: Linear;
}

interface ExpertProduct {
  weight: Weight;
  bias: Vector | undefined;
  held: HeldExperts | undefined;
}

export interface ProgramParts {
  gpu: Gpu;
  pipelines: Pipelines;
  weights: GpuWeights;
  kv: KvStore;
  scratch: Scratch;
  /** Width of the residual stream. */
  hidden: number;
}

/**
 * Collects the dispatches of a program in the order in which a model file names them; pipelines compile side by side while it
 * does. The same lines build the programs for prompts, for the tokens of several sequences, and for a single one.
 */
export class ProgramBuilder {
  readonly #parts: ProgramParts;
  readonly #phase: Phase;
  readonly #dispatches: Promise<Dispatch | readonly Dispatch[]>[] = [];
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

  async build(): Promise<Dispatch[]> {
    return (await Promise.all(this.#dispatches)).flat();
  }

  /** Begins the residual stream with rows of the embedding, or adds rows of another to it. */
  embed(embedding: Linear, options: Pick<EmbedOptions, "row" | "scale" | "add"> = {}): void {
    this.#embed(embedding, this.#x, options);
  }

  #embed(embedding: Linear, x: GPUBuffer, options: Pick<EmbedOptions, "row" | "scale" | "add">): void {
    const { pipelines, scratch, weights } = this.#parts;
    const prompt = this.#phase.kind === "many";
    const buffers = { tokens: prompt ? scratch.tokens : scratch.sampled, x, state: scratch.state };
    const row = options.row ?? (prompt ? "token" : "sampled");
    embedding.runs.forEach(({ matrix, firstRow }, part) => {
      const place = { firstRow, add: part > 0 || options.add === true };
      this.#dispatches.push(embed(pipelines, weights.weight(matrix), buffers, { ...options, ...place, row }));
    });
  }

  /** The normed residual stream. RMSNorm is part of the products for a single row, else a norm is a dispatch of its own. */
  normed(norm: NormWeights): Input {
    if (this.#phase.kind === "one" && norm.kind === "rms") {
      return { x: this.#x, norm: { weight: this.#parts.weights.vector(norm.weight), epsilon: norm.epsilon } };
    }
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

  /**
   * Adds a branch to the residual stream after norming it.
   * @param scale `[1]`: a factor on the sum
   */
  addNormed(branch: Branch, norm: NormWeights, scale?: ShortTensor): void {
    const { scratch, weights, hidden } = this.#parts;
    const y = scratch.rows("branch", hidden);
    branch({ kind: "store", y });
    this.#normalise(norm, y, this.#x, { add: 1, scale: scale && weights.vector(scale) });
  }

  /** Branches side by side, each normed, as one. */
  sumOfNormed(branches: readonly (readonly [Branch, NormWeights])[]): Branch {
    return target => {
      const y = this.#parts.scratch.rows("one of several branches", this.#parts.hidden);
      for (const [index, [branch, norm]] of branches.entries()) {
        branch({ kind: "store", y });
        this.#normalise(norm, y, target.y, index > 0 || target.kind === "add" ? { add: 1 } : {});
      }
    };
  }

  /** Inputs of all layers' own for each token, `[T, layers * width]`: from a table, and from the embedding, which is there. */
  layerInputs({ table, projection, norm, width, layers, scale }: LayerInputs): GPUBuffer {
    const { scratch, hidden } = this.#parts;
    const stride = layers * width;
    const inputs = scratch.rows("inputs of layers", stride);
    const projected = scratch.rows("inputs of layers, projected", stride);
    this.#embed(table, inputs, { scale: scale * Math.sqrt(width) });
    const rootScale = 1 / Math.sqrt(hidden);
    this.#project(projection, this.plain(), first => ({
      kind: "logits",
      y: projected,
      scale: rootScale,
      stride,
      first,
    }));
    this.#normalise(norm, projected, inputs, { add: scale, parts: layers }, width);
    return inputs;
  }

  /** A branch that a layer's own input gates: GELU of the residual stream's projection, times the input, projected back. */
  gatedInput({ gate, output }: LayerInputGate, inputs: GPUBuffer, stride: number, first: number): Branch {
    const y = this.#parts.scratch.rows("gated input of a layer", gate.rows);
    this.#project(gate, this.plain(), row => ({
      kind: "activated",
      y,
      gate: "gelu",
      stride: gate.rows,
      first: row,
      factors: { buffer: inputs, stride, first: first + row },
    }));
    return this.#branch(output, y);
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
    const qkv = this.#queriesKeysValues(weights, input, q);
    this.#attend(weights, q, attended);
    if (weights.gated) {
      if (!qkv || !weights.norm) throw new RangeError("Gates stand between queries that are normed");
      const { pipelines, weights: loaded } = this.#parts;
      const gates = { stride: this.#qkvColumns(weights), first: headDim, step: 2 * headDim };
      const buffers = {
        gates: qkv,
        weight: loaded.vector(weights.norm.q),
        y: attended,
        state: scratch.state,
      };
      this.#dispatches.push(headGate(pipelines, { heads, headDim, gates }, buffers));
    }
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

  /** Chooses the experts of each token, before anything else of the layer takes the place of its input. */
  route(
    { count, perToken, overAll, router, logitScale, scale, bias, scales }: ExpertsWeights,
    input: Input,
  ): ChosenExperts {
    const { gpu, pipelines, scratch, weights } = this.#parts;
    const { state } = scratch;
    const logits = scratch.rows("router", count);
    const store = { kind: "logits", y: logits, scale: logitScale, stride: count } as const;
    this.#project(router, input, first => ({ ...store, first }));
    const chosen: ChosenExperts = {
      count,
      perToken,
      ids: scratch.rows("chosen experts", perToken),
      weights: scratch.rows("weights of experts", perToken),
    };
    const options = {
      logits,
      overAll,
      scale,
      bias: bias && weights.vector(bias),
      scales: scales && weights.vector(scales),
    };
    this.#dispatches.push(expertsSelect(pipelines, gpu, { ...chosen, ...options, state }));
    return chosen;
  }

  /** A mixture of experts, of which only the chosen ones are read; what reads the residual stream is done, the rest waits. */
  experts(experts: ExpertsWeights, input: Input, chosen = this.route(experts, input)): Branch {
    const { gpu, pipelines, scratch, weights, hidden } = this.#parts;
    const { perToken, shared } = experts;
    const { state } = scratch;
    const sharedBranch = shared && this.mlp(shared.mlp, input);
    const sharedGate = shared?.gate && scratch.rows("gate of the shared expert", 1);
    if (sharedGate) this.#project(shared!.gate!, input, () => ({ kind: "store", y: sharedGate }));
    const activations = scratch.rows("activations of experts", perToken * experts.width);
    const bias = experts.down.bias && weights.vector(experts.down.bias);
    const down = experts.down.runs.map(({ matrix, held }) => ({
      weight: weights.weight(matrix),
      bias,
      held,
    }));
    const lists = this.#phase.kind === "one" ? undefined : this.#expertLists(chosen);
    if (!lists) {
      this.#expertsUp(experts, activations, ({ held, ...product }, epilogue) =>
        matvec(pipelines, gpu, { ...product, ...input, epilogue, experts: { ...chosen, held }, state }),
      );
    } else {
      this.#dispatches.push(expertsGather(pipelines, gpu, lists, { ids: chosen.ids, state }));
      this.#expertsUp(experts, activations, ({ held, ...product }, epilogue) => {
        const source = { x: input.x, experts: { lists, inputs: "tokens", held } as const };
        return matmul(pipelines, gpu, { ...product, ...source, epilogue, state });
      });
    }
    return target => {
      const more = { kind: "add", y: target.y, scale: target.kind === "add" ? target.scale : 1 } as const;
      if (!lists) {
        down.forEach((product, part) => {
          const source = { ...chosen, x: activations, epilogue: part === 0 ? target : more, state };
          this.#dispatches.push(expertsDown(pipelines, gpu, { ...product, ...source }));
        });
      } else {
        const z = scratch.rows("outputs of experts", perToken * hidden);
        const epilogue = { kind: "store", y: z } as const;
        for (const { held, ...product } of down) {
          const source = { x: activations, experts: { lists, inputs: "pairs", held } as const };
          this.#dispatches.push(matmul(pipelines, gpu, { ...product, ...source, epilogue, state }));
        }
        const buffers = { z, weights: chosen.weights, x: target.y, state };
        const scale = target.kind === "add" ? target.scale : undefined;
        this.#dispatches.push(expertsCombine(pipelines, gpu, { size: hidden, perToken }, buffers, scale));
      }
      sharedBranch?.({ ...more, ...(sharedGate ? { tokenGate: sharedGate } : {}) });
    };
  }

  /** Gate and up projection of the chosen experts: one product, or apart where the types differ; or up alone. */
  #expertsUp(
    { up, gate, gated, count }: ExpertsWeights,
    y: GPUBuffer,
    dispatch: (product: ExpertProduct, epilogue: Epilogue) => Promise<Dispatch>,
  ): void {
    const { weights } = this.#parts;
    const bias = up.bias && weights.vector(up.bias);
    const together = up.runs.every(({ firstRow }) => firstRow === 0);
    for (const { matrix, firstRow, held } of up.runs) {
      const part = bias && { buffer: bias.buffer, at: bias.at + (firstRow * count) / 4 };
      const kind = !gated ? "activated" : together ? "glu" : firstRow === 0 ? "store" : "gated";
      const product = { weight: weights.weight(matrix), bias: part, held };
      this.#dispatches.push(dispatch(product, kind === "store" ? { kind, y } : { kind, y, gate }));
    }
  }

  #expertLists({ count, perToken }: ChosenExperts): ExpertLists {
    const { gpu, scratch } = this.#parts;
    const shape = { count, perToken, tile: expertTile(gpu, { count, perToken }) };
    const bytes = expertListBytes(shape, scratch.batchRows);
    return {
      ...shape,
      pairs: scratch.bytes("pairs of token and expert", bytes.pairs),
      tiles: scratch.bytes("tiles of experts", bytes.tiles),
    };
  }

  /** A gated short convolution over the last positions; the output projection waits. */
  shortConv({ input, taps, weight, output, layer }: ShortConvWeights, x: Input): Branch {
    const { gpu, pipelines, scratch, weights, kv, hidden } = this.#parts;
    const bcx = scratch.rows("convolution's gates and values", 3 * hidden);
    const y = scratch.rows("convolved", hidden);
    this.#project(input, x, first => ({ kind: "store", y: bcx, stride: 3 * hidden, first }));
    const buffers = {
      x: bcx,
      weight: weights.vector(weight),
      history: kv.states.live(layer, "convolution"),
      y,
      state: scratch.state,
    };
    this.#dispatches.push(shortConv(pipelines, gpu, { width: hidden, taps }, buffers));
    return this.#branch(output, y);
  }

  /** A gated delta net; the output projection waits. */
  deltaNet({ shape, input, output, layer, ...vectors }: DeltaNetWeights, given: Input): Branch {
    const { gpu, pipelines, scratch, weights, kv } = this.#parts;
    const stride = deltaRow(shape);
    const x = scratch.rows("delta net's projections", stride);
    const y = scratch.rows("delta net's result", shape.heads * shape.valueDim);
    this.#project(input, given, first => ({ kind: "store", y: x, stride, first }));
    const buffers = {
      x,
      y,
      weight: weights.vector(vectors.weight),
      a: weights.vector(vectors.a),
      dt: weights.vector(vectors.dt),
      norm: weights.vector(vectors.norm),
      history: kv.states.live(layer, "convolution"),
      memory: kv.states.live(layer, "memory"),
      state: scratch.state,
    };
    if (this.#phase.kind !== "many") {
      this.#dispatches.push(deltaRuleDecode(pipelines, gpu, shape, buffers));
    } else {
      const bytes = deltaScratch(shape, scratch.batchRows, kv.slots);
      const rows = scratch.bytes("delta net's convolution", bytes.rows);
      const between = {
        rows,
        matrices: scratch.bytes("delta net's matrices", bytes.matrices),
        factors: scratch.bytes("delta net's factors", bytes.factors),
      };
      const convolution = { width: deltaChannels(shape), taps: shape.taps, stride };
      this.#dispatches.push(
        shortConv(pipelines, gpu, convolution, { ...buffers, y: rows }),
        deltaRulePrefill(pipelines, gpu, shape, buffers, between),
        headGate(pipelines, deltaGate(shape), { ...buffers, gates: x, weight: buffers.norm }),
      );
    }
    return this.#branch(output, y);
  }

  /** Mamba-2; the output projection waits. */
  mamba2({ shape, input, norm, output, layer, ...vectors }: Mamba2Weights, given: Input): Branch {
    const { gpu, pipelines, scratch, weights, kv } = this.#parts;
    const stride = mamba2Row(shape);
    const size = shape.heads * shape.headDim;
    const x = scratch.rows("Mamba-2's projections", stride);
    const y = scratch.rows("Mamba-2's result", size);
    const normed = scratch.rows("Mamba-2's result, normed", size);
    this.#project(input, given, first => ({ kind: "store", y: x, stride, first }));
    const buffers = {
      x,
      y,
      weight: weights.vector(vectors.weight),
      bias: weights.vector(vectors.bias),
      a: weights.vector(vectors.a),
      dt: weights.vector(vectors.dt),
      d: weights.vector(vectors.d),
      history: kv.states.live(layer, "convolution"),
      memory: kv.states.live(layer, "memory"),
      state: scratch.state,
    };
    if (this.#phase.kind !== "many") {
      this.#dispatches.push(mamba2Decode(pipelines, gpu, shape, buffers));
    } else {
      const bytes = mamba2Scratch(shape, scratch.batchRows, kv.slots);
      const rows = scratch.bytes("Mamba-2's convolution", bytes.rows);
      const mix = scratch.bytes("Mamba-2's matrices", bytes.mix);
      this.#dispatches.push(
        shortConv(pipelines, gpu, mamba2Convolution(shape), { ...buffers, y: rows }),
        mamba2Prefill(pipelines, gpu, shape, buffers, { rows, mix }),
      );
    }
    const { groups } = shape;
    this.#normalise(norm, y, normed, { parts: groups, ownScales: true }, size / groups);
    return this.#branch(output, normed);
  }

  /** Logits into `y`: for a single row those of each draw, `[draws, vocabulary]`, else those of all rows, `[T, vocabulary]`. */
  logits({ norm, matrix, scale, cap }: Output, y: GPUBuffer): void {
    const input = norm ? this.normed(norm) : this.plain();
    const stride = matrix.rows;
    const epilogue = (first: number): Epilogue => ({ kind: "logits", y, scale, cap, stride, first });
    this.#project(matrix, input, epilogue, true);
  }

  /** The states of a prefill batch's tokens after the last norm, `[T, hidden]`. */
  states(norm: NormWeights | undefined): GPUBuffer {
    return norm ? this.normed(norm).x : this.#x;
  }

  /** A reranker's logits for each state of a prefill batch, `[T, labels]`. */
  rank({ dense, output }: Ranking, states: GPUBuffer): GPUBuffer {
    const { scratch, hidden } = this.#parts;
    let x = states;
    if (dense) {
      const y = scratch.rows("classifier", hidden);
      this.#project(dense, { x }, first => ({ kind: "activated", y, gate: "tanh", stride: hidden, first }));
      x = y;
    }
    const labels = scratch.rows("labels", output.rows);
    this.#project(output, { x }, first => ({ kind: "store", y: labels, stride: output.rows, first }));
    return labels;
  }

  #branch(linear: Linear, x: GPUBuffer): Branch {
    return target => this.#project(linear, { x }, first => ({ ...target, stride: linear.rows, first }));
  }

  #normalise(
    { kind, weight, bias, epsilon }: NormWeights,
    x: GPUBuffer,
    y: GPUBuffer,
    how?: NormOptions,
    size = this.#parts.hidden,
  ): void {
    const { gpu, pipelines, scratch, weights } = this.#parts;
    const norm: Norm = {
      kind,
      weight: weights.vector(weight),
      bias: bias && weights.vector(bias),
      epsilon,
    };
    this.#dispatches.push(normalise(pipelines, gpu, norm, size, { x, y, state: scratch.state }, how));
  }

  /** A dispatch for each run of a product, with its part of the bias. */
  #project(
    { runs, bias: whole }: Linear,
    input: Input,
    epilogueAt: (firstRow: number) => Epilogue,
    draws = false,
  ): void {
    const { scratch, weights } = this.#parts;
    const { state } = scratch;
    const vector = whole && weights.vector(whole);
    for (const { matrix, firstRow } of runs) {
      const bias = vector && { buffer: vector.buffer, at: vector.at + firstRow / 4 };
      const product = { weight: weights.weight(matrix), bias, epilogue: epilogueAt(firstRow), state };
      this.#dispatches.push(this.#product(product, input, draws));
    }
  }

  #product(
    product: Pick<MatmulOptions, "weight" | "bias" | "epilogue" | "state">,
    { x, norm }: Input,
    draws: boolean,
  ): Promise<Dispatch> {
    const { gpu, pipelines } = this.#parts;
    if (this.#phase.kind === "one") return matvec(pipelines, gpu, { ...product, x, norm, draws });
    // on a software adapter a few rows are a short prompt
    if (this.#phase.kind === "many" || gpu.software) return matmul(pipelines, gpu, { ...product, x });
    return matvecFew(pipelines, gpu, { ...product, x });
  }

  #qkvColumns({ heads, kvHeads, headDim, gated, given }: AttentionWeights): number {
    return ((gated ? 2 : 1) * heads + given.sides * kvHeads) * headDim;
  }

  /** @returns where the projection stands, with gates between its queries, unless it went to its places at once */
  #queriesKeysValues(attention: AttentionWeights, input: Input, q: GPUBuffer): GPUBuffer | undefined {
    const { gpu, pipelines, scratch, weights, kv } = this.#parts;
    const { heads, kvHeads, headDim, norm, rope, temperature } = attention;
    const place = kv.place(attention.cache);
    const places: QkvPlaces = {
      y: q,
      kv: place.buffer,
      blockTable: place.pageTable,
      rope: rope ? scratch.rope(rope) : scratch.bytes("no rope", 16),
      heads,
      kvHeads,
      headDim,
      rotated: rope?.dim ?? 0,
      kvBlocks: place.pages,
      slotPages: kv.pages,
      temperature,
    };
    if (!norm) {
      this.#project(attention.qkv, input, firstRow => ({ kind: "qkv", ...places, firstRow }));
      return undefined;
    }
    const { given } = attention;
    const stride = this.#qkvColumns(attention);
    const qkv = scratch.rows("queries, keys and values", stride);
    this.#project(attention.qkv, input, first => ({ kind: "store", y: qkv, stride, first }));
    const gated = attention.gated ?? false;
    const scales = { ...norm, gated, q: weights.vector(norm.q), k: norm.k && weights.vector(norm.k) };
    this.#dispatches.push(qkNorm(pipelines, gpu, scales, places, { qkv, given, state: scratch.state }));
    return qkv;
  }

  #attend(attention: AttentionWeights, q: GPUBuffer, out: GPUBuffer): void {
    const { gpu, pipelines, scratch, weights, kv } = this.#parts;
    const { heads, kvHeads, headDim, window, softcap, sinkLogits } = attention;
    const place = kv.place(attention.cache);
    const shape: AttentionShape = {
      heads,
      kvHeads,
      headDim,
      kvBlocks: place.pages,
      slotPages: kv.pages,
      scale: attention.scale ?? 1 / Math.sqrt(headDim),
      ...(window === undefined ? {} : { window }),
      ...(softcap === undefined ? {} : { softcap }),
      ...(attention.causal === undefined ? {} : { causal: attention.causal }),
    };
    const buffers: AttentionBuffers = {
      q,
      kv: place.buffer,
      blockTable: place.pageTable,
      out,
      state: scratch.state,
      scratch: scratch.bytes("attention parts", attentionScratchBytes(shape, kv.slots)),
      ...(sinkLogits ? { sinks: weights.vector(sinkLogits) } : {}),
    };
    this.#dispatches.push(
      this.#phase.kind === "one" || (this.#phase.kind === "few" && !gpu.software)
        ? attentionDecode(pipelines, gpu, shape, buffers, { longest: this.#phase.longest })
        : attentionPrefill(pipelines, gpu, shape, buffers),
    );
  }
}
