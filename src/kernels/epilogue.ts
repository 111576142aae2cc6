import type { Binding } from "../gpu/dispatch.ts";
import type { ShaderImports } from "../gpu/shader.ts";

/**
 * The activation of an MLP, which a gate also multiplies with the up projection: SiLU (SwiGLU), GELU in its tanh and in
 * its exact form, gpt-oss's clamped SwiGLU, and squared ReLU; tanh for classifiers.
 */
export type Gate = "silu" | "gelu" | "gelu-erf" | "swiglu-oai" | "relu2" | "tanh";

/** Which columns of `y` a product writes, where it is a part of a larger one. */
export interface Columns {
  /** Columns of `y`. Default: the product's rows. */
  stride?: number;
  /** First column to write. Default 0. */
  first?: number;
}

/** `y = result`; any number of rows. */
export interface StoreEpilogue extends Columns {
  kind: "store";
  y: Binding;
}

/** `y = scale * result`, then `cap * tanh(y / cap)`; any number of rows. */
export interface LogitsEpilogue extends Columns {
  kind: "logits";
  y: Binding;
  /** Default 1. */
  scale?: number | undefined;
  /** Default: none. */
  cap?: number | undefined;
}

/** `y += scale * result`; a multiple of 4 rows. For the residual stream. */
export interface AddEpilogue extends Columns {
  kind: "add";
  y: Binding;
  /** Default 1. */
  scale?: number | undefined;
  /** `[T]`, f32: the sigmoid of a token's number scales its result too. Default: none. */
  tokenGate?: Binding | undefined;
}

/** `y[T, F] = gate(gate, up)`: the weight holds F rows of gate, then F of up; F is a multiple of 4. */
export interface GluEpilogue {
  kind: "glu";
  y: Binding;
  gate: Gate;
}

/** `y = gate(y, result)`: the second half of a gated MLP whose gate stands in `y` already. */
export interface GatedEpilogue extends Columns {
  kind: "gated";
  y: Binding;
  gate: Gate;
}

/** `y = activation(result) * factor`: an MLP without a gate. */
export interface ActivatedEpilogue extends Columns {
  kind: "activated";
  y: Binding;
  gate: Gate;
  /** Columns from `first` of `[T, stride]`, f32. Default: 1. */
  factors?: { buffer: GPUBuffer; stride: number; first: number } | undefined;
}

/**
 * Queries grow with their position, times 1 + scale * ln(1 + floor(position / original)), so that attention over long contexts stays
 * sharp (Llama 4, Ministral 3).
 */
export interface Temperature {
  scale: number;
  /** Positions up to which nothing changes. */
  original: number;
}

/** Where queries, keys and values go, and RoPE on the way. */
export interface QkvPlaces {
  /** Queries `[T, heads * headDim]`, f32. */
  y: Binding;
  /** KV cache of this layer, laid out as in `shaders/shared/kv-cache.wgsl`, f16 or f32. */
  kv: Binding;
  /** Physical block of each block of 16 positions, u32. */
  blockTable: Binding;
  /** (cos, sin) of `[position, rotated / 2]`, f32 pairs. */
  rope: Binding;
  heads: number;
  kvHeads: number;
  /** Multiple of 4. */
  headDim: number;
  /** Leading elements of a head that RoPE rotates, a multiple of 4; 0 = none. */
  rotated: number;
  /** Physical blocks in the cache. */
  kvBlocks: number;
  /** Entries of the block table for each slot. Default 0: there is one slot. */
  slotPages?: number;
  temperature?: Temperature | undefined;
}

/** Rotates queries and keys, writes queries to `y` and keys and values into the paged KV cache. */
export interface QkvEpilogue extends QkvPlaces {
  kind: "qkv";
  /** Where the weight's first row stands in [Q | K | V]: 0 unless Q, K and V are multiplied apart. */
  firstRow: number;
}

/** What a matvec or matmul does with its result: `shaders/shared/epilogue-*.wgsl`. */
export type Epilogue =
  | StoreEpilogue
  | LogitsEpilogue
  | AddEpilogue
  | GluEpilogue
  | GatedEpilogue
  | ActivatedEpilogue
  | QkvEpilogue;

/** Of a binding's offset, in bytes: every WebGPU adapter's. */
const BINDING_MULTIPLE = 256;

interface PartCode {
  imports: ShaderImports;
  constants: Readonly<Record<string, number>>;
  bindings: Readonly<Record<number, Binding>>;
}

/** The epilogue's part of a kernel: what to add to the product's imports, constants and bindings. */
export interface EpilogueCode extends PartCode {
  /** Columns of the product after pairing: the weight's rows, half of them for `glu`. */
  outputs: number;
  /** Two rows of W go into each output: the result of row `r` comes with that of row `r + outputs`. */
  paired: boolean;
}

/**
 * @param rows rows of the weight
 * @param f16 the KV cache holds f16 (`gpu.f16`)
 * @throws RangeError if the shape does not suit the epilogue: a fault of this package, not of the caller
 */
export function epilogueCode(epilogue: Epilogue, rows: number, f16: boolean): EpilogueCode {
  const paired = epilogue.kind === "glu";
  const outputs = paired ? rows / 2 : rows;
  const ragged = epilogue.kind === "store" || epilogue.kind === "logits";
  if (!ragged && outputs % 4 !== 0) {
    const multiple = paired ? 8 : 4;
    throw new RangeError(
      `Epilogue ${epilogue.kind} needs a multiple of ${multiple} rows; the weight has ${rows}`,
    );
  }
  const { imports, constants, bindings } = epiloguePart(epilogue, rows, f16);
  return {
    imports: { epilogue: `epilogue-${epilogue.kind}`, ...imports },
    constants: { N: outputs, ...constants },
    bindings,
    outputs,
    paired,
  };
}

function epiloguePart(epilogue: Epilogue, rows: number, f16: boolean): PartCode {
  const bindings = { 4: epilogue.y };
  switch (epilogue.kind) {
    case "store":
      return { imports: {}, constants: columnsOf(epilogue, rows), bindings };
    case "logits": {
      const { scale = 1, cap = 0 } = epilogue;
      return { imports: {}, constants: { ...columnsOf(epilogue, rows), SCALE: scale, CAP: cap }, bindings };
    }
    case "add":
      return {
        imports: { "token-scale": epilogue.tokenGate ? "token-scale-sigmoid" : "token-scale-one" },
        constants: { ...columnsOf(epilogue, rows), SCALE: epilogue.scale ?? 1 },
        bindings: epilogue.tokenGate ? { ...bindings, 5: epilogue.tokenGate } : bindings,
      };
    case "activated": {
      const { factors, gate } = epilogue;
      const constants = columnsOf(epilogue, rows);
      if (!factors) return { imports: { gate: `gate-${gate}`, factor: "factor-one" }, constants, bindings };
      // most of the way by the binding: one pipeline serves all layers whose columns begin at its multiples
      const offset = factors.first * 4 - ((factors.first * 4) % BINDING_MULTIPLE);
      const { buffer, stride, first } = factors;
      return {
        imports: { gate: `gate-${gate}`, factor: "factor-rows" },
        constants: { ...constants, FACTOR_STRIDE: stride, FACTOR_FIRST: first - offset / 4 },
        bindings: { ...bindings, 5: { buffer, offset, size: buffer.size - offset } },
      };
    }
    case "gated":
      return { imports: { gate: `gate-${epilogue.gate}` }, constants: columnsOf(epilogue, rows), bindings };
    case "glu":
      return { imports: { gate: `gate-${epilogue.gate}` }, constants: {}, bindings };
    case "qkv": {
      const { firstRow, heads, kvHeads, headDim } = epilogue;
      if (firstRow % 4 !== 0 || firstRow + rows > (heads + 2 * kvHeads) * headDim) {
        throw new RangeError(
          `${rows} rows from ${firstRow} do not lie in ${heads} + 2 * ${kvHeads} heads of ${headDim}`,
        );
      }
      const places = qkvPlaceCode(epilogue, f16);
      return { ...places, constants: { ...places.constants, FIRST_ROW: firstRow } };
    }
  }
}

function columnsOf({ stride, first }: Columns, rows: number): { STRIDE: number; FIRST: number } {
  return { STRIDE: stride ?? rows, FIRST: first ?? 0 };
}

/**
 * What a kernel that imports `qkv-place` needs.
 * @throws RangeError as `epilogueCode`
 */
export function qkvPlaceCode(places: QkvPlaces, f16: boolean): PartCode {
  const {
    y,
    kv,
    blockTable,
    rope,
    heads,
    kvHeads,
    headDim,
    rotated,
    kvBlocks,
    slotPages = 0,
    temperature,
  } = places;
  if (headDim % 4 !== 0 || rotated % 4 !== 0 || rotated > headDim) {
    throw new RangeError(`RoPE of ${rotated} of ${headDim} elements: multiples of 4 are needed`);
  }
  return {
    imports: { real: f16 ? "real-f16" : "real-f32" },
    constants: {
      HEADS: heads,
      KV_HEADS: kvHeads,
      HEAD_DIM: headDim,
      ROTATED: rotated,
      KV_BLOCKS: kvBlocks,
      SLOT_PAGES: slotPages,
      TEMPERATURE: temperature?.scale ?? 0,
      ORIGINAL: temperature?.original ?? 1,
    },
    bindings: { 4: y, 5: kv, 6: blockTable, 7: rope },
  };
}
