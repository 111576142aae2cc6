import { getNumber, getString, type Metadata } from "../gguf/fields.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Token ids of a query with a document, as a reranker was trained to read them. */
export type RankingPrompt = (query: string, document: string) => readonly number[];

const KEY = "tokenizer.";

/**
 * From the file's own rules: its `rerank` template where there is one (`{query}` and `{document}` stand for the texts), else
 * both texts with the special tokens that each alone would get, as pairs are given to BERT: the second without the first
 * token, and with a separator before it where the file asks for one.
 */
export function readRanking(metadata: Metadata, tokenizer: Tokenizer): RankingPrompt {
  const template = getString(metadata, `${KEY}chat_template.rerank`, "");
  if (template !== "") {
    return (query, document) => {
      const parts: Record<string, string> = { "{query}": query, "{document}": document };
      const text = template.replace(/\{query\}|\{document\}/g, name => parts[name]!);
      return tokenizer.encode(text, { addSpecial: false, parseSpecial: true });
    };
  }
  const flag = (name: string): boolean => metadata[`${KEY}ggml.${name}`] === true;
  const id = (name: string): number => getNumber(metadata, `${KEY}ggml.${name}`, -1);
  const separators = flag("add_sep_token") ? [id("seperator_token_id")].filter(token => token >= 0) : [];
  const first = id("bos_token_id");
  return (query, document) => {
    const second = tokenizer.encode(document, { addSpecial: true });
    return [
      ...tokenizer.encode(query, { addSpecial: true }),
      ...separators,
      ...(second[0] === first ? second.slice(1) : second),
    ];
  };
}
