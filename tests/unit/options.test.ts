import { describe, expect, test } from "vitest";
import { InputError } from "../../src/errors.ts";
import { checkAll, known, plain, show } from "../../src/options.ts";

const names = ["maxTokens", "temperature", "contextLength", "topK", "onProgress"] as const;
const failure = (work: () => unknown): InputError => {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    return error as InputError;
  }
  throw new Error("It did not fail");
};

describe("the names of options", () => {
  test.each([
    ["max_tokens", "maxTokens"],
    ["max_new_tokens", "maxTokens"],
    ["temprature", "temperature"],
    ["contextlength", "contextLength"],
    ["top_k", "topK"],
    ["onprogress", "onProgress"],
  ])("take %s for a misspelt %s", (wrong, right) => {
    const error = failure(() => known({ [wrong]: 1 } as never, names as never));
    expect(error).toMatchObject({ code: "option", details: { option: wrong } });
    expect(error.message).toContain(`did you mean ${right}?`);
  });

  test("are listed where none is near, and fine where they are known", () => {
    const error = failure(() => known({ zzz: 1 } as never, names as never));
    expect(error.message).not.toContain("did you mean");
    expect(error.message).toContain("maxTokens, temperature");
    const options = { topK: 1, maxTokens: undefined };
    expect(known(options, ["topK", "maxTokens"])).toBe(options);
  });

  test.each([null, 5, "text", [1], () => {}])("need an object: not %o", options => {
    expect(failure(() => known(options as never, names as never)).message).toContain("it must be an object");
  });
});

describe("plain data", () => {
  test("is a copy of what reactive frameworks wrap, numbers of every kind included", () => {
    const wrapped = new Proxy({ bias: { 3: Number.NEGATIVE_INFINITY }, stop: new Proxy(["a"], {}) }, {});
    const copy = plain(wrapped, "options");
    expect(copy).toEqual({ bias: { 3: Number.NEGATIVE_INFINITY }, stop: ["a"] });
    expect(structuredClone(copy)).toEqual(copy);
  });

  test("makes lists of sets and typed arrays, text of dates, and leaves out what is undefined", () => {
    expect(plain(new Set([1, 2]), "ids")).toEqual([1, 2]);
    expect(plain(Uint32Array.of(7, 8), "ids")).toEqual([7, 8]);
    expect(plain({ at: new Date(0), gone: undefined, no: null }, "x")).toEqual({
      at: "1970-01-01T00:00:00.000Z",
      no: null,
    });
  });

  const circle: Record<string, unknown> = {};
  circle.self = circle;
  test.each([
    ["a function", () => {}, "stop.a[1]"],
    ["Symbol(x)", Symbol("x"), "stop.a[1]"],
    ["10n", 10n, "stop.a[1]"],
  ])("names the place of %s", (shown, value, place) => {
    const error = failure(() => plain({ a: [0, value] }, "stop"));
    expect(error.details).toMatchObject({ option: place, value: shown });
  });
  test("ends at a circle", () => {
    expect(failure(() => plain(circle, "tools")).message).toContain("without circles");
  });
});

test("values are checked by their table, and shown short", () => {
  const rules = { size: [(value: unknown) => value === 1, "1"] } as const;
  checkAll({ size: undefined }, rules);
  checkAll({ size: 1 }, rules);
  expect(failure(() => checkAll({ size: null }, rules)).message).toBe("size is null; it must be 1.");
  expect(show("x".repeat(1000)).length).toBeLessThan(50);
  expect(show(new Uint8Array(1e6)).length).toBeLessThan(50);
  expect(show(Object.create(null))).toContain("object");
});
