/** Vocabularies that are odd and that llama.cpp reads: the same ids and the same ends of a turn. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createTokenizer } from "../../src/tokenizer/index.ts";
import { faultBytes, parsed } from "./support/fault-files.ts";

interface Golden {
  endOfTurn: number[];
  cases: { text: string; ids: number[]; special?: number[] }[];
}

type Metadata = Record<string, unknown>;

const golden: Record<string, Golden> = JSON.parse(
  readFileSync(new URL("../golden/faults/vocabulary.json", import.meta.url), "utf8"),
);
const field = (name: string): string => `tokenizer.ggml.${name}`;
const listOf = <T>(metadata: Metadata, name: string): T[] => metadata[field(name)] as T[];

const setId = (name: string, id: number) => (metadata: Metadata) => {
  metadata[field(`${name}_token_id`)] = id;
};
const setScores = (change: (score: number, id: number) => number) => (metadata: Metadata) => {
  metadata[field("scores")] = listOf<number>(metadata, "scores").map(change);
};
const define =
  (...texts: string[]) =>
  (metadata: Metadata) => {
    const tokens = listOf<string>(metadata, "tokens");
    for (const text of texts.filter(text => !tokens.includes(text))) {
      tokens.push(text);
      listOf<number>(metadata, "token_type").push(4);
      listOf<number>(metadata, "scores").push(0);
    }
  };
const every = (n: number, value: number) => (score: number, id: number) => (id % n === 0 ? value : score);

/** Changed files, by their name in the golden data: which file, and what of it. */
const CHANGED: Record<string, [file: string, change: (metadata: Metadata) => void]> = {
  uni_minf_mix: ["uni_bf", setScores(every(3, Number.NEGATIVE_INFINITY))],
  uni_pinf_mix: ["uni_bf", setScores(every(17, Number.POSITIVE_INFINITY))],
  spm_scores_mix: [
    "spm_padding_out",
    setScores((_, id) => [Number.NEGATIVE_INFINITY, -1, -2, Number.POSITIVE_INFINITY][id % 4]!),
  ],
  bpe_ud_nested: [
    "bpe_ud",
    define("aa", "aaa", "aaaa a", "ab", "abab", "the o", "theo", "  ", "   ", "\n", "er\n", "re t"),
  ],
  uni_ud_nested: ["uni_nodummy", define("aa", "aaa", "ab", "the o", "  ", "Hello w", "ﬁ", "é")],
  uni_no_scores: ["uni_bf", metadata => delete metadata[field("scores")]],
  spm_unk_out: ["spm_padding_out", setId("unknown", 900)],
  uni_eos_unk_out: [
    "uni_nodummy",
    metadata => {
      setId("eos", 7000)(metadata);
      setId("unknown", 7000)(metadata);
    },
  ],
  bpe_im_end_normal: [
    "start-of-turn-typed-normal",
    metadata => {
      const tokens = listOf<string>(metadata, "tokens");
      [tokens[256], tokens[257]] = ["<|im_end|>", "<|eot_id|>"];
    },
  ],
};

describe("as llama.cpp reads it:", () => {
  test.each(Object.keys(golden))("%s", async name => {
    const [file, change] = CHANGED[name] ?? [name, () => {}];
    const { metadata } = await parsed(faultBytes(file));
    change(metadata);
    const tokenizer = createTokenizer(metadata);
    const { endOfTurn, cases } = golden[name]!;
    expect(cases.length).toBeGreaterThan(40);
    expect([...tokenizer.endOfTurnIds].sort((a, b) => a - b)).toEqual(endOfTurn);
    for (const { text, ids, special = ids } of cases) {
      expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(ids);
      expect(tokenizer.encode(text, { parseSpecial: true }), JSON.stringify(text)).toEqual(special);
    }
  });

  test("an id outside of the vocabulary is ignored, the kind's own taken, and a warning says so", async () => {
    const { metadata } = await parsed(faultBytes("spm_eos_out"));
    const { eosId, warnings } = createTokenizer(metadata);
    expect(eosId).toBe(2);
    expect(warnings).toEqual([
      expect.stringMatching(/eos_token_id is 300, outside its vocabulary of 271 tokens/),
    ]);
    const padding = createTokenizer((await parsed(faultBytes("spm_padding_out"))).metadata);
    expect(padding.paddingId).toBeNull();
    expect(padding.warnings).toHaveLength(1);
  });
});

describe("data that would take gigabytes", () => {
  const within = async (seconds: number, work: () => unknown): Promise<void> => {
    const started = performance.now();
    await work();
    expect(performance.now() - started).toBeLessThan(1000 * seconds);
  };

  test("a normaliser may make text 16 times as long, not 65,000 times", async () => {
    const { metadata } = await parsed(faultBytes("charsmap-amplifies"));
    const tokenizer = createTokenizer(metadata);
    await within(1, () =>
      expect(() => tokenizer.encode("a".repeat(20_000))).toThrow(
        expect.objectContaining({ code: "bad-gguf", message: expect.stringMatching(/charsmap.*16 times/) }),
      ),
    );
  });

  test("a normaliser that is no list of bytes is named; other kinds than unigram have no use for it", async () => {
    const { metadata } = await parsed(faultBytes("charsmap-bigint"));
    expect(createTokenizer(metadata).vocabularySize).toBe(300);
    const unigram = { ...(await parsed(faultBytes("charsmap-amplifies"))).metadata };
    unigram[field("precompiled_charsmap")] = [2n ** 63n];
    expect(() => createTokenizer(unigram)).toThrow(
      expect.objectContaining({ code: "bad-gguf", message: expect.stringContaining("charsmap") }),
    );
  });

  test("a token of 4 MB is named", async () => {
    const { metadata } = await parsed(faultBytes("bpe_ud"));
    listOf<string>(metadata, "tokens")[10] = "x".repeat(4 * 1024 * 1024);
    expect(() => createTokenizer(metadata)).toThrow(
      expect.objectContaining({ code: "bad-gguf", message: expect.stringContaining("4194304 characters") }),
    );
  });

  test("control tokens that share no beginning are named where their tree would fill the memory", async () => {
    const { metadata } = await parsed(faultBytes("bpe_ud"));
    const texts = Array.from({ length: 3000 }, (_, i) => `${i}`.padStart(5, "0") + "x".repeat(240));
    define(...texts)(metadata);
    await within(2, () =>
      expect(() => createTokenizer(metadata).encode("a")).toThrow(/control and user-defined tokens/),
    );
  });

  test("tokens within tokens within tokens are found without a list of all of them", async () => {
    const { metadata } = await parsed(faultBytes("bpe_ud"));
    define(...Array.from({ length: 255 }, (_, i) => "q".repeat(i + 2)))(metadata);
    const tokenizer = createTokenizer(metadata);
    await within(2, () => {
      const ids = tokenizer.encode("q".repeat(256 * 100 + 3));
      expect(ids.filter(id => tokenizer.tokenText(id).length === 256)).toHaveLength(100);
      expect(tokenizer.decode(ids)).toBe("q".repeat(256 * 100 + 3));
    });
  });
});
