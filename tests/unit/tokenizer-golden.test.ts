/** Ids against outside implementations, llama.cpp and Hugging Face tokenizers, and against BPE as it is defined. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createTokenizer } from "../../src/tokenizer/index.ts";
import {
  builtinModel,
  createRandom,
  noSharedGolden,
  ownGolden,
  readJson,
  readMetadata,
  sharedGolden,
  why,
} from "./support/tokenizer-files.ts";

interface Case {
  text: string;
  ids: number[];
}

const metadata = await readMetadata(builtinModel);
const tokenizer = createTokenizer(metadata);

describe("SmolLM2's tokenizer, out of the built-in model", () => {
  const { cases, special } = ownGolden("tokenizer.json") as {
    cases: Case[];
    special: (Case & { ids_not_parsed: number[] })[];
  };

  test("encodes and decodes all 250 texts as llama.cpp does", () => {
    expect(cases).toHaveLength(250);
    for (const { text, ids } of cases) {
      expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(ids);
      expect(tokenizer.decode(ids)).toBe(text);
    }
  });

  test("encodes all 60 texts with control tokens, parsed and not", () => {
    expect(special).toHaveLength(60);
    for (const { text, ids, ids_not_parsed } of special) {
      expect(tokenizer.encode(text, { parseSpecial: true }), JSON.stringify(text)).toEqual(ids);
      expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(ids_not_parsed);
      expect(tokenizer.decode(ids)).toBe(text);
    }
  });

  test("agrees with plain byte-level BPE on 2,000 random texts", () => {
    const judge = plainByteBpe(
      metadata["tokenizer.ggml.tokens"] as string[],
      metadata["tokenizer.ggml.merges"] as string[],
    );
    const random = createRandom(1);
    const alphabets = [
      "abcdeABC .,'\n",
      "the and ing er 0123456789",
      "äöüßéñ –—“”…",
      "日本語漢字かな한국어",
      "😀👩‍👧🏳️‍🌈́",
      "\t\r\n    ",
    ];
    for (let i = 0; i < 2000; i++) {
      let text = "";
      for (let n = random(40); n >= 0; n--) {
        const alphabet = [...alphabets[random(alphabets.length)]!];
        text += alphabet[random(alphabet.length)];
      }
      expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(judge(text));
    }
  });
});

describe.skipIf(noSharedGolden)(`real vocabularies equal llama.cpp${why}`, () => {
  test.each(["gpt-2", "llama-bpe", "qwen2", "starcoder", "phi-3", "bert-bge"])("%s", async name => {
    const golden = readJson(join(sharedGolden, `vocab/${name}.json`)) as {
      file: string;
      plain: Case[];
      add_special: Case[];
      parse_special: Case[];
    };
    const real = createTokenizer(await readMetadata(join(sharedGolden, "vocab", golden.file)));
    expect(golden.plain.length).toBeGreaterThan(200);
    for (const { text, ids } of golden.plain) {
      expect(real.encode(text), JSON.stringify(text)).toEqual(ids);
      // SentencePiece cannot tell a ▁ in the text from a space.
      const known = name === "phi-3" ? text.replaceAll("▁", " ") : text;
      // WordPiece keeps neither case nor accents nor white space.
      if (name !== "bert-bge") expect(real.decode(ids), JSON.stringify(text)).toBe(known);
    }
    for (const { text, ids } of golden.add_special) {
      expect(real.encode(text, { addSpecial: true }), JSON.stringify(text)).toEqual(ids);
    }
    for (const { text, ids } of golden.parse_special) {
      expect(real.encode(text, { parseSpecial: true }), JSON.stringify(text)).toEqual(ids);
    }
  });

  const architectures = ["arch", "arch2"].flatMap(set =>
    noSharedGolden
      ? []
      : readdirSync(join(sharedGolden, set), { withFileTypes: true })
          .filter(entry => entry.isDirectory())
          .map(({ name }) => `${set}/${name}`),
  );
  test.each(architectures)("tiny %s", async name => {
    const golden = readJson(join(sharedGolden, `${name}/case.json`)) as {
      tokenizer_cases: (Case & { ids_special: number[] })[];
    };
    const tiny = createTokenizer(await readMetadata(join(sharedGolden, `${name}/model.gguf`)));
    for (const { text, ids, ids_special } of golden.tokenizer_cases) {
      expect(tiny.encode(text), JSON.stringify(text)).toEqual(ids);
      expect(tiny.encode(text, { addSpecial: true, parseSpecial: true }), JSON.stringify(text)).toEqual(
        ids_special,
      );
    }
  });
});

/** SmolLM2's tokenizer as it is defined, slow and obvious: join the first pair of the lowest rank until none is left. */
function plainByteBpe(tokens: readonly string[], merges: readonly string[]): (text: string) => number[] {
  const idOf = new Map(tokens.map((token, id) => [token, id]));
  const rankOf = new Map(merges.map((merge, rank) => [merge, rank]));
  const printable = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  const others = Array.from({ length: 256 }, (_, byte) => byte).filter(byte => !printable(byte));
  const charOf = (byte: number) => String.fromCharCode(printable(byte) ? byte : 256 + others.indexOf(byte));
  const gpt2 =
    /'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?[^\p{White_Space}\p{L}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

  const encodeWord = (word: string): number[] => {
    const pieces = Array.from(Buffer.from(word), charOf);
    for (;;) {
      const ranks = pieces.slice(1).map((right, i) => rankOf.get(`${pieces[i]} ${right}`) ?? Infinity);
      const first = Math.min(...ranks);
      if (first === Infinity) return pieces.map(piece => idOf.get(piece)!);
      const at = ranks.indexOf(first);
      pieces.splice(at, 2, pieces[at]! + pieces[at + 1]!);
    }
  };
  return text =>
    text
      .split(/(\p{N})/u)
      .flatMap(part => (/^\p{N}$/u.test(part) ? [part] : (part.match(gpt2) ?? [])))
      .flatMap(encodeWord);
}
