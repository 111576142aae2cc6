// Conversations, what is saved of them, and generations that outlive their tab, as a page has them: needs a browser.
import { type ChatMessage, load, type Model, sessions } from "intab";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadFixture } from "./fixtures.ts";
import { provideGpu } from "./support.ts";

/** In f32: computed ahead or token by token, by other kernels, a text stays the same then. */
const CONTEXT = { contextLength: 256, features: { f16: false } };
const GREEDY = { temperature: 0, maxTokens: 12 };
const system: ChatMessage = { role: "system", content: "You answer briefly, in the words of the question." };

let file: Blob;
const opened: Model[] = [];
async function open(options: Parameters<typeof load>[1] = {}): Promise<Model> {
  const model = await load(file, { ...CONTEXT, ...options });
  opened.push(model);
  return model;
}
beforeAll(async () => {
  await provideGpu();
  file = new Blob([await loadFixture("../../public/models/intab-tiny-q4_0.gguf")]);
});
afterAll(async () => {
  for (const model of opened) await model.dispose();
  for (const { name } of await sessions.list()) await sessions.remove(name);
});

describe("a conversation", () => {
  let model: Model;
  beforeAll(async () => void (model = await open()), 60_000);

  test("keeps its messages, and computes of the next turn only what is new", async () => {
    const chat = model.session({ messages: [system] });
    const first = await chat.chat("Who lives in the wood?", GREEDY);
    expect(chat.messages).toEqual([
      system,
      { role: "user", content: "Who lives in the wood?" },
      { role: "assistant", content: first.text },
    ]);
    const second = await chat.chat("And by the sea?", GREEDY);
    const { promptTokens, cachedPromptTokens } = second.timings;
    expect(cachedPromptTokens).toBeGreaterThan(first.timings.promptTokens - 16);
    expect(cachedPromptTokens).toBeLessThan(promptTokens);
    const alone = await model.chat(chat.messages.slice(0, -1), { ...GREEDY, cachePrompt: false });
    expect(second.text).toBe(alone.text);
  });

  test("goes on in two ways after a fork, which knows nothing of the other", async () => {
    const chat = model.session({ messages: [system] });
    await chat.chat("Tell me of a fox.", GREEDY);
    const other = await chat.fork();
    const [a, b] = await Promise.all([chat.chat("A red one.", GREEDY), other.chat("A white one.", GREEDY)]);
    expect(chat.messages.at(-2)).toEqual({ role: "user", content: "A red one." });
    expect(other.messages.at(-2)).toEqual({ role: "user", content: "A white one." });
    expect(other.messages.slice(0, 3)).toEqual(chat.messages.slice(0, 3));
    for (const { timings } of [a, b]) expect(timings.cachedPromptTokens).toBeGreaterThan(0);
  });

  test("is computed ahead by append and prepare", async () => {
    const chat = model.session();
    const prepared = await chat.append([
      system,
      { role: "user", content: "The owl and the mouse and the hare." },
    ]);
    expect(prepared.cachedPromptTokens).toBeLessThan(prepared.promptTokens);
    const { timings } = await chat.chat("Go on.", GREEDY);
    // the template ends a prompt with the mark that begins an answer: there they part
    expect(timings.cachedPromptTokens).toBeGreaterThan(prepared.promptTokens - 32);
    const text = "Once upon a time there was a little girl who lived by the sea and";
    await model.prepare(text);
    const again = await model.prepare(text);
    expect(again.promptTokens - again.cachedPromptTokens).toBeLessThanOrEqual(16);
    expect((await model.generate(text, GREEDY)).promptIds).toEqual(again.promptIds);
  });

  test("keeps an answer that was broken off, and is as it was after one that failed", async () => {
    const chat = model.session();
    const controller = new AbortController();
    const broken = chat.chat("Tell a long story.", { temperature: 0, signal: controller.signal });
    for await (const { ids } of broken) if (ids.length > 0) controller.abort();
    expect((await broken).finishReason).toBe("abort");
    expect(chat.messages).toHaveLength(2);
    await expect(chat.chat("x ".repeat(2000), GREEDY)).rejects.toMatchObject({ code: "prompt-too-long" });
    await expect(chat.chat([], { nonsense: 1 } as never)).rejects.toMatchObject({ code: "option" });
    expect(chat.messages).toHaveLength(2);
    expect((await chat.chat("Go on.", GREEDY)).finishReason).not.toBe("abort");
    expect(chat.messages).toHaveLength(4);
  });
});

describe("a saved conversation", () => {
  test("goes on in another load without computing what it had", async () => {
    const before = await open();
    const chat = before.session({ messages: [system] });
    await chat.chat("Who lives in the wood?", GREEDY);
    const saved = await chat.save("the wood");
    expect(saved.tokens).toBeGreaterThan(16);
    expect(saved.bytes).toBe(saved.tokens * before.info.kvBytesPerPosition);
    const listed = (await sessions.list()).filter(({ name }) => name === "the wood");
    expect(listed).toEqual([{ ...saved, savedAt: expect.any(Number) }]);
    await before.dispose();

    const after = await open();
    const again = await after.restore("the wood");
    expect(again.messages).toEqual(chat.messages);
    const { timings, text } = await again.chat("And by the sea?", GREEDY);
    expect(timings.cachedPromptTokens).toBe(saved.tokens);
    const alone = await after.chat(again.messages.slice(0, -1), { ...GREEDY, cachePrompt: false });
    expect(text).toBe(alone.text);
    await sessions.remove("the wood");
    await expect(after.restore("the wood")).rejects.toMatchObject({ code: "not-saved" });
  }, 60_000);

  test("is not restored where it was computed otherwise", async () => {
    const model = await open();
    const chat = model.session();
    await chat.chat("Who lives in the wood?", GREEDY);
    await chat.save("short");
    const longer = await open({ contextLength: 128 });
    await expect(longer.restore("short")).rejects.toMatchObject({ name: "InputError", code: "other-model" });
    await expect(model.restore("")).rejects.toMatchObject({ code: "option" });
    expect((await model.restore("short")).messages).toHaveLength(2);
  }, 60_000);
});

describe("a generation whose tab is killed", () => {
  const worker = (): Worker =>
    new Worker(new URL("../../src/worker/worker.ts", import.meta.url), { type: "module" });
  const prompt = "Once upon a time";
  let options = { temperature: 1, seed: 5, maxTokens: 120, ignoreEndOfTurn: true };
  const longer = { ...CONTEXT, contextLength: 2048 };

  test("is gone on with from its journal, and is what it would have been", async () => {
    const killed = worker();
    const before = await open({ ...longer, worker: killed });
    // so many that it is under way when its worker ends
    if (!before.info.adapter.fallback) options = { ...options, maxTokens: 2000 };
    const whole = await before.generate(prompt, options);
    let had = "";
    await expect(async () => {
      for await (const { text } of before.generate(prompt, { ...options, journal: "story" })) {
        had += text;
        if (had.length > 60) {
          await new Promise(resolve => setTimeout(resolve, 300)); // the journal is written meanwhile
          killed.terminate();
          await before.dispose();
          throw new Error("killed");
        }
      }
    }).rejects.toThrow("killed");

    const after = await open(longer);
    const resumed = after.resume("story");
    const { value: first } = await resumed[Symbol.asyncIterator]().next();
    expect(whole.text.startsWith(first!.text)).toBe(true);
    expect(first!.ids.length).toBeGreaterThan(1);
    await expect(resumed).resolves.toMatchObject({
      ids: whole.ids,
      text: whole.text,
      finishReason: "length",
    });
  }, 120_000);

  test("leaves no journal where it ended; an unknown one is refused", async () => {
    const model = await open();
    const { ids } = await model.generate(prompt, { ...options, maxTokens: 5, journal: "short story" });
    expect(ids).toHaveLength(5);
    await expect(model.resume("short story")).rejects.toMatchObject({ code: "not-saved" });
    await expect(model.resume("")).rejects.toMatchObject({ code: "option" });
    await expect(model.generate(prompt, { journal: 5 } as never)).rejects.toMatchObject({ code: "option" });
  }, 60_000);
});
