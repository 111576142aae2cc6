/** Everything that a header decides: `load()` fails by it before a weight is fetched, `fit()` gives it as reasons. */
import { ModelFormatError } from "../errors.ts";
import type { GgufFile } from "../gguf/gguf.ts";
import type { Gpu } from "../gpu/device.ts";
import { architectureOf, type OpenedModel, openModel } from "../model/open-model.ts";
import { checkSupported } from "../model/supported-types.ts";
import { type TextSide, textSide } from "./text-side.ts";

/** Runs one of the checks: passes its error on, or notes it and returns undefined. */
export type Attempt = <T>(check: () => T) => T | undefined;

export interface CheckedModel extends TextSide {
  model: OpenedModel;
}

/**
 * @returns undefined, or parts, where `attempt` noted an error
 * @throws what `attempt` passes on: UnsupportedModelError, ModelFormatError, DoesNotFitError `adapter-limit`
 */
export function checkModel(file: GgufFile, gpu: Gpu, attempt: Attempt): Partial<CheckedModel> {
  const known = attempt(() => architectureOf(file));
  const runs = attempt(() => {
    checkSupported(file);
    return true;
  });
  const { maxStorageBufferBindingSize } = gpu.device.limits;
  // weights of other types have no layout to open a model by
  const model = known && runs && attempt(() => openModel(file, maxStorageBufferBindingSize));
  const text = attempt(() => textSide(file));
  if (model && text) attempt(() => checkVocabulary(text.tokenizer.vocabularySize, model.shape.vocabulary));
  return { ...(model && { model }), ...text };
}

/** Ids go both ways between text and embedding: one without the other would fail in mid-sentence. */
function checkVocabulary(tokens: number, rows: number): void {
  if (tokens === rows) return;
  throw new ModelFormatError(
    "bad-gguf",
    `The file's vocabulary has ${tokens} tokens, its embedding ${rows} rows. Get the file again, or another conversion of the model.`,
    { details: { tokens, rows } },
  );
}
