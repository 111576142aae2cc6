import type { GgufFile } from "../gguf/gguf.ts";
import {
  type ChatTemplate,
  createChatTemplate,
  createTokenizer,
  type RankingPrompt,
  readRanking,
  type Tokenizer,
} from "../tokenizer/index.ts";

/** What a model file says about text. */
export interface TextSide {
  tokenizer: Tokenizer;
  template: ChatTemplate;
  ranking: RankingPrompt;
}

/** @throws ModelFormatError `bad-gguf`, UnsupportedModelError `tokenizer` */
export function textSide({ metadata }: GgufFile): TextSide {
  const tokenizer = createTokenizer(metadata);
  return {
    tokenizer,
    template: createChatTemplate(metadata, tokenizer),
    ranking: readRanking(metadata, tokenizer),
  };
}
