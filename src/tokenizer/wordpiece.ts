/**
 * WordPiece (`tokenizer.ggml.model` = `bert`), with llama.cpp's rules: text becomes lower case without accents, every
 * punctuation mark and Chinese character is a word, and a word is the longest tokens that make it up, from the left.
 * GGUF writes tokens that begin a word with `▁`, the others bare.
 *
 * A character counts as the first of its canonical decomposition, so Korean syllables keep their first consonant only;
 * and a word may have any length. Both are llama.cpp's, and the vocabularies are checked against it.
 */
import type { TextModel } from "./text-model.ts";
import { badField, MAX_SOUGHT, TokenType, type Vocabulary } from "./vocabulary.ts";
import { WordCache } from "./word-cache.ts";

const utf8 = new TextEncoder();
const whiteSpace = /\p{White_Space}/u;
const dropped = /[\0\uFFFD\p{Cc}\p{Cf}\p{Cs}\p{Co}]/u;
const accent = /\p{M}/u;
const ownWord =
  /[\p{P}$+<=>^`|~\u4E00-\u9FFF\u3400-\u4DBF\u{20000}-\u{2A6DF}\u{2A700}-\u{2B81F}\u{2B920}-\u{2CEAF}\uF900-\uFAFF\u{2F800}-\u{2FA1F}]/u;

export function createWordPiece(vocabulary: Vocabulary): TextModel {
  const { tokens, types, idOf, unknownId, lowercase, stripAccents } = vocabulary;
  if (unknownId === null)
    throw badField("tokenizer.ggml.unknown_token_id", "is missing, which WordPiece needs");
  const longest = Math.min(
    MAX_SOUGHT,
    tokens.reduce((most, token) => Math.max(most, token.length), 0),
  );
  const normalize = createNormalizer(lowercase, stripAccents);

  const encodeWord = (word: string): readonly number[] => {
    const text = `▁${word}`;
    const ids: number[] = [];
    for (let start = 0; start < text.length; ) {
      let end = Math.min(text.length, start + longest);
      let id: number | undefined;
      for (; end > start; end--) if ((id = idOf.get(text.slice(start, end))) !== undefined) break;
      if (id === undefined) return [unknownId];
      ids.push(id);
      start = end;
    }
    return ids;
  };

  const cache = new WordCache();
  return {
    encode(text, _atStart, ids) {
      for (const word of normalize(text)) for (const id of cache.get(word, encodeWord)) ids.push(id);
    },
    bytesOf: id =>
      utf8.encode(types[id] === TokenType.normal ? tokens[id]!.replaceAll("▁", " ") : tokens[id]!),
    addsSpacePrefix: true,
    addsBos: true,
    addsEos: true,
  };
}

/** What one character becomes: nothing, the end of a word, a word, or a part of one. */
type Part = { kind: "nothing" | "space" } | { kind: "word" | "letter"; text: string };

function createNormalizer(lowercase: boolean, stripAccents: boolean): (text: string) => string[] {
  const known = new Map<string, Part>();
  const partOf = (given: string): Part => {
    const char = stripAccents ? firstOf(given.normalize("NFD")) : given;
    if (whiteSpace.test(char)) return { kind: "space" };
    if (dropped.test(char) || (stripAccents && accent.test(char))) return { kind: "nothing" };
    const text = lowercase ? firstOf(char.toLowerCase()) : char;
    return { kind: ownWord.test(char) ? "word" : "letter", text };
  };
  return text => {
    const words: string[] = [];
    let word = "";
    const finish = (): void => {
      if (word !== "") words.push(word);
      word = "";
    };
    for (const char of text) {
      let part = known.get(char);
      if (!part) known.set(char, (part = partOf(char)));
      if (part.kind === "letter") word += part.text;
      else if (part.kind !== "nothing") {
        finish();
        if (part.kind === "word") words.push(part.text);
      }
    }
    finish();
    return words;
  };
}

const firstOf = (text: string): string => String.fromCodePoint(text.codePointAt(0)!);
