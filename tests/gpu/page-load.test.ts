// load() and fit() as a page calls them, through their own worker: needs a browser.
import { fit, load } from "intab";
import { beforeAll, describe, expect, test } from "vitest";
import { file, prompt } from "./session-support.ts";
import { provideGpu } from "./support.ts";

const CONTEXT = { contextLength: 64 };

async function greedy(source: Parameters<typeof load>[0]): Promise<readonly number[]> {
  const model = await load(source, CONTEXT);
  try {
    const { ids } = await model.generate(prompt.ids, { temperature: 0, maxTokens: 6, ignoreEndOfTurn: true });
    return ids;
  } finally {
    await model.dispose();
  }
}

describe("a page", () => {
  beforeAll(async () => void (await provideGpu()));

  test("loads a stream as it loads the file, and may ask before what it takes", async () => {
    const expected = await greedy(file);
    expect(expected).toHaveLength(6);
    expect(await greedy(file.stream())).toEqual(expected);
    const found = await fit(file, CONTEXT);
    expect(found).toMatchObject({ fits: true, contextLength: 64 });
  });

  test("gets a stream's own error, and the stream is cancelled where the load fails", async () => {
    const failing = new ReadableStream<Uint8Array>({
      pull: stream => stream.error(new RangeError("the disk is gone")),
    });
    await expect(load(failing)).rejects.toThrow("the disk is gone");
    let cancelled = false;
    const text = new TextEncoder().encode("no model".repeat(1000));
    const wrong = new ReadableStream<Uint8Array>({
      pull: stream => stream.enqueue(text.slice()),
      cancel: () => void (cancelled = true),
    });
    await expect(load(wrong)).rejects.toMatchObject({ name: "ModelFormatError", code: "not-gguf" });
    await expect.poll(() => cancelled).toBe(true);
    await expect(fit(file.stream())).rejects.toMatchObject({ name: "InputError", code: "option" });
  });
});
