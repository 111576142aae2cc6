import { beforeAll, describe, expect, test } from "vitest";
import { createTextStream, createTokenizer, type Tokenizer } from "../../src/tokenizer/index.ts";
import {
  builtinModel,
  byteLevel,
  createRandom,
  ownGolden,
  readMetadata,
  sentencePiece,
  types,
} from "./support/tokenizer-files.ts";

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = createTokenizer(await readMetadata(builtinModel));
});

/** What has to come out, found on the whole text: the first stop string to be complete ends it. */
function naive(text: string, stops: readonly string[]): { text: string; stopped: string | null } {
  const longestFirst = [...stops].sort((a, b) => b.length - a.length);
  for (let end = 1; end <= text.length; end++) {
    const stop = longestFirst.find(candidate => text.slice(0, end).endsWith(candidate));
    if (stop !== undefined) return { text: text.slice(0, end - stop.length), stopped: stop };
  }
  return { text, stopped: null };
}

function checkAgainstNaive(with_: Tokenizer, ids: readonly number[], stop: readonly string[]): void {
  const expected = naive(with_.decode(ids, { skipSpecial: true }), stop);
  const stream = createTextStream(with_, { stop });
  const what = JSON.stringify({ ids, stop });
  const longest = Math.max(0, ...stop.map(({ length }) => length));
  let text = "";
  for (const id of ids) {
    text += stream.push(id);
    expect(expected.text.startsWith(text), what).toBe(true);
  }
  const last = stream.flush();
  // Nothing is held back that no stop string can start with: at most that, and one unfinished character.
  expect(last.length, what).toBeLessThanOrEqual(Math.max(longest, 1));
  expect(text + last, what).toBe(expected.text);
  expect(stream.stopped, what).toBe(expected.stopped);
  if (stream.stopped !== null) expect(stream.push(ids[0]!) + stream.flush(), what).toBe("");
}

describe("whole characters", () => {
  test("the 14 golden streams come out piece by piece as from the reference", () => {
    const { incremental } = ownGolden("tokenizer.json") as {
      incremental: { ids: number[]; bytes_base64: string[]; pieces: string[]; flush: string; text: string }[];
    };
    expect(incremental).toHaveLength(14);
    for (const { ids, bytes_base64, pieces, flush, text } of incremental) {
      const stream = createTextStream(tokenizer);
      expect(ids.map(id => Buffer.from(tokenizer.bytesOf(id)).toString("base64"))).toEqual(bytes_base64);
      expect(ids.map(id => stream.push(id))).toEqual(pieces);
      expect(stream.flush()).toBe(flush);
      expect(tokenizer.decode(ids)).toBe(text);
    }
  });

  test("random tokens, invalid bytes among them, give what decoding them at once gives", () => {
    const random = createRandom(3);
    for (let i = 0; i < 500; i++) {
      // The first 300 ids after the control tokens are single bytes and short pieces.
      const ids = Array.from({ length: random(40) }, () => 17 + random(random(2) ? 300 : 49_000));
      const stream = createTextStream(tokenizer);
      const pieces = ids.map(id => stream.push(id));
      expect(pieces.join("") + stream.flush()).toBe(tokenizer.decode(ids));
    }
  });

  test("control tokens add nothing and do not break a character in two", () => {
    const [first, ...rest] = tokenizer.encode("😀");
    const stream = createTextStream(tokenizer);
    expect(stream.push(first!)).toBe("");
    expect(stream.push(2)).toBe("");
    expect(rest.map(id => stream.push(id)).join("")).toBe("😀");
    expect(stream.flush()).toBe("");
  });

  test("a byte order mark is text", () => {
    const ids = tokenizer.encode("\ufeffa");
    const stream = createTextStream(tokenizer);
    expect(ids.map(id => stream.push(id)).join("") + stream.flush()).toBe("\ufeffa");
  });
});

describe("the leading space of SentencePiece", () => {
  const piece = createTokenizer(sentencePiece([["▁Hi"], ["<|turn|>", types.control]]));

  test("goes at the start and after a control token, and stays after other text", () => {
    expect(createTextStream(piece).push(259)).toBe("Hi");
    expect(createTextStream(piece, { previousId: 260 }).push(259)).toBe("Hi");
    expect(createTextStream(piece, { previousId: 259 }).push(259)).toBe(" Hi");
    const stream = createTextStream(piece);
    expect([259, 260, 259].map(id => stream.push(id))).toEqual(["Hi", "", " Hi"]);
  });
});

describe("stop strings", () => {
  const small = createTokenizer(
    byteLevel(
      ["a", "b", "c", "ab", "ba", "aab", "abab", "cc", "Ã", "©", "b©", "<|im_end|>"].map(text => [text]),
      [],
    ),
  );

  test("hold back what could become one, and let it go when it does not", () => {
    const stream = createTextStream(small, { stop: ["abc"] });
    expect(stream.push(0)).toBe("");
    expect(stream.push(1)).toBe("");
    expect(stream.push(0)).toBe("ab");
    expect(stream.push(0)).toBe("a");
    expect(stream.stopped).toBe(null);
    expect(stream.flush()).toBe("a");
  });

  test("end the text before them, in mid-token too, and nothing follows", () => {
    const stream = createTextStream(small, { stop: ["ba"] });
    expect(stream.push(5)).toBe("aa");
    expect(stream.push(6)).toBe("");
    expect(stream.stopped).toBe("ba");
    expect(stream.push(2)).toBe("");
    expect(stream.flush()).toBe("");
  });

  test("the first to be complete counts, and the longest of those", () => {
    const stream = createTextStream(small, { stop: ["aabab", "ba", "aba"] });
    expect(stream.push(5) + stream.push(6)).toBe("a");
    expect(stream.stopped).toBe("aba");
  });

  test("an empty one is refused", () => {
    expect(() => createTextStream(small, { stop: ["a", ""] })).toThrow(
      expect.objectContaining({ code: "option", message: expect.stringMatching(/Stop string 1 is empty/) }),
    );
  });

  test("equal a search through the whole text: dense, overlapping, 5,000 random streams", () => {
    const random = createRandom(5);
    for (let i = 0; i < 5000; i++) {
      const ids = Array.from({ length: 1 + random(12) }, () => random(12));
      const stop = Array.from({ length: random(4) }, () =>
        Array.from({ length: 1 + random(5) }, () => "aabbcé"[random(6)]).join(""),
      );
      checkAgainstNaive(small, ids, stop);
    }
  });

  test("equal a search through the whole text: real tokens, stop strings taken from the text", () => {
    const random = createRandom(11);
    for (let i = 0; i < 1000; i++) {
      const ids = Array.from({ length: 1 + random(20) }, () => random(random(2) ? 300 : 49_152));
      const text = tokenizer.decode(ids, { skipSpecial: true });
      const stop = Array.from({ length: random(3) }, () => {
        const from = random(text.length);
        const cut = text.slice(from, from + 1 + random(8));
        return random(2) ? cut : `${cut}x`;
      }).filter(cut => cut !== "");
      checkAgainstNaive(tokenizer, ids, stop);
    }
  });
});
