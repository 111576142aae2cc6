import { ModelFormatError, UnsupportedModelError } from "../errors.ts";
import type { GgufFile, GgufTensor } from "../gguf/gguf.ts";
import type { WeightType } from "../kernels/weights.ts";

/**
 * A matrix as the kernels hold it: one tensor of the file, or several of one type on top of each other, so that one
 * dispatch computes them all.
 */
export interface MatrixPlan {
  name: string;
  type: WeightType;
  rows: number;
  columns: number;
  /** The tensors from top to bottom, with the row at which each starts. */
  parts: readonly { tensor: GgufTensor; firstRow: number }[];
}

/** A short tensor kept as f32: a norm's scale. */
export interface VectorPlan {
  tensor: GgufTensor;
  size: number;
}

/** Part of a product that was meant to be one: whole where the tensors' types agree, else in runs of equal type. */
export interface RunPlan {
  matrix: MatrixPlan;
  /** Its place in the whole, such as [Q | K | V]. */
  firstRow: number;
}

export interface LayerPlan {
  attentionNorm: VectorPlan;
  qkv: readonly RunPlan[];
  attentionOutput: MatrixPlan;
  feedForwardNorm: VectorPlan;
  /** Gate on top of up: one run, or two where the types differ. */
  gateUp: readonly RunPlan[];
  down: MatrixPlan;
}

export interface WeightPlan {
  embedding: MatrixPlan;
  layers: readonly LayerPlan[];
  outputNorm: VectorPlan;
  /** Same object as `embedding` where the file ties them. */
  output: MatrixPlan;
  /** Divisors of RoPE's frequencies (Llama 3.1 and later). */
  ropeFactors: GgufTensor | null;
}

export interface PlanShape {
  layers: number;
  hidden: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  feedForward: number;
  vocabulary: number;
  ropeDim: number;
}

/** Left over by old converters: RoPE's own frequencies, which follow from the base. */
const IGNORED = /(^|\.)(attn_rot_embd|rotary_emb\.inv_freq)(\.|$)/;

/** Types of norms and RoPE factors: a CPU turns them into f32. */
const VECTOR_TYPES: readonly string[] = ["F32", "F16", "BF16"];

/**
 * Which tensors of a llama file go where, with every shape checked against the hyper-parameters.
 * @throws ModelFormatError `bad-gguf` if a tensor is missing or has another shape; UnsupportedModelError `tensor-type`
 *   for a norm in another type than F32, F16 and BF16, `shape` if the file has tensors that nothing here computes with
 */
export function planWeights(file: GgufFile, shape: PlanShape): WeightPlan {
  const byName = new Map(file.tensors.map(tensor => [tensor.name, tensor]));
  const unused = new Set(byName.keys());
  const find = (name: string, dims: readonly number[]): GgufTensor => {
    const tensor = byName.get(name);
    if (!tensor) throw badTensor(name, "is missing");
    unused.delete(name);
    const squeezed = tensor.dims.filter((size, axis) => axis < dims.length || size !== 1);
    if (squeezed.length !== dims.length || dims.some((size, axis) => tensor.dims[axis] !== size)) {
      throw badTensor(name, `has the shape [${tensor.dims}], not [${dims}]`);
    }
    return tensor;
  };
  const matrix = (
    name: string,
    columns: number,
    tensors: readonly { name: string; rows: number }[],
  ): MatrixPlan => {
    const parts: { tensor: GgufTensor; firstRow: number }[] = [];
    let rows = 0;
    for (const part of tensors) {
      parts.push({ tensor: find(part.name, [columns, part.rows]), firstRow: rows });
      rows += part.rows;
    }
    return { name, type: parts[0]!.tensor.type as WeightType, rows, columns, parts };
  };
  const runs = (
    name: string,
    columns: number,
    tensors: readonly { name: string; rows: number }[],
  ): RunPlan[] => {
    const out: RunPlan[] = [];
    let firstRow = 0;
    for (let from = 0; from < tensors.length; ) {
      const type = byName.get(tensors[from]!.name)?.type;
      let to = from + 1;
      while (to < tensors.length && byName.get(tensors[to]!.name)?.type === type) to++;
      const run = tensors.slice(from, to);
      const whole = run.length === tensors.length;
      out.push({ matrix: matrix(whole ? name : run[0]!.name, columns, run), firstRow });
      firstRow += run.reduce((sum, part) => sum + part.rows, 0);
      from = to;
    }
    return out;
  };
  const vector = (name: string, size: number): VectorPlan => {
    const tensor = find(name, [size]);
    if (VECTOR_TYPES.includes(tensor.type)) return { tensor, size };
    throw new UnsupportedModelError(
      "tensor-type",
      `Tensor ${name} is ${tensor.type}; this version wants norms and factors as ${VECTOR_TYPES.join(", ")}. Take another file of the model.`,
      { details: { tensor: name, type: tensor.type, supported: VECTOR_TYPES } },
    );
  };
  const { hidden, headDim, feedForward, vocabulary } = shape;
  const qRows = shape.heads * headDim;
  const kvRows = shape.kvHeads * headDim;

  const layer = (index: number): LayerPlan => {
    const at = (name: string): string => `blk.${index}.${name}.weight`;
    const qkvParts = [
      { name: at("attn_q"), rows: qRows },
      { name: at("attn_k"), rows: kvRows },
      { name: at("attn_v"), rows: kvRows },
    ];
    const gateUp = [
      { name: at("ffn_gate"), rows: feedForward },
      { name: at("ffn_up"), rows: feedForward },
    ];
    return {
      attentionNorm: vector(at("attn_norm"), hidden),
      qkv: runs(at("attn_qkv"), hidden, qkvParts),
      attentionOutput: matrix(at("attn_output"), qRows, [{ name: at("attn_output"), rows: hidden }]),
      feedForwardNorm: vector(at("ffn_norm"), hidden),
      gateUp: runs(at("ffn_gate_up"), hidden, gateUp),
      down: matrix(at("ffn_down"), feedForward, [{ name: at("ffn_down"), rows: hidden }]),
    };
  };

  const embedding = matrix("token_embd", hidden, [{ name: "token_embd.weight", rows: vocabulary }]);
  const plan: WeightPlan = {
    embedding,
    layers: Array.from({ length: shape.layers }, (_, index) => layer(index)),
    outputNorm: vector("output_norm.weight", hidden),
    output: byName.has("output.weight")
      ? matrix("output", hidden, [{ name: "output.weight", rows: vocabulary }])
      : embedding,
    ropeFactors: byName.has("rope_freqs.weight")
      ? vector("rope_freqs.weight", shape.ropeDim / 2).tensor
      : null,
  };
  checkUnused([...unused]);
  return plan;
}

/** A bias left out, say, would change every answer, and nobody would see why. */
function checkUnused(unused: readonly string[]): void {
  const names = unused.filter(name => !IGNORED.test(name));
  if (names.length === 0) return;
  throw new UnsupportedModelError(
    "shape",
    `The model has parts that this version does not compute: ${names.slice(0, 5).join(", ")}${names.length > 5 ? `, and ${names.length - 5} more` : ""}. Take a plain Llama model.`,
    { details: { tensors: names } },
  );
}

/** Every matrix of the plan once. */
export function matricesOf(plan: WeightPlan): MatrixPlan[] {
  const layers = plan.layers.flatMap(layer => [
    ...layer.qkv.map(run => run.matrix),
    layer.attentionOutput,
    ...layer.gateUp.map(run => run.matrix),
    layer.down,
  ]);
  return [...new Set([plan.embedding, ...layers, plan.output])];
}

export function vectorsOf(plan: WeightPlan): VectorPlan[] {
  return [...plan.layers.flatMap(layer => [layer.attentionNorm, layer.feedForwardNorm]), plan.outputNorm];
}

function badTensor(name: string, problem: string): ModelFormatError {
  return new ModelFormatError(
    "bad-gguf",
    `The file does not fit its own description: tensor ${name} ${problem}. Get the file again, or another conversion of the model.`,
    {
      details: { tensor: name, problem },
    },
  );
}
