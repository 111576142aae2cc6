import { getString } from "../gguf/fields.ts";
import type { GgufFile } from "../gguf/gguf.ts";

/**
 * What a header says of any model, whether it runs here or not.
 * @param fallback the name where the file has none
 */
export function fileFacts(file: GgufFile, fallback: string) {
  const tensorTypes: Record<string, number> = {};
  let parameterCount = 0;
  for (const { type, dims } of file.tensors) {
    tensorTypes[type] = (tensorTypes[type] ?? 0) + 1;
    parameterCount += dims.reduce((product, size) => product * size, 1);
  }
  return {
    name: getString(file.metadata, "general.name", fallback),
    architecture: getString(file.metadata, "general.architecture", ""),
    parameterCount,
    tensorTypes,
  };
}
