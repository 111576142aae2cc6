/** The Llama architecture as the paper has it, one number at a time in double precision. No cache, no batches. */
export interface LlamaShape {
  hidden: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  feedForward: number;
  vocabulary: number;
  normEpsilon: number;
  ropeBase: number;
  /** Positions are divided by this. */
  ropeFactor: number;
  /** Leading elements of a head that are rotated, in adjacent pairs. */
  ropeDim: number;
}

/** Matrices `[rows, columns]`, row by row. */
export interface LlamaValues {
  /** `[vocabulary, hidden]` */
  embedding: Float32Array;
  layers: {
    attentionNorm: Float32Array;
    q: Float32Array;
    k: Float32Array;
    v: Float32Array;
    attentionOutput: Float32Array;
    feedForwardNorm: Float32Array;
    gate: Float32Array;
    up: Float32Array;
    down: Float32Array;
  }[];
  outputNorm: Float32Array;
  output: Float32Array;
  /** Divisors of RoPE's frequencies, `[ropeDim / 2]`. */
  ropeFactors?: Float32Array;
}

/** Computes token after token; gives the logits after each. */
export function llamaReference(shape: LlamaShape, values: LlamaValues): (id: number) => Float64Array {
  const { hidden, heads, kvHeads, headDim } = shape;
  const keys = values.layers.map((): Float64Array[] => []);
  const vals = values.layers.map((): Float64Array[] => []);
  let position = 0;
  return id => {
    let x: Float64Array = Float64Array.from(values.embedding.subarray(id * hidden, (id + 1) * hidden));
    values.layers.forEach((layer, index) => {
      const input = norm(x, layer.attentionNorm, shape.normEpsilon);
      const q = rotate(product(layer.q, input), position, shape, values.ropeFactors);
      keys[index]!.push(rotate(product(layer.k, input), position, shape, values.ropeFactors));
      vals[index]!.push(product(layer.v, input));
      const attended = new Float64Array(heads * headDim);
      for (let head = 0; head < heads; head++) {
        const from = Math.floor(head / (heads / kvHeads)) * headDim;
        const query = q.subarray(head * headDim, (head + 1) * headDim);
        const scores = keys[index]!.map(key => dot(query, key, from) / Math.sqrt(headDim));
        const largest = scores.reduce((a, b) => Math.max(a, b));
        const weights = scores.map(score => Math.exp(score - largest));
        const total = weights.reduce((a, b) => a + b);
        weights.forEach((weight, at) => {
          const value = vals[index]![at]!;
          for (let i = 0; i < headDim; i++)
            attended[head * headDim + i]! += (weight / total) * value[from + i]!;
        });
      }
      x = add(x, product(layer.attentionOutput, attended));

      const mlpInput = norm(x, layer.feedForwardNorm, shape.normEpsilon);
      const gate = product(layer.gate, mlpInput);
      const up = product(layer.up, mlpInput);
      x = add(
        x,
        product(
          layer.down,
          gate.map((g, i) => (g / (1 + Math.exp(-g))) * up[i]!),
        ),
      );
    });
    position++;
    return product(values.output, norm(x, values.outputNorm, shape.normEpsilon));
  };
}

function norm(x: Float64Array, scale: Float32Array, epsilon: number): Float64Array {
  const meanSquare = x.reduce((sum, value) => sum + value * value, 0) / x.length;
  return x.map((value, i) => (value / Math.sqrt(meanSquare + epsilon)) * scale[i]!);
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

function add(x: Float64Array, y: Float64Array): Float64Array {
  return x.map((value, i) => value + y[i]!);
}

/** RoPE of every head. */
function rotate(
  x: Float64Array,
  position: number,
  { headDim, ropeBase, ropeDim, ropeFactor }: LlamaShape,
  factors: Float32Array | undefined,
): Float64Array {
  const out = x.slice();
  for (let head = 0; head < x.length; head += headDim) {
    for (let pair = 0; pair < ropeDim / 2; pair++) {
      const frequency = ropeBase ** ((-2 * pair) / ropeDim) / (factors?.[pair] ?? 1);
      const angle = (position / ropeFactor) * frequency;
      const [a, b] = [x[head + 2 * pair]!, x[head + 2 * pair + 1]!];
      out[head + 2 * pair] = a * Math.cos(angle) - b * Math.sin(angle);
      out[head + 2 * pair + 1] = a * Math.sin(angle) + b * Math.cos(angle);
    }
  }
  return out;
}
