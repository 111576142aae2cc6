import { ModelFormatError } from "../errors.ts";

/** What to throw where the GPU computed NaN or infinity. @param what such as `logits` */
export function notFinite(what: string): ModelFormatError {
  return new ModelFormatError(
    "not-finite",
    `The model's ${what} are not finite numbers: the file's weights are damaged, or this GPU's driver computes wrongly. ` +
      "Try another file of the model, then features: { f16: false }.",
    { details: { what } },
  );
}

/** @throws ModelFormatError `not-finite` */
export function checkFinite<T extends Float32Array | Float64Array>(values: T, what: string): T {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! - values[i]!; // 0, but NaN for NaN and infinities
  if (sum !== 0) throw notFinite(what);
  return values;
}
