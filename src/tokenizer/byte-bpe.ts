/**
 * BPE by ranked merges (`tokenizer.ggml.model` = `gpt2`, `gemma4`): text is cut into words, each word into characters,
 * and neighbours are joined in the order of the file's list of merges. `gpt2` spells words in the alphabet of bytes;
 * `gemma4`, and a few names of pre-tokenizers, as they are with `▁` for a space and byte tokens for what is no token.
 */
import { fromAlphabet, toAlphabet } from "./byte-alphabet.ts";
import { byteTokenIds, byteValue } from "./byte-tokens.ts";
import { mergePieces } from "./merge.ts";
import { preTokenizer } from "./pre-tokenizers.ts";
import type { TextModel } from "./text-model.ts";
import { badField, TokenType, type Vocabulary } from "./vocabulary.ts";
import { WordCache } from "./word-cache.ts";

const utf8 = new TextEncoder();

export function createByteBpe(vocabulary: Vocabulary): TextModel {
  const { tokens, types, idOf, model, pre } = vocabulary;
  const { cuts, wholeWordsFirst, wholeNewlines, addBos, raw } = preTokenizer(
    model === "gemma4" ? "gemma4" : pre,
  );
  const merge = mergesOf(vocabulary);
  const byteIds = raw ? byteTokenIds(idOf, -1) : undefined;

  /** A piece that is no token, after a merge into something that is none. A byte that is no token is left out, as
   * llama.cpp and the reference tokenizers do: SmolLM2 lacks six ASCII control characters and the lead bytes F1, F2. */
  const appendBytes = (piece: string, ids: number[]): void => {
    const found = byteIds
      ? Array.from(utf8.encode(piece), byte => byteIds[byte]!)
      : Array.from(piece, char => idOf.get(char) ?? -1);
    for (const id of found) if (id >= 0) ids.push(id);
  };

  const encodeWord = (word: string): readonly number[] => {
    const text = raw ? word : toAlphabet(word);
    const whole = idOf.get(text);
    if (whole !== undefined && (wholeWordsFirst || (wholeNewlines && text[0] === "\n"))) return [whole];
    const ids: number[] = [];
    for (const piece of mergePieces(text, merge)) {
      const id = idOf.get(piece);
      if (id === undefined) appendBytes(piece, ids);
      else ids.push(id);
    }
    return ids;
  };

  const cache = new WordCache();
  return {
    encode(text, _atStart, ids) {
      let words = [raw ? text.replaceAll(" ", "▁") : text];
      for (const cut of cuts) words = words.flatMap(cut);
      for (const word of words) {
        for (const id of cache.get(word, encodeWord)) ids.push(id);
      }
    },
    bytesOf(id) {
      const token = tokens[id]!;
      if (types[id] === TokenType.byte) return Uint8Array.of(byteValue(token) ?? 0);
      if (types[id] !== TokenType.normal) return utf8.encode(token);
      return raw ? utf8.encode(token.replaceAll("▁", " ")) : fromAlphabet(token);
    },
    addsSpacePrefix: false,
    addsBos: addBos,
    addsEos: false,
  };
}

/** The order of joins: the place of `"left right"` in the file's list, the first one where it has it twice. */
function mergesOf({ merges, pre }: Vocabulary) {
  // Kimi-K2 has none: its words are tokens or single bytes.
  if (!merges && pre !== "kimi-k2")
    throw badField("tokenizer.ggml.merges", "is missing, which byte-level BPE needs");
  let rankOf: Map<string, number> | undefined; // made at the first word: a load that only reads the header needs none
  const ranks = (): Map<string, number> => {
    rankOf = new Map();
    for (let rank = (merges?.length ?? 0) - 1; rank >= 0; rank--) rankOf.set(merges![rank]!, rank);
    return rankOf;
  };
  return (text: string, start: number, middle: number, end: number): number | undefined =>
    (rankOf ?? ranks()).get(`${text.slice(start, middle)} ${text.slice(middle, end)}`);
}
