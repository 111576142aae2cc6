import { getString } from "../gguf/metadata.ts";
import {
  type ChatTemplate,
  createChatTemplate,
  createTokenizer,
  hasChatTemplate,
  type Tokenizer,
  tokenVariables,
} from "../tokenizer/index.ts";
import type { LoadOptions, TokenizerInfo } from "../types.ts";
import { openOrigin, type PlainOrigin } from "./open-origin.ts";

/** What a model file says about text. */
export interface TextSide {
  tokenizer: Tokenizer;
  template: ChatTemplate;
  info: TokenizerInfo;
}

/**
 * Tokenizer and chat template alone: reads the header, needs no GPU and downloads no weights. A file without tensors
 * will do, and any architecture.
 * @throws ModelFormatError, UnsupportedModelError `tokenizer`, DownloadError, StorageError; the signal's reason
 */
export async function loadText(
  from: PlainOrigin,
  settings: Pick<LoadOptions, "headers" | "token" | "hubUrl" | "cacheKey">,
  signal: AbortSignal,
): Promise<TextSide> {
  const { source, file } = await openOrigin(
    from,
    { ...settings, headerOnly: true },
    { signal, onProgress: () => {} },
  );
  try {
    const { metadata } = file;
    const tokenizer = createTokenizer(metadata);
    for (const warning of tokenizer.warnings) console.warn(`intab: ${warning}`);
    const { vocabularySize, warnings } = tokenizer;
    return {
      tokenizer,
      template: createChatTemplate(metadata, tokenizer),
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
