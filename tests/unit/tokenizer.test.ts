import { beforeAll, describe, expect, test } from "vitest";
import { createTokenizer, type Tokenizer } from "../../src/tokenizer/index.ts";
import {
  builtinModel,
  byteLevel,
  createRandom,
  readMetadata,
  sentencePiece,
  type TokenSpec,
  types,
} from "./support/tokenizer-files.ts";

const letters: TokenSpec[] = [..."abcdefgh.Ġ"].map(letter => [letter]);

describe("byte-level BPE", () => {
  const specs: TokenSpec[] = [
    ...letters,
    ["ab"],
    ["cd"],
    ["abcd"],
    ["<|im_end|>", types.control],
    ["<x>", types.userDefined],
  ];
  const bpe = createTokenizer(
    byteLevel(specs, ["a b", "c d", "ab cd"], {
      "tokenizer.ggml.eos_token_id": 13,
      "tokenizer.ggml.add_eos_token": true,
    }),
  );

  test("merges by rank, then from the left", () => {
    expect(bpe.encode("abcd ab")).toEqual([12, 9, 10]);
    expect(bpe.encode("cab")).toEqual([2, 10]);
  });

  test("falls back to single bytes where a merge leads to no token, and leaves out bytes that are none", () => {
    const odd = createTokenizer(byteLevel(letters, ["a b"]));
    expect(odd.encode("ab")).toEqual([0, 1]);
    expect(odd.encode("azb")).toEqual([0, 1]);
  });

  test("finds user-defined tokens always and control tokens only when asked", () => {
    expect(bpe.encode("a<x>b<|im_end|>")).not.toContain(13);
    expect(bpe.encode("a<x>b")).toEqual([0, 14, 1]);
    expect(bpe.encode("a<x>b<|im_end|>", { parseSpecial: true })).toEqual([0, 14, 1, 13]);
  });

  test("adds the end-of-text token where the file asks for it", () => {
    expect(bpe.encode("a", { addSpecial: true })).toEqual([0, 13]);
    expect(bpe.encode("", { addSpecial: true })).toEqual([13]);
  });

  test("takes a whole word that is a token first, where the pre-tokenizer is Llama 3's", () => {
    const specsWithWord: TokenSpec[] = [...specs, ["abc"]];
    const llama3 = createTokenizer(
      byteLevel(specsWithWord, ["a b", "c d", "ab cd"], { "tokenizer.ggml.pre": "llama-bpe" }),
    );
    expect(llama3.encode("abc")).toEqual([15]);
    expect(createTokenizer(byteLevel(specsWithWord, ["a b"])).encode("abc")).toEqual([10, 2]);
  });

  test("decodes control tokens by name, or leaves them out", () => {
    expect(bpe.decode([0, 13, 14, 9, 1])).toBe("a<|im_end|><x> b");
    expect(bpe.decode([0, 13, 14, 9, 1], { skipSpecial: true })).toBe("a<x> b");
  });

  test("knows the tokens that end a turn by id and by name", () => {
    expect([...bpe.endOfTurnIds]).toEqual([13]);
    const named = createTokenizer(
      byteLevel([["a"], ["<|eot_id|>"], ["stop"], ["end"]], [], {
        "tokenizer.ggml.eot_token_id": 2,
        "tokenizer.ggml.eom_token_id": 3,
      }),
    );
    expect([...named.endOfTurnIds].sort()).toEqual([1, 2, 3]);
    expect(named.eotIds).toEqual([2, 3]);
    // Typed as normal by the file, yet no user text may turn into it.
    expect(named.isControl(1)).toBe(true);
  });

  test("does not end a harmony turn at <|end|>, which closes one message", () => {
    const harmony = createTokenizer(byteLevel([["<|return|>"], ["<|call|>"], ["<|end|>"]], []));
    expect([...harmony.endOfTurnIds]).toEqual([0, 1]);
  });

  test("prefers the longer of two overlapping special tokens, then the earlier", () => {
    const overlap = createTokenizer(
      byteLevel(
        [...letters, ["ab", types.userDefined], ["bcd", types.userDefined], ["ba", types.userDefined]],
        [],
      ),
    );
    expect(overlap.encode("abcd")).toEqual([0, 11]);
    expect(overlap.encode("bab")).toEqual([1, 10]);
    expect(overlap.encode("abab")).toEqual([10, 10]);
  });
});

describe("SentencePiece BPE", () => {
  const specs: TokenSpec[] = [
    ["▁", 1, -10], // 259
    ["a", 1, -10], // 260
    ["b", 1, -10], // 261
    ["▁a", 1, -3], // 262
    ["ab", 1, -2], // 263
    ["▁ab", 1, -1], // 264
    ["bb", 1, -2], // 265
    ["  ", types.userDefined], // 266
  ];
  const piece = createTokenizer(sentencePiece(specs));

  test("joins by score, then from the left, with a space before the text", () => {
    expect(piece.encode("ab")).toEqual([264]);
    expect(piece.encode("b")).toEqual([259, 261]);
    expect(piece.encode("bbb", {})).toEqual([259, 265, 261]);
    expect(piece.encode("abb")).toEqual([264, 261]);
  });

  test("puts the space also after each special token, and the beginning of text first", () => {
    expect(piece.encode("ab</s>ab", { addSpecial: true, parseSpecial: true })).toEqual([1, 264, 2, 264]);
  });

  test("adds no space where the file says so", () => {
    const bare = createTokenizer(sentencePiece(specs, { "tokenizer.ggml.add_space_prefix": false }));
    expect(bare.encode("ab")).toEqual([263]);
    expect(bare.decode([264])).toBe(" ab");
  });

  test("writes characters that are no token as bytes, and reads them back", () => {
    const ids = piece.encode("é");
    expect(ids).toEqual([259, 3 + 0xc3, 3 + 0xa9]);
    expect(piece.decode(ids)).toBe("é");
  });

  test("keeps user-defined runs of spaces whole", () => {
    expect(piece.encode("a  b")).toEqual([262, 266, 259, 261]);
    expect(piece.decode([262, 266, 261])).toBe("a  b");
  });

  test("takes the first space away when decoding, after control tokens too, and no other", () => {
    expect(piece.decode([264, 264])).toBe("ab ab");
    expect(piece.decode([1, 264], { skipSpecial: true })).toBe("ab");
    expect(piece.decode([259, 264])).toBe(" ab");
  });

  test("gives the same ids where a token spans words, which rules the word cache out", () => {
    const spanning = createTokenizer(sentencePiece([...specs, ["b▁a", 1, -0.5]]));
    expect(spanning.encode("b a")).toEqual([259, 267]);
  });

  test("strips white space after Phi-3's control tokens, as its own tokenizer does", () => {
    const phi = createTokenizer(sentencePiece(specs, { "general.name": "Phi-3 mini" }));
    expect(phi.encode("</s>\n ab", { parseSpecial: true })).toEqual([2, 264]);
    expect(phi.encode("<s> ab", { parseSpecial: true })).toEqual([1, 259, 264]);
  });
});

describe("files that cannot be used", () => {
  const good = byteLevel(letters, []);
  const named = (code: string, words: RegExp) =>
    expect.objectContaining({ code, message: expect.stringMatching(words) });
  const creating = (change: Record<string, unknown>) => {
    try {
      createTokenizer({ ...good, ...change });
    } catch (error) {
      return error;
    }
    return null;
  };

  test("an unknown kind or pre-tokenizer is named, with those that are supported", () => {
    for (const kind of ["rwkv", "plamo2", "none"]) {
      expect(creating({ "tokenizer.ggml.model": kind })).toEqual(
        named("tokenizer", new RegExp(`"${kind}".*gpt2, gemma4, llama, t5, bert`, "s")),
      );
    }
    expect(creating({ "tokenizer.ggml.model": "toString" })).toEqual(named("tokenizer", /"toString"/));
    expect(creating({ "tokenizer.ggml.pre": "tomorrow" })).toEqual(named("tokenizer", /"tomorrow".*smollm/s));
  });

  test.each([
    ["tokenizer.ggml.model", undefined, /missing/],
    ["tokenizer.ggml.tokens", [], /empty/],
    ["tokenizer.ggml.tokens", ["a", 1], /number 1 at 1/],
    ["tokenizer.ggml.token_type", [1], /1 entries for 10 tokens/],
    ["tokenizer.ggml.merges", undefined, /missing/],
    ["tokenizer.ggml.bos_token_id", "1", /string 1/],
  ])("%s = %j is a named error", (key, value, words) => {
    expect(creating({ [key]: value })).toEqual(named("bad-gguf", new RegExp(`${key}.*${words.source}`, "s")));
  });

  test("ids outside the vocabulary are refused", () => {
    const small = createTokenizer(good);
    for (const id of [-1, 10, 0.5, Number.NaN]) {
      expect(() => small.decode([id])).toThrow(expect.objectContaining({ code: "token-id" }));
      expect(() => small.bytesOf(id)).toThrow(/0 to 9/);
    }
  });
});

describe("the built-in model's vocabulary", () => {
  let tokenizer: Tokenizer;
  let metadata: Record<string, unknown>;
  beforeAll(async () => {
    metadata = await readMetadata(builtinModel);
    tokenizer = createTokenizer(metadata);
  });

  test("ends turns at <|im_end|> and <|endoftext|>, and adds nothing", () => {
    expect(tokenizer).toMatchObject({
      bosId: 1,
      eosId: 2,
      vocabularySize: 49152,
      addsBos: false,
      addsEos: false,
    });
    expect([...tokenizer.endOfTurnIds].map(tokenizer.tokenText).sort()).toEqual([
      "<|endoftext|>",
      "<|im_end|>",
    ]);
  });

  test("gives back any text, but for the six control characters that the vocabulary lacks", () => {
    const missing = [4, 6, 0x13, 0x14, 0x16, 0x1d];
    expect(tokenizer.encode(String.fromCharCode(...missing))).toEqual([]);
    const random = createRandom(7);
    for (let i = 0; i < 2000; i++) {
      const points = Array.from({ length: random(30) }, () => {
        const code = random([128, 0x250, 0x3100, 0x10000, 0x1fb00][random(5)]!);
        return (code >= 0xd800 && code < 0xe000) || missing.includes(code) ? 32 : code;
      });
      const text = String.fromCodePoint(...points);
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
      expect(tokenizer.decode(tokenizer.encode(text, { parseSpecial: true }))).toBe(text);
    }
  });

  test("a lone surrogate is encoded as U+FFFD", () => {
    expect(tokenizer.decode(tokenizer.encode("a\ud800b"))).toBe("a\ufffdb");
  });

  test("reads a control token's name as text unless asked", () => {
    expect(tokenizer.encode("<|im_end|>")).not.toContain(2);
    expect(tokenizer.encode("<|im_end|>", { parseSpecial: true })).toEqual([2]);
  });

  // Measured: 0.06 s, 1.1 s (unrelated words; 0.22 s for English), 1.0 s. The limits only catch a change of kind.
  // Processor time, because tests run beside each other: the clock on the wall showed up to six times as much.
  test("builds in a moment, and encodes 100,000 tokens and one word of 200,000 letters in about a second", () => {
    const timed = (work: () => number): number => {
      const started = process.cpuUsage();
      expect(work()).toBeGreaterThan(0);
      return process.cpuUsage(started).user / 1000;
    };
    expect(timed(() => createTokenizer(metadata).vocabularySize)).toBeLessThan(1000);
    const words = Array.from({ length: 100_000 }, (_, i) => tokenizer.decode([1000 + ((i * 7919) % 40_000)]));
    expect(timed(() => tokenizer.encode(words.join("")).length)).toBeLessThan(3000);
    expect(timed(() => tokenizer.encode("ab".repeat(100_000)).length)).toBeLessThan(5000);
  });
});

describe("unigram", () => {
  const specs: TokenSpec[] = [
    ["<pad>", types.control],
    ["</s>", types.control],
    ["<unk>", types.unknown],
    ["▁", types.normal, -2],
    ["a", types.normal, -3],
    ["b", types.normal, -3],
    ["ab", types.normal, -4],
    ["▁ab", types.normal, -5.5],
    ["<x>", types.userDefined],
  ];
  const unigram = createTokenizer({
    ...byteLevel(specs, []),
    "tokenizer.ggml.model": "t5",
    "tokenizer.ggml.add_space_prefix": true,
    "tokenizer.ggml.remove_extra_whitespaces": true,
  });

  test("takes the pieces of the greatest sum, one space before each word, and the end of text", () => {
    expect(unigram.encode("  ab   ab ")).toEqual([7, 7]);
    expect(unigram.encode("aab", { addSpecial: true })).toEqual([3, 4, 6, 1]);
    expect(unigram.encode("")).toEqual([]);
    expect(unigram.decode([7, 7])).toBe("ab ab");
  });

  test("makes a run of characters that no token has one unknown token", () => {
    expect(unigram.encode("aéü😀b")).toEqual([3, 4, 2, 5]);
    expect(unigram.encode("a<x>b")).toEqual([3, 4, 8, 3, 5]);
  });
});

describe("WordPiece", () => {
  const specs: TokenSpec[] = [
    ["[PAD]", types.control],
    ["[UNK]", types.unknown],
    ["[CLS]", types.control],
    ["[SEP]", types.control],
    ["▁cafe"],
    ["▁ca"],
    ["fes"],
    ["▁,"],
    ["▁中"],
  ];
  const bert = (more: Record<string, unknown> = {}) =>
    createTokenizer({
      ...byteLevel(specs, []),
      "tokenizer.ggml.model": "bert",
      "tokenizer.ggml.unknown_token_id": 1,
      "tokenizer.ggml.bos_token_id": 2,
      "tokenizer.ggml.seperator_token_id": 3,
      ...more,
    });

  test("lowers case, drops accents, and stands between [CLS] and [SEP]", () => {
    expect(bert().encode("CAFÉ,中中 x", { addSpecial: true })).toEqual([2, 4, 7, 8, 8, 1, 3]);
  });

  test("takes the longest token first and gives a word up that it cannot finish", () => {
    expect(bert().encode("cafes")).toEqual([1]);
    expect(bert().encode("cafe ca")).toEqual([4, 5]);
  });

  test("keeps case where the file says so", () => {
    expect(bert({ "tokenizer.ggml.normalizer.lowercase": false }).encode("Cafe cafe")).toEqual([1, 4]);
  });
});

test("a file that names no pre-tokenizer says so", () => {
  const unnamed = createTokenizer(byteLevel(letters, [], { "tokenizer.ggml.pre": undefined }));
  expect(unnamed.warnings).toEqual([expect.stringContaining("tokenizer.ggml.pre")]);
  expect(createTokenizer(byteLevel(letters, [])).warnings).toEqual([]);
});
