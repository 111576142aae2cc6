/** Whether the kernels read what a file holds, checked on the header alone: before a single weight is fetched. */
import { UnsupportedModelError } from "../errors.ts";
import type { GgufFile } from "../gguf/gguf.ts";
import { isWeightType, WEIGHT_TYPES } from "../kernels/weights.ts";

/**
 * @throws UnsupportedModelError `tensor-type`, with what was found and what is supported
 */
export function checkSupported(file: GgufFile): void {
  const unsupported = new Map<string, number>();
  for (const { type } of file.tensors) {
    if (!isWeightType(type)) unsupported.set(type, (unsupported.get(type) ?? 0) + 1);
  }
  if (unsupported.size === 0) return;
  const found = [...unsupported].map(([type, tensors]) => `${type} (${tensors} tensors)`).join(", ");
  throw new UnsupportedModelError(
    "tensor-type",
    `The model has tensors of a type that this version does not run: ${found}. ` +
      `Supported: ${WEIGHT_TYPES.join(", ")}. Take a file of the model in one of these, such as Q4_K_M or Q8_0.`,
    { details: { found: [...unsupported.keys()], supported: WEIGHT_TYPES } },
  );
}
