import { UnsupportedModelError } from "../errors.ts";
import { checkNumber, getNumber, getString } from "../gguf/fields.ts";
import type { GgufFile } from "../gguf/gguf.ts";

/** The numbers that every model has, as its file states them. */
export interface Hyperparameters {
  architecture: string;
  layers: number;
  /** Width of the residual stream. */
  hidden: number;
  vocabulary: number;
  /** Positions that the model was trained for. */
  contextLength: number;
}

/** Kernels read rows of activations as vectors of 4 and weights in units of 8 columns. */
export const COLUMN_MULTIPLE = 8;

/** The metadata under a model's own prefix, such as `llama.block_count`. */
export class Keys {
  readonly architecture: string;
  readonly #file: GgufFile;

  constructor(file: GgufFile) {
    this.#file = file;
    this.architecture = getString(file.metadata, "general.architecture");
  }

  has(name: string): boolean {
    return this.#key(name) in this.#file.metadata;
  }

  /** @throws ModelFormatError `bad-gguf` where it is missing and has no fallback, is no number or out of its range */
  number(name: string, fallback?: number): number {
    return getNumber(this.#file.metadata, this.#key(name), fallback);
  }

  string(name: string, fallback?: string): string {
    return getString(this.#file.metadata, this.#key(name), fallback);
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.#file.metadata[this.#key(name)];
    return typeof value === "boolean" ? value : fallback;
  }

  /** A number of each layer: some files give a list, most one number for all. */
  ofLayer(name: string, layer: number, fallback?: number): number {
    const value = this.#file.metadata[this.#key(name)];
    if (!Array.isArray(value)) return this.number(name, fallback);
    if (layer < value.length) return checkNumber(this.#key(name), value[layer]);
    throw unsupportedShape([`${this.#key(name)} has no number for layer ${layer}`]);
  }

  /** A flag of each layer, which files give as a list. */
  flagOfLayer(name: string, layer: number, fallback?: boolean): boolean {
    const value = this.#file.metadata[this.#key(name)];
    const flag = Array.isArray(value) ? (value[layer] ?? fallback) : fallback;
    if (typeof flag === "boolean") return flag;
    throw unsupportedShape([`${this.#key(name)} has no flag for layer ${layer}`]);
  }

  #key(name: string): string {
    return `${this.architecture}.${name}`;
  }
}

/**
 * @throws ModelFormatError `bad-gguf` where a key is missing or out of its range; UnsupportedModelError `shape` where the numbers are outside
 *   of what the kernels do
 */
export function readHyperparameters(file: GgufFile): Hyperparameters {
  const keys = new Keys(file);
  const embedding = file.tensors.find(tensor => tensor.name === "token_embd.weight");
  const model: Hyperparameters = {
    architecture: keys.architecture,
    layers: keys.number("block_count"),
    hidden: keys.number("embedding_length"),
    vocabulary: embedding?.dims[1] ?? 0,
    contextLength: keys.number("context_length"),
  };
  const problems = [
    ...multiple("embedding_length", model.hidden, COLUMN_MULTIPLE),
    ...(model.vocabulary > 0 ? [] : ["token_embd.weight is missing (a vocabulary-only file?)"]),
  ];
  if (problems.length > 0) throw unsupportedShape(problems);
  return model;
}

/** What is wrong with a number that must be a positive multiple: nothing, or a sentence. */
export function multiple(name: string, value: number, of: number): string[] {
  if (Number.isInteger(value) && value > 0 && value % of === 0) return [];
  return [`${name} is ${value}, not a multiple of ${of}`];
}

export function unsupportedShape(problems: readonly string[]): UnsupportedModelError {
  return new UnsupportedModelError(
    "shape",
    `This version cannot run a model of this shape: ${problems.join("; ")}. Take another model.`,
    { details: { problems } },
  );
}
