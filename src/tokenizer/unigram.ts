/**
 * SentencePiece unigram (`tokenizer.ggml.model` = `t5`: T5, XLM-RoBERTa and their kin): of all ways to cut the text into
 * tokens, the one with the greatest sum of scores.
 */
import { byteValue } from "./byte-tokens.ts";
import { createCharsmap } from "./charsmap.ts";
import type { TextModel } from "./text-model.ts";
import { badField, MAX_SOUGHT, TokenType, type Vocabulary } from "./vocabulary.ts";
import { WordCache } from "./word-cache.ts";

const utf8 = new TextEncoder();
/** How much worse than the worst token a character is that no token has. */
const unknownPenalty = 10;

export function createUnigram(vocabulary: Vocabulary): TextModel {
  const { tokens, types, idOf, scores, unknownId } = vocabulary;
  if (unknownId === null)
    throw badField("tokenizer.ggml.unknown_token_id", "is missing, which unigram needs");
  const spaceFirst = vocabulary.addSpacePrefix ?? false;
  const oneSpace = vocabulary.removeExtraWhitespaces;
  const matchable = new Uint8Array(tokens.length);
  let worst = Number.POSITIVE_INFINITY;
  /** Length of the longest token by its first code unit. */
  const longest = new Map<number, number>();
  let wordsAreApart = true;
  for (let id = 0; id < tokens.length; id++) {
    const token = tokens[id]!;
    const type = types[id];
    if (type === TokenType.normal) worst = Math.min(worst, scores[id]!);
    if (type !== TokenType.normal && type !== TokenType.userDefined && type !== TokenType.unused) continue;
    matchable[id] = 1;
    const first = token.charCodeAt(0);
    longest.set(first, Math.max(longest.get(first) ?? 0, Math.min(token.length, MAX_SOUGHT)));
    // with an infinite score one word decides for all
    if (wordsAreApart && (/[^▁]▁/.test(token) || !Number.isFinite(scores[id]))) wordsAreApart = false;
  }
  const scoreOf = (id: number): number => (types[id] === TokenType.userDefined ? 0 : scores[id]!);
  const unknownScore = worst - unknownPenalty;
  const userDefined = tokens.filter((_, id) => types[id] === TokenType.userDefined);
  const normalize = createCharsmap(vocabulary.charsmap, userDefined);

  /** Viterbi: the best way to reach each place, from the left. */
  const encodeWord = (word: string): readonly number[] => {
    const best = new Float64Array(word.length + 1).fill(-Number.MAX_VALUE);
    const from = new Int32Array(word.length + 1);
    const by = new Int32Array(word.length + 1).fill(unknownId);
    best[0] = 0;
    for (let start = 0; start < word.length; ) {
      const step = word.codePointAt(start)! > 0xffff ? 2 : 1;
      const reach = Math.min(word.length, start + (longest.get(word.charCodeAt(start)) ?? 0));
      let single = false;
      const offer = (end: number, id: number, score: number): void => {
        if (best[start]! + score <= best[end]!) return;
        best[end] = best[start]! + score;
        from[end] = start;
        by[end] = id;
      };
      for (let end = start + step; end <= reach; end++) {
        const id = idOf.get(word.slice(start, end));
        if (id === undefined || matchable[id] === 0) continue;
        if (end === start + step) single = true;
        offer(end, id, scoreOf(id));
      }
      if (!single) offer(start + step, unknownId, unknownScore);
      start += step;
    }
    const ids: number[] = [];
    for (let end = word.length; end > 0; end = from[end]!) {
      // a run of unknown characters is one unknown token
      if (by[end] !== unknownId || ids.at(-1) !== unknownId) ids.push(by[end]!);
    }
    return ids.reverse();
  };

  const cache = new WordCache();
  return {
    encode(text, _atStart, ids) {
      const spelled = spellSpaces(normalize(text), spaceFirst, oneSpace);
      const words = wordsAreApart ? (spelled.match(/▁+[^▁]*|[^▁]+/g) ?? []) : [spelled];
      let afterUnknown = false;
      for (const word of words) {
        for (const id of word === "" ? [] : cache.get(word, encodeWord)) {
          if (id !== unknownId || !afterUnknown) ids.push(id);
          afterUnknown = id === unknownId;
        }
      }
    },
    bytesOf(id) {
      const token = tokens[id]!;
      if (types[id] === TokenType.byte) return Uint8Array.of(byteValue(token) ?? 0);
      return utf8.encode(types[id] === TokenType.normal ? token.replaceAll("▁", " ") : token);
    },
    addsSpacePrefix: spaceFirst || oneSpace,
    addsBos: false,
    addsEos: true,
  };
}

/** Spaces as `▁`: one before each word with `oneSpace`, else as they are, with one before the first word if `first`. */
function spellSpaces(text: string, first: boolean, oneSpace: boolean): string {
  if (oneSpace) return text.replace(/ *([^ ]+) */g, "▁$1").replace(/^ +$/, "");
  return (first ? text.replace(/[^ ]/u, " $&") : text).replaceAll(" ", "▁");
}
