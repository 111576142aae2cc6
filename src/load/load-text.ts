import type { AddressSettings, PlainOrigin } from "../boundary/protocol.ts";
import { getString } from "../gguf/fields.ts";
import { hasChatTemplate, tokenVariables } from "../tokenizer/index.ts";
import type { TokenizerInfo } from "../types.ts";
import { openOrigin } from "./open-origin.ts";
import { type TextSide, textSide } from "./text-side.ts";

export interface LoadedText extends TextSide {
  info: TokenizerInfo;
}

/**
 * Tokenizer and chat template alone: reads the header, needs no GPU and downloads no weights. A file without tensors
 * will do, and any architecture.
 * @throws ModelFormatError, UnsupportedModelError `tokenizer`, DownloadError, StorageError; the signal's reason
 */
export async function loadText(
  from: PlainOrigin,
  settings: AddressSettings,
  signal: AbortSignal,
): Promise<LoadedText> {
  const { source, file } = await openOrigin(
    from,
    { ...settings, headerOnly: true },
    { signal, onProgress: () => {} },
  );
  try {
    const { metadata } = file;
    const text = textSide(file);
    const { tokenizer } = text;
    for (const warning of tokenizer.warnings) console.warn(`intab: ${warning}`);
    const { vocabularySize, warnings } = tokenizer;
    return {
      ...text,
      info: {
        name: getString(metadata, "general.name", source.name),
        kind: getString(metadata, "tokenizer.ggml.model", ""),
        vocabularySize,
        specialTokens: tokenVariables(tokenizer),
        hasChatTemplate: hasChatTemplate(metadata),
        warnings,
      },
    };
  } finally {
    source.close();
  }
}
