import { describe, expect, test } from "vitest";
import { Generation } from "../../src/generation.ts";
import type { GenerateChunk, GenerateResult } from "../../src/types.ts";

/** A generation in the test's hands. */
function open() {
  let deliver = (_: GenerateChunk): void => {};
  let end = (_: GenerateResult): void => {};
  let fail = (_: unknown): void => {};
  const state = { cancelled: 0 };
  const generation = new Generation(
    receive => {
      deliver = receive;
      return new Promise((resolve, reject) => {
        end = resolve;
        fail = reject;
      });
    },
    () => state.cancelled++,
  );
  const chunk = (text: string): void => deliver({ text, ids: [text.length] });
  return {
    generation,
    state,
    chunk,
    end: (text: string) => end({ text } as GenerateResult),
    fail: (e: unknown) => fail(e),
  };
}

async function textsOf(generation: Generation): Promise<string[]> {
  const texts: string[] = [];
  for await (const { text } of generation) texts.push(text);
  return texts;
}

describe("Generation", () => {
  test("gives chunks in order whether they came before or while somebody reads, and the result as well", async () => {
    const { generation, state, chunk, end } = open();
    chunk("a");
    chunk("b");
    const reading = textsOf(generation);
    await Promise.resolve();
    chunk("c");
    await Promise.resolve();
    chunk("d");
    end("abcd");
    expect(await reading).toEqual(["a", "b", "c", "d"]);
    expect((await generation).text).toBe("abcd");
    expect(await textsOf(generation)).toEqual(["a", "b", "c", "d"]);
    expect(state.cancelled).toBe(0);
  });

  test("leaving the loop early cancels once; the result still comes", async () => {
    const { generation, state, chunk, end } = open();
    chunk("a");
    for await (const _ of generation) break;
    expect(state.cancelled).toBe(1);
    end("a");
    expect((await generation).text).toBe("a");
  });

  test("a failure ends the iteration after what came, and rejects the result", async () => {
    const { generation, chunk, fail } = open();
    const seen: string[] = [];
    chunk("a");
    const reading = (async () => {
      for await (const { text } of generation) seen.push(text);
    })();
    fail(new TypeError("lost"));
    await expect(reading).rejects.toThrow("lost");
    await expect(Promise.resolve(generation)).rejects.toThrow(TypeError);
    expect(seen).toEqual(["a"]);
  });

  test("a failure that nobody waits for is not an unhandled rejection", async () => {
    const { fail } = open();
    fail(new Error("nobody hears"));
    await new Promise(resolve => setTimeout(resolve, 0)); // the runner fails on unhandled rejections
  });
});
