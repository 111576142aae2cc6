/**
 * SentencePiece BPE (`tokenizer.ggml.model` = `llama`): the neighbours whose union is the token of the highest score
 * are joined first; characters that are no token become byte tokens `<0x00>` to `<0xFF>`; a space is `▁`.
 */
import { byteTokenIds, byteValue } from "./byte-tokens.ts";
import { mergePieces } from "./merge.ts";
import type { TextModel } from "./text-model.ts";
import { badField, TokenType, type Vocabulary } from "./vocabulary.ts";
import { WordCache } from "./word-cache.ts";

const utf8 = new TextEncoder();

export function createSentencePiece(vocabulary: Vocabulary): TextModel {
  const { tokens, types, idOf, scores } = vocabulary;
  const byteIds = byteTokenIds(idOf, vocabulary.unknownId ?? -1);
  if (byteIds.includes(-1)) {
    throw badField(
      "tokenizer.ggml.tokens",
      `has neither a token for byte ${byteIds.indexOf(-1)} nor an unknown token`,
    );
  }
  const addsSpacePrefix = vocabulary.addSpacePrefix ?? true;
  const cache = new WordCache();
  // Where no token spans the end of a word, words cannot influence each other and can be remembered one by one.
  const wordsAreApart = !tokens.some(token => /[^▁]▁/.test(token));

  const encodeWord = (word: string): readonly number[] => {
    const ids: number[] = [];
    const pieces = mergePieces(word, (text, start, _middle, end) => {
      const id = idOf.get(text.slice(start, end));
      // a score of minus infinity comes last, and does come; NaN counts as 0
      return id === undefined ? undefined : -Math.max(scores[id] || 0, -Number.MAX_VALUE);
    });
    for (const piece of pieces) {
      const id = idOf.get(piece);
      if (id !== undefined) ids.push(id);
      else for (const byte of utf8.encode(piece)) ids.push(byteIds[byte]!);
    }
    return ids;
  };

  return {
    encode(text, atStart, ids) {
      const escaped = (atStart && addsSpacePrefix ? ` ${text}` : text).replaceAll(" ", "▁");
      const words = wordsAreApart ? (escaped.match(/▁+[^▁]*|[^▁]+/g) ?? []) : [escaped];
      for (const word of words) {
        for (const id of cache.get(word, encodeWord)) ids.push(id);
      }
    },
    bytesOf(id) {
      const token = tokens[id]!;
      if (types[id] === TokenType.byte) return Uint8Array.of(byteValue(token) ?? 0);
      // User-defined tokens are stored as they stand in text: a ▁ in them is a ▁.
      return utf8.encode(types[id] === TokenType.normal ? token.replaceAll("▁", " ") : token);
    },
    addsSpacePrefix,
    addsBos: true,
    addsEos: false,
  };
}
