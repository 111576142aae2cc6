/**
 * Models in several files, as `llama-gguf-split` makes them: each part is a GGUF file with a header of its own, the
 * first holds the metadata. `split.count` = parts, `split.no` = place from 0, `split.tensors.count` = tensors of all.
 */
import { ModelFormatError } from "../errors.ts";
import { getNumber } from "./fields.ts";
import type { GgufFile } from "./gguf.ts";
import type { GgufTensor } from "./tensors.ts";

export interface GgufPart {
  /** File name, for people. */
  readonly name: string;
  readonly file: GgufFile;
}

/** Parts of the model that the file belongs to; 1 for a whole model. @throws ModelFormatError `bad-gguf` */
export function splitCount({ metadata }: GgufFile): number {
  return Math.max(1, getNumber(metadata, "split.count", 0));
}

/**
 * Joins the parts of a model, given in any order. The result reads as one file that holds the parts one after the
 * other: its offsets count from the first part's first byte.
 * @returns the file, and the parts in their order
 * @throws ModelFormatError `split-missing`, `split-duplicate` or `split-mismatch`
 */
export function joinParts<T extends GgufPart>(given: readonly T[]): { file: GgufFile; parts: readonly T[] } {
  const parts = inOrder(given);
  const first = parts[0]!;
  const tensors: GgufTensor[] = [];
  const names = new Set<string>();
  let base = 0;
  for (const { name, file } of parts) {
    for (const tensor of file.tensors) {
      if (names.has(tensor.name)) throw mismatch(`${name} holds the tensor "${tensor.name}" again`, { name });
      names.add(tensor.name);
      tensors.push({ ...tensor, offset: base + tensor.offset });
    }
    base += file.fileBytes;
  }
  const declared = getNumber(first.file.metadata, "split.tensors.count", tensors.length);
  if (declared !== tensors.length) {
    throw mismatch(
      `${first.name} promises ${declared} tensors and all parts together hold ${tensors.length}`,
      {
        declared,
        found: tensors.length,
      },
    );
  }
  return { file: { ...first.file, tensors, fileBytes: base }, parts };
}

function inOrder<T extends GgufPart>(given: readonly T[]): readonly T[] {
  const first = given[0]!;
  const count = splitCount(first.file);
  const placed = new Map<number, T>();
  for (const part of given) {
    const { name, file } = part;
    const itsCount = splitCount(file);
    if (given.length > 1 && itsCount === 1) throw mismatch(`${name} is a whole model`, { name });
    if (itsCount !== count)
      throw mismatch(`${name} is one of ${itsCount} parts, ${first.name} one of ${count}`, { name });
    const no = getNumber(file.metadata, "split.no", 0);
    if (no >= count) throw mismatch(`${name} is part ${no + 1} of ${count}`, { name });
    const other = placed.get(no);
    if (other) {
      throw new ModelFormatError(
        "split-duplicate",
        `Both ${other.name} and ${name} are part ${no + 1} of ${count}. Give each part of the model once.`,
        { details: { names: [other.name, name], part: no + 1, parts: count } },
      );
    }
    placed.set(no, part);
  }
  const missing = Array.from({ length: count }, (_, no) => no).filter(no => !placed.has(no));
  if (missing.length > 0) throw missingParts(first.name, missing, count);
  const parts = [...placed].sort(([a], [b]) => a - b).map(([, part]) => part);
  checkSameModel(parts);
  return parts;
}

function missingParts(name: string, missing: readonly number[], count: number): ModelFormatError {
  const shown = missing.slice(0, 5).map(no => no + 1);
  const more = missing.length > shown.length ? ` and ${missing.length - shown.length} more` : "";
  return new ModelFormatError(
    "split-missing",
    `${name} is one of ${count} files that make up the model; part ${shown.join(", ")}${more} is not there. Choose all ` +
      "parts together, or give the address of one whose name ends in -00001-of-00003.gguf or the like.",
    { details: { name, parts: count, missing: missing.map(no => String(no + 1)) } },
  );
}

/** Converters repeat some facts in every part: where they do, they have to agree. */
function checkSameModel([first, ...rest]: readonly GgufPart[]): void {
  for (const { name, file } of rest) {
    for (const key of ["general.architecture", "general.name", "split.tensors.count"]) {
      const [own, other] = [file.metadata[key], first!.file.metadata[key]];
      if (own !== undefined && other !== undefined && own !== other) {
        throw mismatch(`${key} is ${String(own)} in ${name}, ${String(other)} in ${first!.name}`, {
          name,
          key,
        });
      }
    }
  }
}

function mismatch(what: string, details: Record<string, string | number>): ModelFormatError {
  return new ModelFormatError(
    "split-mismatch",
    `These files are not the parts of one model: ${what}. Take all parts from one place and one version of the model.`,
    { details },
  );
}
