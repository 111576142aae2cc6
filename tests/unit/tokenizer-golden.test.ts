/** Ids against outside implementations: llama.cpp, Hugging Face tokenizers, and their JavaScript port. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Tokenizer as Judge } from "@huggingface/tokenizers";
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

  test("agrees with @huggingface/tokenizers on 2,000 random texts", () => {
    const tokens = metadata["tokenizer.ggml.tokens"] as string[];
    const judge = new Judge(
      {
        model: {
          type: "BPE",
          vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
          merges: metadata["tokenizer.ggml.merges"],
        },
        pre_tokenizer: {
          type: "Sequence",
          pretokenizers: [{ type: "Digits", individual_digits: true }, { type: "ByteLevel" }],
        },
        decoder: { type: "ByteLevel" },
        normalizer: null,
        post_processor: null,
        added_tokens: [],
      },
      {},
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
      expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(judge.encode(text).ids);
    }
  });
});

describe.skipIf(noSharedGolden)(`real vocabularies equal llama.cpp${why}`, () => {
  test.each(["gpt-2", "llama-bpe", "qwen2", "starcoder", "phi-3"])("%s", async name => {
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
      expect(real.decode(ids), JSON.stringify(text)).toBe(known);
    }
    for (const { text, ids } of golden.add_special) {
      expect(real.encode(text, { addSpecial: true }), JSON.stringify(text)).toEqual(ids);
    }
    for (const { text, ids } of golden.parse_special) {
      expect(real.encode(text, { parseSpecial: true }), JSON.stringify(text)).toEqual(ids);
    }
  });

  const architectures = noSharedGolden ? [] : readdirSync(join(sharedGolden, "arch"));
  // WordPiece comes with the embedding models.
  test.each(architectures.filter(name => !name.includes("bert")))("tiny %s", async name => {
    const golden = readJson(join(sharedGolden, `arch/${name}/case.json`)) as {
      tokenizer_cases: (Case & { ids_special: number[] })[];
    };
    const tiny = createTokenizer(await readMetadata(join(sharedGolden, `arch/${name}/model.gguf`)));
    for (const { text, ids, ids_special } of golden.tokenizer_cases) {
      expect(tiny.encode(text), JSON.stringify(text)).toEqual(ids);
      expect(tiny.encode(text, { addSpecial: true, parseSpecial: true }), JSON.stringify(text)).toEqual(
        ids_special,
      );
    }
  });
});
