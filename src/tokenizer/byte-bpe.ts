/** Byte-level BPE (`tokenizer.ggml.model` = `gpt2`): words by pattern, then merges by rank. */
import { fromByteAlphabet, toByteAlphabet } from "./byte-level.ts";
import { mergePieces } from "./merge.ts";
import { preTokenizer, splitWords } from "./pre-tokenizers.ts";
import type { TextModel } from "./text-model.ts";
import { badField, TokenType, type Vocabulary } from "./vocabulary.ts";
import { WordCache } from "./word-cache.ts";

const utf8 = new TextEncoder();

export function createByteBpe({ tokens, types, idOf, merges, pre }: Vocabulary): TextModel {
  const { patterns, wholeWordsFirst, addBos } = preTokenizer(pre);
  if (!merges) throw badField("tokenizer.ggml.merges", "is missing, which byte-level BPE needs");
  // The file's own "left right" strings are the keys: no splitting of 280,000 of them at load.
  const rankOf = new Map<string, number>();
  for (let rank = merges.length - 1; rank >= 0; rank--) rankOf.set(merges[rank]!, rank);
  const cache = new WordCache();

  const encodeWord = (word: string): readonly number[] => {
    const text = toByteAlphabet(word);
    const whole = wholeWordsFirst ? idOf.get(text) : undefined;
    if (whole !== undefined) return [whole];
    const ids: number[] = [];
    const pieces = mergePieces(text, (all, start, middle, end) =>
      rankOf.get(`${all.slice(start, middle)} ${all.slice(middle, end)}`),
    );
    for (const piece of pieces) {
      const id = idOf.get(piece);
      if (id !== undefined) ids.push(id);
      else ids.push(...bytesAsTokens(piece));
    }
    return ids;
  };

  // After a merge into something that is no token. A byte that is no token is left out, as llama.cpp and the reference
  // tokenizers do: SmolLM2's vocabulary lacks six ASCII control characters and the lead bytes F1 and F2.
  const bytesAsTokens = (piece: string): number[] => [...piece].flatMap(char => idOf.get(char) ?? []);

  return {
    encode(text, _atStart, ids) {
      for (const word of splitWords(text, patterns)) {
        for (const id of cache.get(word, encodeWord)) ids.push(id);
      }
    },
    bytesOf: id =>
      types[id] === TokenType.normal ? fromByteAlphabet(tokens[id]!) : utf8.encode(tokens[id]!),
    addsSpacePrefix: false,
    addsBos: addBos,
  };
}
