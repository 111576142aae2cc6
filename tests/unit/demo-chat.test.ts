/** The demo's chat with a model that is played: what it asks of it, and what it tells the page. */
import { type ChatMessage, type GenerateResult, type Generation, InputError, type Model } from "intab";
import { expect, test } from "vitest";
import { Chat } from "../../demo/chat.ts";
import type { ChatView } from "../../demo/chat-view.ts";
import { newChat } from "../../demo/chats/chat-data.ts";

const PROMPT_TOKENS = 40;

/** Answers with these pieces, one token each; a piece that is an error ends it so. */
function generation(pieces: readonly (string | Error)[], signal?: AbortSignal): Generation {
  const said: string[] = [];
  let settle = { resolve: (_: GenerateResult) => {}, reject: (_: unknown) => {} };
  const result = new Promise<GenerateResult>((resolve, reject) => {
    settle = { resolve, reject };
  });
  result.catch(() => {});
  async function* stream() {
    for (const piece of pieces) {
      if (signal?.aborted) break;
      if (piece instanceof Error) {
        settle.reject(piece);
        throw piece;
      }
      await new Promise(resolve => setTimeout(resolve));
      said.push(piece);
      yield { text: piece, ids: [said.length] };
    }
    const facts = {
      text: said.join(""),
      ids: said.map((_, index) => index),
      promptIds: new Array(PROMPT_TOKENS).fill(7),
      finishReason: signal?.aborted ? "abort" : "length",
      timings: { generatedTokens: said.length, timeToFirstTokenMs: 5, decodeTokensPerSecond: 9 },
    };
    settle.resolve(facts as unknown as GenerateResult);
  }
  return Object.assign(result, { [Symbol.asyncIterator]: stream }) as unknown as Generation;
}

function played(pieces: readonly (string | Error)[]) {
  const asked: { messages: readonly ChatMessage[]; options: Record<string, unknown> }[] = [];
  const continued: { ids: readonly number[]; options: Record<string, unknown> }[] = [];
  const model = {
    info: { contextLength: 100 },
    renderChat: async () => "rendered",
    tokenize: async (text: string) => (text === "rendered" ? new Array(PROMPT_TOKENS).fill(7) : [1, 2]),
    chat: (messages: readonly ChatMessage[], options: { signal?: AbortSignal; maxTokens?: number }) => {
      if (options.maxTokens === 0) {
        const nothing = generation([]);
        void (async () => {
          for await (const _ of nothing);
        })();
        return nothing;
      }
      asked.push({ messages, options: { ...options } });
      return generation(pieces, options.signal);
    },
    generate: (ids: readonly number[], options: Record<string, unknown>) => {
      continued.push({ ids, options });
      return generation([" and", " on"]);
    },
  };
  return { model: model as unknown as Model, asked, continued };
}

function setUp(pieces: readonly (string | Error)[]) {
  const { model, asked, continued } = played(pieces);
  const contexts: number[] = [];
  const edited: string[] = [];
  let grown = () => {};
  const nothing = () => {};
  const view = {
    show: nothing,
    begin: nothing,
    finish: nothing,
    fail: nothing,
    clear: nothing,
    toEnd: nothing,
  };
  const chat = new Chat(
    { ...view, grow: () => grown(), edit: (id: string) => edited.push(id) } as unknown as ChatView,
    {
      answerer: () => ({ model, title: "played", settings: { system: "Be kind.", temperature: 0.5 } }),
      onBusy: nothing,
      onContext: used => contexts.push(used),
      onSpeed: nothing,
      onChange: nothing,
    },
  );
  const done = () => expect.poll(() => chat.busy).toBe(false);
  const onGrown = (then: () => void) => {
    grown = then;
  };
  return { chat, asked, continued, contexts, edited, done, onGrown };
}

test("while an answer streams, the context counts the prompt and what has come", async () => {
  const { chat, asked, contexts, done } = setUp(["a", "b", "c"]);
  await chat.send("Hello?");
  await done();
  expect(asked[0]!.messages.map(({ role, content }) => [role, content])).toEqual([
    ["system", "Be kind."],
    ["user", "Hello?"],
  ]);
  expect(asked[0]!.options).toMatchObject({ temperature: 0.5 });
  expect(Math.min(...contexts)).toBeGreaterThanOrEqual(PROMPT_TOKENS);
  expect(contexts.at(-1)).toBe(PROMPT_TOKENS + 3);
  expect(contexts.length).toBeGreaterThan(1);
});

test("an answer goes on behind the tokens of its prompt and its text, with the options of `generate` alone", async () => {
  const { chat, continued, done } = setUp(["Once", " upon"]);
  await chat.send("A story!");
  await done();
  const answer = chat.data.messages[1]!;
  await chat.goOn(answer.id);
  await done();
  expect(continued[0]!.ids).toEqual([...new Array(PROMPT_TOKENS).fill(7), 1, 2]);
  expect(Object.keys(continued[0]!.options).sort()).toEqual(["signal", "temperature"]);
  expect(answer).toMatchObject({ text: "Once upon and on", state: "length", figures: { tokens: 4 } });
  expect(chat.data.messages).toHaveLength(2);
});

test("what has come of a stopped answer is kept", async () => {
  const { chat, done, onGrown } = setUp(["Once", " upon", " a", " time"]);
  onGrown(() => chat.stop());
  await chat.send("A story!");
  await done();
  expect(chat.data.messages[1]).toMatchObject({ text: "Once", state: "abort" });
});

test("another chat stops the answer, and what has come stays in the first", async () => {
  const { chat, done } = setUp(["Once", " upon", " a", " time"]);
  await chat.send("A story!");
  const first = chat.data;
  const second = newChat();
  await chat.open(second);
  expect(chat.busy).toBe(false);
  expect(chat.data).toBe(second);
  expect(first.messages[1]).toMatchObject({ state: "abort" });
  await done();
});

test("a message that is too long is opened to be shortened, and its failure is kept", async () => {
  const { chat, edited, done } = setUp([new InputError("prompt-too-long", "Too long.", {})]);
  await chat.send("x".repeat(999));
  await done();
  expect(edited).toEqual([chat.data.messages[0]!.id]);
  expect(chat.data.messages[1]).toMatchObject({ state: "failed", problem: "Too long.", text: "" });
});
