// A tokenizer of the right kind and size for a model without a real vocabulary. It is valid and complete: every byte has
// a token, so any text can be tokenised; the other tokens are made-up words.

/** GPT-2's printable stand-in of each byte, in byte order. */
function byteCharacters() {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable =
      (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
    return String.fromCodePoint(printable ? byte : next++);
  });
}

/**
 * Different words for different numbers: digits to the base 20, as consonants with an "a" behind each.
 * @param {number} index
 */
function word(index) {
  const letters = "bcdfghjklmnpqrstvwxz";
  let text = "";
  for (let rest = index; ; rest = Math.floor(rest / 20) - 1) {
    text = `${letters[rest % 20]}a${text}`;
    if (rest < 20) return text;
  }
}

/** ggml's token types. */
const TOKEN = { normal: 1, unknown: 2, control: 3, byte: 6 };

/** The merges of the byte-level vocabulary, each of two tokens that exist. */
const MERGES = ["Ġ t", "h e", "Ġt he", "i n", "e r", "a n", "an d", "Ġ and"];

/**
 * `tokenizer.*` entries of a GGUF header.
 * @param {{ architecture: string, vocabulary: number, preTokenizer: string, controls: readonly string[] }} shape
 * @returns {[string, import("./header.mjs").Value][]}
 */
export function tokenizerEntries({ architecture, vocabulary, preTokenizer, controls }) {
  const { tokens, types, scores } =
    architecture === "gemma3" ? sentencePieces(vocabulary, controls) : byteLevel(vocabulary, controls);
  /** @param {string | undefined} token */
  const id = token => tokens.indexOf(String(token));
  return [
    ["tokenizer.ggml.model", { string: scores ? "llama" : "gpt2" }],
    ["tokenizer.ggml.pre", { string: preTokenizer }],
    ["tokenizer.ggml.tokens", { strings: tokens }],
    ...(scores
      ? /** @type {[string, import("./header.mjs").Value][]} */ ([
          ["tokenizer.ggml.scores", { f32s: scores }],
        ])
      : []),
    ["tokenizer.ggml.token_type", { i32s: types }],
    ...(scores
      ? []
      : /** @type {[string, import("./header.mjs").Value][]} */ ([
          ["tokenizer.ggml.merges", { strings: MERGES }],
        ])),
    ["tokenizer.ggml.bos_token_id", { u32: id(controls[0]) }],
    ["tokenizer.ggml.eos_token_id", { u32: id(controls[1]) }],
    ["tokenizer.ggml.add_bos_token", { bool: scores !== undefined || preTokenizer === "llama-bpe" }],
    ["tokenizer.ggml.add_space_prefix", { bool: false }],
  ];
}

/**
 * Bytes, the results of the merges, words, control tokens last.
 * @param {number} size
 * @param {readonly string[]} controls
 * @returns {{ tokens: string[], types: number[], scores?: undefined }}
 */
function byteLevel(size, controls) {
  const tokens = [...byteCharacters(), ...MERGES.map(merge => merge.replace(" ", ""))];
  // three letters at least in a made-up word: none is a byte or a merge
  for (let i = 20; tokens.length < size - controls.length; i++) tokens.push(`Ġ${word(i)}`);
  tokens.push(...controls);
  const types = tokens.map((_, index) => (index < size - controls.length ? TOKEN.normal : TOKEN.control));
  return { tokens, types };
}

/**
 * Control tokens, the unknown one, bytes, words with falling scores.
 * @param {number} size
 * @param {readonly string[]} controls
 * @returns {{ tokens: string[], types: number[], scores: number[] }}
 */
function sentencePieces(size, controls) {
  const tokens = [...controls, "<unk>"];
  const types = [...controls.map(() => TOKEN.control), TOKEN.unknown];
  for (let byte = 0; byte < 256; byte++) {
    tokens.push(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
    types.push(TOKEN.byte);
  }
  const first = tokens.length;
  tokens.push("▁"); // a space before what is no word
  types.push(TOKEN.normal);
  for (let i = 0; tokens.length < size; i++) {
    tokens.push(`▁${word(i)}`);
    types.push(TOKEN.normal);
  }
  return { tokens, types, scores: tokens.map((_, index) => (index < first ? 0 : first - index)) };
}
