/**
 * SentencePiece BPE (`tokenizer.ggml.model` = `llama`): the neighbours whose union is the token of the highest score
 * are joined first; characters that are no token become byte tokens `<0x00>` to `<0xFF>`; a space is `▁`.
 */
import { mergePieces } from "./merge.ts";
import type { TextModel } from "./text-model.ts";
import { badField, TokenType, type Vocabulary } from "./vocabulary.ts";
import { WordCache } from "./word-cache.ts";

const utf8 = new TextEncoder();

export function createSentencePiece(vocabulary: Vocabulary): TextModel {
  const { tokens, types, idOf, scores } = vocabulary;
  if (!scores) throw badField("tokenizer.ggml.scores", "is missing, which SentencePiece BPE needs");
  const byteIds = byteTokens(vocabulary);
  const addsSpacePrefix = vocabulary.addSpacePrefix ?? true;
  const cache = new WordCache();
  // Where no token spans the end of a word, words cannot influence each other and can be remembered one by one.
  const wordsAreApart = !tokens.some(token => /[^▁]▁/.test(token));

  const encodeWord = (word: string): readonly number[] => {
    const ids: number[] = [];
    const pieces = mergePieces(word, (text, start, end) => {
      const id = idOf.get(text.slice(start, end));
      return id === undefined ? undefined : -scores[id]!;
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
  };
}

function byteValue(token: string): number | null {
  return /^<0x[0-9A-F]{2}>$/i.test(token) ? Number.parseInt(token.slice(3, 5), 16) : null;
}

/** The token of each byte; the unknown token where there is none. */
function byteTokens({ tokens, types, unknownId }: Vocabulary): Int32Array {
  const ids = new Int32Array(256).fill(unknownId ?? -1);
  for (let id = 0; id < tokens.length; id++) {
    const byte = types[id] === TokenType.byte ? byteValue(tokens[id]!) : null;
    if (byte !== null) ids[byte] = id;
  }
  if (ids.includes(-1)) {
    throw badField(
      "tokenizer.ggml.tokens",
      `has neither a token for byte ${ids.indexOf(-1)} nor an unknown token`,
    );
  }
  return ids;
}
