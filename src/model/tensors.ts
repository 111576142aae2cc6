import { DoesNotFitError, ModelFormatError, UnsupportedModelError } from "../errors.ts";
import type { GgufFile, GgufTensor } from "../gguf/gguf.ts";
import type { Halves } from "../kernels/repack.ts";
import type { HeldExperts } from "../kernels/routing.ts";
import { type WeightType, weightLayout } from "../kernels/weights.ts";

/** Rows of a tensor and their place in a matrix. */
export interface MatrixPart {
  tensor: GgufTensor;
  /** First row in the tensor, a multiple of 4. */
  fromRow: number;
  rows: number;
  /** Where that row stands in the matrix, a multiple of 4. */
  firstRow: number;
  /** Rows that RoPE rotates in halves; counted from the tensor's first row. */
  halves?: Halves | undefined;
  /** Rows of one expert in the tensor, and from one expert to the next in the matrix. */
  matrices?: { rows: number; stride: number } | undefined;
}

/**
 * A matrix as the kernels hold it: one tensor of the file, rows of one, or several of one type on top of each other, so
 * that one dispatch computes them all.
 */
export interface Matrix {
  name: string;
  type: WeightType;
  rows: number;
  columns: number;
  parts: readonly MatrixPart[];
}

/** Part of a product that was meant to be one: whole where types and the adapter's binding limit allow it. */
export interface Run {
  matrix: Matrix;
  /** Its place in the whole, such as [Q | K | V]. */
  firstRow: number;
  /** The experts whose matrices these are, where not all fit into one. */
  held?: HeldExperts;
}

/** A product W x + b. */
export interface Linear {
  runs: readonly Run[];
  rows: number;
  columns: number;
  bias: ShortTensor | undefined;
}

/** A norm's scale, a bias: short tensors of one layer share a buffer, as f32. */
export interface ShortTensor {
  block: ShortBlock;
  /** Where it begins in the block, in units of 4 elements. */
  at: number;
  parts: readonly ShortPart[];
}

export interface ShortPart {
  tensor: GgufTensor;
  /** Where its first element stands. */
  firstElement: number;
  halves?: Halves | undefined;
  /** One vector per expert: its size, and elements from one to the next. */
  vectors?: { size: number; stride: number } | undefined;
}

export interface ShortBlock {
  name: string;
  /** In units of 4 elements. */
  length: number;
  tensors: ShortTensor[];
}

/** A short tensor that the CPU needs: RoPE's factors. `values` are there once the weights are loaded. */
export interface HostTensor {
  tensor: GgufTensor;
  values?: Float32Array;
}

/** What is stacked in one product. */
export interface StackPart {
  /** Tensor name without the layer's prefix and without `.weight`. */
  name: string;
  rows: number;
  halves?: Halves | undefined;
  /** Where it is split by rows, no part goes across a multiple of this, which is a multiple of 4. */
  boundary?: number;
}

/** All that a model takes from its file. */
export interface Taken {
  matrices: Set<Matrix>;
  blocks: ShortBlock[];
  host: HostTensor[];
}

/** Left over by old converters: RoPE's own frequencies, which follow from the base. */
const IGNORED = /(^|\.)(attn_rot_embd|rotary_emb\.inv_freq)(\.|$)/;

/** Types of short tensors: a CPU turns them into f32. */
const SHORT_TYPES: readonly string[] = ["F32", "F16", "BF16"];

/** Into so many matrices one is split at most, each a dispatch. The largest real ones take 10 of 128 MB. */
const MAX_RUNS = 1024;

/** The tensors of a file, by name; notes which are taken, and checks every shape. */
export class TensorFile {
  readonly taken: Taken = { matrices: new Set(), blocks: [], host: [] };
  readonly #byName: ReadonlyMap<string, GgufTensor>;
  readonly #unused: Set<string>;
  readonly maxBytes: number;

  /** @param maxBytes the largest binding of the adapter: larger matrices are split by rows */
  constructor(file: GgufFile, maxBytes: number) {
    this.#byName = new Map(file.tensors.map(tensor => [tensor.name, tensor]));
    this.#unused = new Set(this.#byName.keys());
    this.maxBytes = maxBytes;
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  /** @throws ModelFormatError `bad-gguf` if it is missing or has another shape */
  find(name: string, dims: readonly number[]): GgufTensor {
    const tensor = this.#byName.get(name);
    if (!tensor) throw badTensor(name, "is missing");
    this.#unused.delete(name);
    const squeezed = tensor.dims.filter((size, axis) => axis < dims.length || size !== 1);
    if (squeezed.length > dims.length || dims.some((size, axis) => (tensor.dims[axis] ?? 1) !== size)) {
      throw badTensor(name, `has the shape [${tensor.dims}], not [${dims}]`);
    }
    return tensor;
  }

  /** Names of tensors under a prefix, for messages and guesses about optional parts. */
  dims(name: string): readonly number[] | undefined {
    return this.#byName.get(name)?.dims;
  }

  /** Says that tensors whose names begin so are known and not needed. */
  leave(prefix: string): void {
    for (const name of this.#unused) if (name.startsWith(prefix)) this.#unused.delete(name);
  }

  typeOf(name: string): string | undefined {
    return this.#byName.get(name)?.type;
  }

  /**
   * A bias left out, say, would change every answer, and nobody would see why.
   * @throws UnsupportedModelError `shape` if the file has tensors that nothing took
   */
  checkUnused(): void {
    const names = [...this.#unused].filter(name => !IGNORED.test(name));
    if (names.length === 0) return;
    throw new UnsupportedModelError(
      "shape",
      `The model has parts that this version does not compute: ${names.slice(0, 5).join(", ")}${names.length > 5 ? `, and ${names.length - 5} more` : ""}. Take another conversion of the model, or another model.`,
      { details: { tensors: names } },
    );
  }
}

/** The tensors of one layer, or those outside of layers, by their names without prefix. */
export class Tensors {
  readonly #file: TensorFile;
  readonly #prefix: string;
  readonly #block: ShortBlock;

  constructor(file: TensorFile, prefix: string) {
    this.#file = file;
    this.#prefix = prefix;
    this.#block = { name: `${prefix || "model."}short tensors`, length: 0, tensors: [] };
    file.taken.blocks.push(this.#block);
  }

  /** @param name with its suffix, `.weight` or `.bias` */
  has(name: string): boolean {
    return this.#file.has(this.#prefix + name);
  }

  dims(name: string): readonly number[] | undefined {
    return this.#file.dims(this.#prefix + name);
  }

  /** A product of one or several tensors on top of each other; biases are there where the file has them. */
  linear(stack: StackPart | readonly StackPart[], columns: number): Linear {
    const parts = "name" in stack ? [stack] : stack;
    const rows = parts.reduce((sum, part) => sum + part.rows, 0);
    return { runs: this.#runs(parts, columns), rows, columns, bias: this.#bias(parts) };
  }

  /** `[rows, columns]` of one tensor. */
  matrix(name: string, rows: number, columns: number): Linear {
    return this.linear({ name, rows }, columns);
  }

  /**
   * One matrix per expert, all in one: `rows` of each of the stacked tensors `[columns, rows, experts]`, expert after
   * expert; or, in old files, of a tensor per expert. A stack of different types comes as one run per tensor, experts of
   * different types as runs that hold some of them each.
   * @param stack names with `_exps`
   */
  expertLinear(stack: readonly StackPart[], columns: number, experts: number): Linear {
    const rows = stack.reduce((sum, part) => sum + part.rows, 0);
    const typeOf = ({ name }: StackPart, expert: number): WeightType =>
      this.#type(this.#expertName(name, expert));
    const each = Array.from({ length: experts }, (_, expert) => expert);
    const stacked = each.every(expert =>
      stack.every(part => typeOf(part, expert) === typeOf(stack[0]!, expert)),
    );
    const groups = stacked ? [stack] : stack.map(part => [part]);
    let firstRow = 0;
    const runs = groups.flatMap((group): Run[] => {
      const stride = group.reduce((sum, part) => sum + part.rows, 0);
      const place = { firstRow };
      firstRow += stride;
      const made: Run[] = [];
      for (let first = 0; first < experts; ) {
        const type = typeOf(group[0]!, first);
        let end = first + 1;
        while (end < experts && typeOf(group[0]!, end) === type) end++;
        const most = this.#rowsThatFit(type, columns, stride, stride * (end - first)) / stride;
        const held = { first, count: Math.min(end - first, Math.floor(most)) };
        const matrix = this.#expertMatrix(group, stride, columns, experts, held);
        made.push(held.count === experts ? { ...place, matrix } : { ...place, held, matrix });
        first += held.count;
      }
      return made;
    });
    return { runs, rows, columns, bias: this.#expertBias(stack, rows, experts, stacked) };
  }

  /** `ffn_up_exps`, or `ffn_up.3` where the file has a tensor for each expert. */
  #expertName(name: string, expert: number): string {
    const own = name.replace(/_exps$/, `.${expert}`);
    return this.has(`${own}.weight`) ? own : name;
  }

  /** @param name with its suffix */
  vector(name: string, dims: number | readonly number[], halves?: Halves): ShortTensor {
    return this.#short([{ name, dims: typeof dims === "number" ? [dims] : dims, halves }]);
  }

  /** Tensors that the file may have and the model does not use. @param names with their suffixes */
  leave(...names: string[]): void {
    for (const name of names) this.#file.leave(this.#prefix + name);
  }

  optionalVector(name: string, size: number): ShortTensor | undefined {
    return this.has(name) ? this.vector(name, size) : undefined;
  }

  /** A short tensor for the CPU. @param name with its suffix */
  host(name: string, size: number): HostTensor {
    const entry = { tensor: this.#shortTensor(name, [size]) };
    this.#file.taken.host.push(entry);
    return entry;
  }

  #type(name: string): WeightType {
    return (this.#file.typeOf(`${this.#prefix}${name}.weight`) ?? "F32") as WeightType;
  }

  #bytes(type: WeightType, rows: number, columns: number): number {
    return weightLayout(type, rows, columns).wordsBytes;
  }

  #take(matrix: Matrix): Matrix {
    this.#file.taken.matrices.add(matrix);
    return matrix;
  }

  /** Neighbours of one type become one matrix, unless it exceeds the adapter's binding. */
  #runs(parts: readonly StackPart[], columns: number): Run[] {
    const runs: Run[] = [];
    let firstRow = 0;
    for (let from = 0; from < parts.length; ) {
      const type = this.#type(parts[from]!.name);
      let to = from + 1;
      let rows = parts[from]!.rows;
      const fits = (more: number): boolean =>
        this.#bytes(type, rows + more, columns) <= this.#file.maxBytes && rows % 4 === 0;
      while (to < parts.length && this.#type(parts[to]!.name) === type && fits(parts[to]!.rows)) {
        rows += parts[to++]!.rows;
      }
      runs.push(...this.#split(type, parts.slice(from, to), columns, firstRow));
      firstRow += rows;
      from = to;
    }
    return runs;
  }

  #split(type: WeightType, parts: readonly StackPart[], columns: number, firstRow: number): Run[] {
    const name = parts.map(part => part.name).join(" + ");
    const tensors = parts.map(part =>
      this.#file.find(`${this.#prefix}${part.name}.weight`, [columns, part.rows]),
    );
    const rows = parts.reduce((sum, part) => sum + part.rows, 0);
    const { halves, boundary } = parts[0]!;
    const most = this.#rowsThatFit(type, columns, halves?.head ?? 4, rows);
    if (rows <= most) {
      let at = 0;
      const placed = parts.map((part, index): MatrixPart => {
        const place = {
          tensor: tensors[index]!,
          fromRow: 0,
          rows: part.rows,
          firstRow: at,
          halves: part.halves,
        };
        at += part.rows;
        return place;
      });
      const matrix = this.#take({ name: this.#prefix + name, type, rows, columns, parts: placed });
      return [{ matrix, firstRow }];
    }
    // only a single tensor is ever too large: #runs joins no more than fits
    const runs: Run[] = [];
    for (let fromRow = 0; fromRow < rows; ) {
      const end = boundary === undefined ? rows : fromRow - (fromRow % boundary) + boundary;
      const part = { tensor: tensors[0]!, fromRow, rows: Math.min(most, end - fromRow), firstRow: 0 };
      const matrix = this.#take({
        name: `${this.#prefix}${name} from row ${fromRow}`,
        type,
        rows: part.rows,
        columns,
        parts: [{ ...part, halves }],
      });
      runs.push({ matrix, firstRow: firstRow + fromRow });
      fromRow += part.rows;
    }
    return runs;
  }

  /** @throws DoesNotFitError `adapter-limit` where not even `multiple` rows fit */
  #rowsThatFit(type: WeightType, columns: number, multiple: number, rows: number): number {
    const { maxBytes } = this.#file;
    if (this.#bytes(type, rows, columns) <= maxBytes) return rows;
    const unit = Math.ceil(multiple / 4) * 4;
    const most = Math.floor(maxBytes / this.#bytes(type, unit, columns)) * unit;
    if (most > 0 && rows / most <= MAX_RUNS) return most;
    throw new DoesNotFitError(
      "adapter-limit",
      `${most > 0 ? rows : unit} rows of ${columns} ${type} weights exceed the ${maxBytes} bytes that this adapter binds at once${most > 0 ? `, more than ${MAX_RUNS} times` : ""}. Use a smaller model.`,
      { details: { type, rows: unit, columns, limit: maxBytes } },
    );
  }

  #expertMatrix(
    parts: readonly StackPart[],
    stride: number,
    columns: number,
    experts: number,
    held: HeldExperts,
  ): Matrix {
    let firstRow = 0;
    const placed = parts.flatMap(({ name, rows }): MatrixPart[] => {
      const at = firstRow;
      firstRow += rows;
      const find = (own: string, dims: readonly number[]) =>
        this.#file.find(`${this.#prefix}${own}.weight`, dims);
      if (this.#expertName(name, held.first) === name) {
        const tensor = find(name, [columns, rows, experts]);
        const [fromRow, count] = [held.first * rows, held.count * rows];
        return [{ tensor, fromRow, rows: count, firstRow: at, matrices: { rows, stride } }];
      }
      return Array.from({ length: held.count }, (_, index) => {
        const tensor = find(this.#expertName(name, held.first + index), [columns, rows]);
        return { tensor, fromRow: 0, rows, firstRow: index * stride + at };
      });
    });
    const names = parts.map(part => part.name).join(" + ");
    const name = this.#prefix + names + (held.count < experts ? ` from expert ${held.first}` : "");
    const type = this.#type(this.#expertName(parts[0]!.name, held.first));
    return this.#take({ name, type, rows: stride * held.count, columns, parts: placed });
  }

  #bias(parts: readonly StackPart[]): ShortTensor | undefined {
    if (!parts.some(part => this.has(`${part.name}.bias`))) return undefined;
    return this.#short(
      parts.map(({ name, rows, halves }) => ({
        name: this.has(`${name}.bias`) ? `${name}.bias` : undefined,
        dims: [rows],
        halves,
      })),
    );
  }

  /** Biases `[rows, experts]` in the order of the matrices' rows. */
  #expertBias(
    stack: readonly StackPart[],
    rows: number,
    experts: number,
    stacked: boolean,
  ): ShortTensor | undefined {
    if (!stack.some(part => this.has(`${part.name}.bias`))) return undefined;
    const at = this.#block.length;
    const parts: ShortPart[] = [];
    let first = 0;
    for (const { name, rows: size } of stack) {
      const tensor = this.#shortTensor(`${name}.bias`, [size, experts]);
      parts.push({ tensor, firstElement: first, vectors: { size, stride: stacked ? rows : size } });
      first += stacked ? size : size * experts;
    }
    const entry: ShortTensor = { block: this.#block, at, parts };
    this.#block.length += Math.ceil((rows * experts) / 4);
    this.#block.tensors.push(entry);
    return entry;
  }

  #short(
    parts: readonly { name: string | undefined; dims: readonly number[]; halves?: Halves | undefined }[],
  ): ShortTensor {
    const at = this.#block.length;
    let firstElement = 0;
    const placed: ShortPart[] = [];
    for (const { name, dims, halves } of parts) {
      if (name !== undefined) placed.push({ tensor: this.#shortTensor(name, dims), firstElement, halves });
      firstElement += dims.reduce((product, size) => product * size, 1);
    }
    const entry: ShortTensor = { block: this.#block, at, parts: placed };
    this.#block.length += Math.ceil(firstElement / 4);
    this.#block.tensors.push(entry);
    return entry;
  }

  /** @throws UnsupportedModelError `tensor-type` for another type than F32, F16 and BF16 */
  #shortTensor(name: string, dims: readonly number[]): GgufTensor {
    const tensor = this.#file.find(this.#prefix + name, dims);
    if (SHORT_TYPES.includes(tensor.type)) return tensor;
    throw new UnsupportedModelError(
      "tensor-type",
      `Tensor ${tensor.name} is ${tensor.type}; norms, biases and factors are read as ${SHORT_TYPES.join(", ")}. Take another file of the model.`,
      { details: { tensor: tensor.name, type: tensor.type, supported: SHORT_TYPES } },
    );
  }
}

function badTensor(name: string, problem: string): ModelFormatError {
  return new ModelFormatError(
    "bad-gguf",
    `The file does not fit its own description: tensor ${name} ${problem}. Get the file again, or another conversion of the model.`,
    { details: { tensor: name, problem } },
  );
}
