/** What this version runs, checked on the header alone: before a single weight is fetched. */
import { UnsupportedModelError } from "../errors.ts";
import type { GgufFile } from "./gguf.ts";

export const SUPPORTED_TENSOR_TYPES: readonly string[] = [
  "F32",
  "F16",
  "BF16",
  "Q8_0",
  "Q6_K",
  "Q5_K",
  "Q5_0",
  "Q5_1",
  "Q4_K",
  "Q4_0",
  "Q4_1",
  "Q3_K",
  "Q2_K",
  "IQ4_NL",
  "IQ4_XS",
  "MXFP4",
  "IQ3_S",
  "IQ3_XXS",
  "IQ2_S",
  "IQ2_XS",
  "IQ2_XXS",
  "IQ1_S",
  "IQ1_M",
  "TQ1_0",
  "TQ2_0",
];

/**
 * @throws UnsupportedModelError `tensor-type`, with what was found and what is supported
 */
export function checkSupported(file: GgufFile): void {
  const unsupported = new Map<string, number>();
  for (const { type } of file.tensors) {
    if (!SUPPORTED_TENSOR_TYPES.includes(type)) unsupported.set(type, (unsupported.get(type) ?? 0) + 1);
  }
  if (unsupported.size === 0) return;
  const found = [...unsupported].map(([type, tensors]) => `${type} (${tensors} tensors)`).join(", ");
  throw new UnsupportedModelError(
    "tensor-type",
    `The model has tensors of a type that this version does not run: ${found}. ` +
      `Supported: ${SUPPORTED_TENSOR_TYPES.join(", ")}. Take a file of the model in one of these, such as Q4_K_M or Q8_0.`,
    { details: { found: [...unsupported.keys()], supported: SUPPORTED_TENSOR_TYPES } },
  );
}
