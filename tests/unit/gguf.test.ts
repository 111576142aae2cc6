import { describe, expect, test } from "vitest";
import { IntabError } from "../../src/errors.ts";
import { getArray, getNumber, getString } from "../../src/gguf/fields.ts";
import { type GgufFile, parseGguf } from "../../src/gguf/gguf.ts";
import {
  MAX_ARRAY_ELEMENTS,
  MAX_METADATA_ENTRIES,
  MAX_STRING_BYTES,
  MAX_TENSORS,
} from "../../src/gguf/limits.ts";
import { checkSupported } from "../../src/model/supported-types.ts";
import { type GgufSpec, type TensorSpec, typed, writeGguf } from "./support/gguf-writer.ts";

const parse = (bytes: Uint8Array, fileBytes = bytes.length): Promise<GgufFile> =>
  parseGguf(async (offset, length) => bytes.slice(offset, offset + length), fileBytes);

const tensor = (overrides: Partial<TensorSpec> = {}): TensorSpec => ({
  name: "a.weight",
  type: "Q4_0",
  dims: [64, 3],
  data: new Uint8Array((64 / 32) * 18 * 3).fill(7),
  ...overrides,
});

const file = (overrides: Partial<GgufSpec> = {}): Uint8Array =>
  writeGguf({ metadata: { "general.architecture": "llama" }, tensors: [tensor()], ...overrides });

describe("a sound file", () => {
  test.each([2, 3])(
    "of version %i gives version, metadata, tensors and where the data starts",
    async version => {
      const bytes = file({
        version,
        tensors: [tensor(), tensor({ name: "b.weight", type: "F32", dims: [5], data: new Uint8Array(20) })],
      });
      const parsed = await parse(bytes);
      expect(parsed).toMatchObject({ version, alignment: 32, fileBytes: bytes.length });
      expect(parsed.dataOffset % 32).toBe(0);
      expect(parsed.tensors).toEqual([
        { name: "a.weight", type: "Q4_0", dims: [64, 3], offset: parsed.dataOffset, bytes: 108 },
        { name: "b.weight", type: "F32", dims: [5], offset: parsed.dataOffset + 128, bytes: 20 },
      ]);
      expect(bytes[parsed.tensors[0]!.offset]).toBe(7);
    },
  );

  test("keeps every value type, numbers where 64 bits fit into them, bigints where not", async () => {
    const metadata = {
      u8: typed("u8", 200),
      i8: typed("i8", -3),
      u16: typed("u16", 60_000),
      i16: typed("i16", -300),
      u32: typed("u32", 4_000_000_000),
      i32: typed("i32", -5),
      f32: typed("f32", 0.5),
      f64: typed("f64", 0.1),
      yes: true,
      no: false,
      text: "größer 🙂",
      empty: "",
      u64: typed("u64", 2n ** 53n - 1n),
      large: typed("u64", 2n ** 63n),
      i64: typed("i64", -(2n ** 40n)),
      strings: ["a", "", "ü"],
      floats: [0.25, -1],
      bools: [true, false],
      none: [],
      nested: typed("array", [[1, 2], ["x"]], "array"),
      __proto__x: 1,
    };
    const parsed = await parse(
      file({ metadata: [...Object.entries(metadata), ["__proto__", "only a key"]] }),
    );
    expect({ ...parsed.metadata, ["__proto__"]: undefined }).toMatchObject({
      u8: 200,
      i8: -3,
      u16: 60_000,
      i16: -300,
      u32: 4_000_000_000,
      i32: -5,
      f32: 0.5,
      f64: 0.1,
      yes: true,
      no: false,
      text: "größer 🙂",
      empty: "",
      u64: Number.MAX_SAFE_INTEGER,
      large: 2n ** 63n,
      i64: -(2 ** 40),
      strings: ["a", "", "ü"],
      floats: [0.25, -1],
      bools: [true, false],
      none: [],
      nested: [[1, 2], ["x"]],
    });
    expect(getString(parsed.metadata, "__proto__")).toBe("only a key");
  });

  test("keeps a byte order mark that is a token", async () => {
    const tokens = ["\ufeff", "\ufeffx", "a\ufeff"];
    const { metadata } = await parse(file({ metadata: { tokens } }));
    expect(metadata.tokens).toEqual(tokens);
  });

  test("may have another alignment, which moves the data", async () => {
    const parsed = await parse(file({ alignment: 4096 }));
    expect(parsed).toMatchObject({ alignment: 4096, dataOffset: 4096 });
  });

  test("may hold a vocabulary and no tensors", async () => {
    expect((await parse(file({ tensors: [] }))).tensors).toEqual([]);
  });

  test("has its header read in few steps, in order, each byte once, and nothing of its data", async () => {
    const tokens = Array.from({ length: 262_144 }, (_, i) => `token number ${i} ü`);
    const bytes = file({
      metadata: { tokens, scores: tokens.map((_, i) => i / 2), chat: "x".repeat(3_000_000) },
    });
    const size = 10_000_000_000;
    const reads: [number, number][] = [];
    const started = process.cpuUsage(); // not the clock: the machine may be busy with other tests
    const parsed = await parseGguf(async (offset, length) => {
      reads.push([offset, length]);
      const piece = new Uint8Array(length);
      piece.set(bytes.subarray(offset, offset + length));
      return piece;
    }, size);
    const { user, system } = process.cpuUsage(started);
    expect(parsed.metadata.tokens).toEqual(tokens);
    expect(parsed.metadata.scores).toHaveLength(262_144);
    let next = 0;
    for (const [offset, length] of reads) {
      expect(offset).toBe(next);
      next += length;
    }
    expect(next - parsed.dataOffset).toBeLessThanOrEqual(2 * 1024 * 1024);
    expect(reads.length).toBeLessThan(10);
    expect((user + system) / 1000).toBeLessThan(500);
  });
});

describe("what is not a GGUF file is refused by name", () => {
  const text = (s: string) => new TextEncoder().encode(s);
  test.each([
    ["a web page", text("<!doctype html><html>".padEnd(100)), /web page.*\/resolve\//],
    ["a Git LFS pointer", text("version https://git-lfs.github.com/spec/v1\n".padEnd(100)), /git lfs pull/],
    ["another binary", text("PK\x03\x04".padEnd(100)), /ends in \.gguf/],
    ["an empty file", new Uint8Array(0), /0 bytes/],
    ["two bytes", text("GG"), /2 bytes/],
  ])("%s", async (_, bytes, message) => {
    await expect(parse(bytes)).rejects.toMatchObject({
      code: "not-gguf",
      message: expect.stringMatching(message),
    });
  });

  test.each([
    ["version 1", 1, /version 1;/],
    ["version 4", 4, /version 4;/],
    ["version 0", 0, /version 0;/],
    ["big-endian", 0x0300_0000, /big-endian/],
  ])("%s", async (_, version, message) => {
    await expect(parse(file({ version }))).rejects.toMatchObject({
      name: "UnsupportedModelError",
      code: "gguf-version",
      message: expect.stringMatching(message),
    });
  });
});

describe("hostile headers end in a named error, at once", () => {
  const key = { "general.architecture": "llama" };
  const array = (length: bigint | number, type = 4): Uint8Array => {
    const bytes = writeGguf({ metadata: { a: typed("array", [], "u32") }, tensors: [] });
    const view = new DataView(bytes.buffer);
    const at = 24 + 8 + 1 + 4;
    view.setUint32(at, type, true);
    view.setBigUint64(at + 4, BigInt(length), true);
    return bytes;
  };
  let deep: unknown = typed("array", [1], "u32");
  for (let i = 0; i < 6; i++) deep = typed("array", [deep], "array");

  const cases: [string, Uint8Array, string, RegExp][] = [
    [
      "more metadata than allowed",
      file({ metadataCount: MAX_METADATA_ENTRIES + 1 }),
      "bad-gguf",
      /metadata entries/,
    ],
    ["2^64-1 metadata entries", file({ metadataCount: 2n ** 64n - 1n }), "bad-gguf", /metadata entries/],
    ["more metadata than bytes", file({ metadataCount: 4000, tensors: [] }), "truncated", /4000 metadata/],
    ["more tensors than allowed", file({ tensorCount: MAX_TENSORS + 1 }), "bad-gguf", /tensors/],
    ["2^64-1 tensors", file({ tensorCount: 2n ** 64n - 1n }), "bad-gguf", /tensors/],
    ["more tensors than bytes", file({ tensorCount: 60_000 }), "truncated", /60000 tensors/],
    ["an array of 2^60", array(2n ** 60n), "bad-gguf", /elements/],
    ["an array longer than the file", array(MAX_ARRAY_ELEMENTS), "truncated", /8388608 elements/],
    ["an array of unknown type", array(1, 77), "bad-gguf", /unknown value type 77/],
    ["arrays in arrays in arrays", file({ metadata: { deep } }), "bad-gguf", /nests/],
    [
      "a key twice",
      file({
        metadata: [
          ["k", 1],
          ["k", 2],
        ],
      }),
      "bad-gguf",
      /"k" twice/,
    ],
    ["a tensor twice", file({ tensors: [tensor(), tensor()] }), "bad-gguf", /two tensors/],
    [
      "a tensor over another",
      file({ tensors: [tensor(), tensor({ name: "b", offset: 32 })] }),
      "bad-gguf",
      /over the bytes/,
    ],
    ["a tensor off its alignment", file({ tensors: [tensor({ offset: 4 })] }), "bad-gguf", /multiple of 32/],
    [
      "a tensor past the end",
      file({ tensors: [tensor({ data: new Uint8Array(10) })] }),
      "truncated",
      /reach up to/,
    ],
    [
      "a tensor offset of 2^64-32",
      file({ tensors: [tensor({ offset: 2n ** 64n - 32n, data: new Uint8Array(0) })] }),
      "truncated",
      /reach up to/,
    ],
    ["five dimensions", file({ tensors: [tensor({ dims: [32, 1, 1, 1, 1] })] }), "bad-gguf", /5 dimensions/],
    [
      "a product of dimensions past 2^53",
      file({ tensors: [tensor({ dims: [2 ** 30, 2 ** 30] })] }),
      "bad-gguf",
      /elements/,
    ],
    [
      "a dimension of 2^64-1",
      file({ tensors: [tensor({ dims: [2n ** 64n - 1n] })] }),
      "bad-gguf",
      /elements/,
    ],
    ["a dimension of 0", file({ tensors: [tensor({ dims: [32, 0] })] }), "bad-gguf", /0 elements/],
    ["half a block", file({ tensors: [tensor({ dims: [48, 1] })] }), "bad-gguf", /blocks of 32/],
    ["an unknown tensor type", file({ tensors: [tensor({ type: 99 })] }), "tensor-type", /type number 99/],
    ["alignment 0", file({ metadata: { ...key, "general.alignment": 0 } }), "bad-gguf", /power of two/],
    ["alignment 48", file({ metadata: { ...key, "general.alignment": 48 } }), "bad-gguf", /power of two/],
    [
      "alignment 2^31",
      file({ metadata: { ...key, "general.alignment": 2 ** 31 } }),
      "bad-gguf",
      /power of two/,
    ],
    [
      "alignment as text",
      file({ metadata: { ...key, "general.alignment": "32" } }),
      "bad-gguf",
      /power of two/,
    ],
  ];
  test.each(cases)("%s", async (_, bytes, code, message) => {
    await expect(parse(bytes)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test("a string longer than allowed", async () => {
    const bytes = file({ metadata: { k: "x" } });
    new DataView(bytes.buffer).setBigUint64(24 + 8 + 1 + 4, BigInt(MAX_STRING_BYTES + 1), true);
    await expect(parse(bytes)).rejects.toMatchObject({
      code: "bad-gguf",
      message: expect.stringMatching(/string of/),
    });
  });

  test("a scalar tensor (no dimensions) has one element", async () => {
    const parsed = await parse(
      file({ tensors: [tensor({ dims: [], type: "F32", data: new Uint8Array(4) })] }),
    );
    expect(parsed.tensors[0]).toMatchObject({ dims: [], bytes: 4 });
  });

  test("a source that gives fewer bytes than it promised", async () => {
    const bytes = file();
    await expect(parse(bytes, bytes.length + 100_000)).rejects.toMatchObject({ code: "truncated" });
  });

  test("a file cut at any place", async () => {
    const bytes = file({
      metadata: {
        ...key,
        tokens: ["a", "bc", "def"],
        scores: [1, 2, 3],
        nested: typed("array", [[1], [2]], "array"),
      },
      tensors: [tensor(), tensor({ name: "b" })],
    });
    for (let length = 0; length < bytes.length; length++) {
      const error = await parse(bytes.slice(0, length)).then(
        () => undefined,
        e => e,
      );
      expect(error, `cut at ${length}`).toBeInstanceOf(IntabError);
      expect(error.code, `cut at ${length}`).toBe(length < 4 ? "not-gguf" : "truncated");
    }
  });

  test("a file with random bytes changed parses or ends in a named error", async () => {
    const bytes = file({
      metadata: { ...key, tokens: ["a", "bc"], n: 3 },
      tensors: [tensor(), tensor({ name: "b" })],
    });
    let seed = 12345;
    const random = (n: number) => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) % n;
    for (let round = 0; round < 3000; round++) {
      const changed = bytes.slice();
      for (let i = 0; i <= random(4); i++) changed[random(changed.length)] = random(256);
      const error = await parse(changed).then(
        () => undefined,
        e => e,
      );
      if (error !== undefined) expect(error).toBeInstanceOf(IntabError);
    }
  });
});

describe("typed access to metadata", () => {
  const metadata = {
    n: 3,
    s: "x",
    b: true,
    big: 2n ** 60n,
    list: [1, 2],
    words: ["a"],
    mixed: [1, "a"],
    nan: Number.NaN,
  };
  test("gives values, and fallbacks for absent keys", () => {
    expect(getNumber(metadata, "n")).toBe(3);
    expect(getNumber(metadata, "absent", 5)).toBe(5);
    expect(getString(metadata, "s")).toBe("x");
    expect(getString(metadata, "toString", "none")).toBe("none");
    expect(getArray(metadata, "list", "number")).toEqual([1, 2]);
    expect(getArray(metadata, "absent", "string", [])).toEqual([]);
  });
  test.each([
    ["an absent key", () => getNumber(metadata, "absent"), /lacks the metadata "absent"/],
    ["a string for a number", () => getNumber(metadata, "s", 4), /"s" should be a finite number.*string x/],
    ["an integer over 2^53", () => getNumber(metadata, "big"), /finite number/],
    ["NaN", () => getNumber(metadata, "nan"), /finite number/],
    ["a number for a string", () => getString(metadata, "n"), /should be a string/],
    ["a scalar for an array", () => getArray(metadata, "n", "number"), /an array of numbers/],
    ["an array of something else", () => getArray(metadata, "mixed", "number"), /an array of numbers/],
    ["an array for a number", () => getNumber(metadata, "list"), /an array/],
  ])("names %s", (_, get, message) => {
    expect(get).toThrow(
      expect.objectContaining({ code: "bad-gguf", message: expect.stringMatching(message) }),
    );
  });
});

describe("what this version runs", () => {
  const check = async (overrides: Partial<GgufSpec>) => checkSupported(await parse(file(overrides)));
  test("a llama file of the supported types passes", async () => {
    await expect(check({})).resolves.toBeUndefined();
  });
  test("other tensor types are named with their number and the list of supported ones", async () => {
    const old = tensor({ type: "Q8_1", dims: [32, 1], data: new Uint8Array(36) });
    await expect(check({ tensors: [old, { ...old, name: "b" }] })).rejects.toMatchObject({
      code: "tensor-type",
      message: expect.stringMatching(/Q8_1 \(2 tensors\).*F32, F16, BF16, Q8_0, Q6_K, .*TQ2_0/),
    });
  });
});
