import { describe, expect, test } from "vitest";
import { Generation } from "../../src/page/generation.ts";
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

  test("has catch and finally, as a promise has", async () => {
    const good = open();
    good.end("a");
    let finals = 0;
    expect((await good.generation.finally(() => void finals++)).text).toBe("a");
    expect((await good.generation.catch(() => "no")) as { text: string }).toMatchObject({ text: "a" });
    const bad = open();
    bad.fail(new TypeError("lost"));
    expect(await bad.generation.catch(error => String(error))).toBe("TypeError: lost");
    await expect(bad.generation.finally(() => void finals++)).rejects.toThrow("lost");
    expect(finals).toBe(2);
  });

  test("return() before next() cancels, and after the end it does not", async () => {
    const { generation, state, end } = open();
    const pieces = generation[Symbol.asyncIterator]();
    await pieces.return();
    expect(state.cancelled).toBe(1);
    end("");
    await generation;
    const done = open();
    done.end("");
    await done.generation;
    await done.generation[Symbol.asyncIterator]().return();
    expect(done.state.cancelled).toBe(0);
  });

  test("its text stream holds the answer's text alone, can be iterated, and cancels", async () => {
    const { generation, state, chunk, end } = open();
    chunk("a");
    chunk("");
    chunk("b");
    end("ab");
    const texts: string[] = [];
    for await (const text of generation.textStream) texts.push(text);
    expect(texts).toEqual(["a", "b"]);
    expect(await new Response(generation.textStream.pipeThrough(new TextEncoderStream())).text()).toBe("ab");
    expect(state.cancelled).toBe(0);
    const left = open();
    left.chunk("a");
    for await (const _ of left.generation.textStream) break;
    expect(left.state.cancelled).toBe(1);
    const failing = open();
    const reading = failing.generation.textStream.getReader().read();
    failing.fail(new TypeError("lost"));
    await expect(reading).rejects.toThrow("lost");
  });

  test("await using cancels it and waits for its end", async () => {
    const { generation, state, end } = open();
    const disposed = generation[Symbol.asyncDispose]();
    expect(state.cancelled).toBe(1);
    end("");
    await disposed;
  });

  test("a failure that nobody waits for is not an unhandled rejection", async () => {
    const { fail } = open();
    fail(new Error("nobody hears"));
    await new Promise(resolve => setTimeout(resolve, 0)); // the runner fails on unhandled rejections
  });
});
