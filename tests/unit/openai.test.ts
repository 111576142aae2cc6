// OpenAI's API in front of a model whose answers are given. With a real model and in a browser: tests/package/clients.test.ts.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "../../scripts/lib/process.mjs";
import { createFetch } from "../../src/api/openai/create-fetch.ts";
import { DeviceLostError, InputError } from "../../src/errors.ts";
import { type FakeOptions, fakeModel } from "./support/fake-model.ts";

const golden = (name: string): string =>
  (
    JSON.parse(readFileSync(join(root, "tests/golden/templates", `${name}.json`), "utf8")) as {
      template: string;
    }
  ).template;
const QWEN = golden("Qwen-Qwen2.5-7B-Instruct");
const WEATHER = {
  type: "function",
  function: { name: "get_weather", parameters: { type: "object", properties: { city: { type: "string" } } } },
};
const ASKED = [{ role: "user", content: "Weather in Zürich?" }];
const CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Zürich"}}\n</tool_call>';

type Json = Record<string, unknown>;

function open(options: FakeOptions = {}) {
  const model = fakeModel(options);
  const fetch = createFetch(model);
  const post = (path: string, body: object, init: RequestInit = {}): Promise<Response> =>
    fetch(`http://tab/v1/${path}`, {
      method: "POST",
      body: JSON.stringify({ model: "fake", ...body }),
      ...init,
    });
  const answer = async (path: string, body: object): Promise<Json> => {
    const response = await post(path, body);
    const json = (await response.json()) as Json;
    expect(response.status, JSON.stringify(json)).toBe(200);
    return json;
  };
  const failure = async (path: string, body: object): Promise<Json> => {
    const response = await post(path, body);
    const { error } = (await response.json()) as { error: Json };
    return { status: response.status, ...error };
  };
  const stream = async (path: string, body: object): Promise<Json[]> =>
    eventsOf(await (await post(path, { stream: true, ...body })).text());
  return { model, fetch, post, answer, failure, stream };
}

function eventsOf(text: string): Json[] {
  const lines = text.split("\n").flatMap(line => (line.startsWith("data: ") ? [line.slice(6)] : []));
  return lines.filter(line => line !== "[DONE]").map(line => JSON.parse(line) as Json);
}

const chat = "chat/completions";

describe("chat completions", () => {
  test("answer with text, why it ended, and tokens", async () => {
    const { answer } = open();
    expect(await answer(chat, { messages: ASKED })).toEqual({
      id: expect.stringMatching(/^chatcmpl-\w{24}$/),
      object: "chat.completion",
      created: expect.any(Number),
      model: "fake",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: "Hello there", refusal: null },
          logprobs: null,
          finish_reason: "stop",
        },
      ],
      usage: {
        prompt_tokens: 20,
        completion_tokens: 2,
        total_tokens: 22,
        prompt_tokens_details: { cached_tokens: 16 },
        completion_tokens_details: { reasoning_tokens: 0 },
      },
    });
  });

  test("stream the same, and the tokens where they are asked for", async () => {
    const { post, stream } = open({ finishReason: "length" });
    const response = await post(chat, { messages: ASKED, stream: true });
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    const text = await response.text();
    expect(text).toMatch(/\n\ndata: \[DONE\]\n\n$/);
    const choices = eventsOf(text).map(({ choices }) => (choices as Json[])[0]);
    expect(choices.map(choice => choice!.delta)).toEqual([
      { role: "assistant", content: "" },
      { content: "Hello" },
      { content: " there" },
      {},
    ]);
    expect(choices.map(choice => choice!.finish_reason)).toEqual([null, null, null, "length"]);
    const counted = await stream(chat, { messages: ASKED, stream_options: { include_usage: true } });
    expect(counted.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
    expect(counted.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 22 } });
  });

  test("give the model its options, and leave out what was not said", async () => {
    const { model, answer } = open();
    await answer(chat, {
      messages: ASKED,
      temperature: 0,
      top_p: 0,
      frequency_penalty: 1,
      presence_penalty: -1,
      seed: -1,
      stop: "x",
      max_tokens: 9,
      max_completion_tokens: 7,
      logit_bias: { 5: -100 },
      top_k: 3,
      min_p: 0,
      user: "somebody",
      unheard_of: [1],
      n: null,
    });
    await answer(chat, { messages: ASKED, reasoning_effort: "none", chat_template_kwargs: { deep: 1 } });
    const [first, second] = model.asked.map(({ options: { signal: _, ...options } }) => options);
    expect(first).toEqual({
      temperature: 0,
      topP: 1e-6,
      frequencyPenalty: 1,
      presencePenalty: -1,
      seed: 0xffff_ffff,
      stop: ["x"],
      maxTokens: 7,
      logitBias: { 5: -100 },
      topK: 3,
      minP: 0,
    });
    expect(second).toEqual({
      enableThinking: false,
      templateVariables: { reasoning_effort: "none", deep: 1 },
    });
  });

  test("of several choices come one after the other, each with its seed, and the prompt counts once", async () => {
    const { model, answer, stream } = open();
    const all = await answer(chat, { messages: ASKED, n: 3, seed: 5 });
    expect((all.choices as Json[]).map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(all.usage).toMatchObject({ prompt_tokens: 20, completion_tokens: 6 });
    expect(model.asked.map(({ options }) => options.seed)).toEqual([5, 6, 7]);
    const indexes = (await stream(chat, { messages: ASKED, n: 2 })).map(e => (e.choices as Json[])[0]!.index);
    expect([...new Set(indexes)]).toEqual([0, 1]);
  });

  test("keep the reasoning apart, and count it", async () => {
    const { answer, stream } = open({
      chunks: [{ text: "", reasoning: "Hm", ids: [1, 2] }, "Yes"],
    });
    const { choices, usage } = await answer(chat, { messages: ASKED });
    expect((choices as Json[])[0]!.message).toMatchObject({ content: "Yes", reasoning_content: "Hm" });
    expect(usage).toMatchObject({ completion_tokens_details: { reasoning_tokens: 2 } });
    const deltas = (await stream(chat, { messages: ASKED })).map(e => (e.choices as Json[])[0]!.delta);
    expect(deltas).toContainEqual({ reasoning_content: "Hm" });
  });

  test("take messages as clients write them", async () => {
    const { model, answer } = open({ template: QWEN });
    const call = {
      id: "abc",
      type: "function",
      function: { name: "get_weather", arguments: '{"city":"Zürich"}' },
    };
    await answer(chat, {
      messages: [
        { role: "developer", content: "Be brief." },
        { role: "user", content: [{ type: "text", text: "Weather?" }] },
        { role: "assistant", content: null, tool_calls: [call] },
        { role: "tool", tool_call_id: "abc", content: "21" },
        { role: "assistant", tool_calls: [], content: [{ type: "refusal", refusal: "No." }] },
      ],
    });
    expect(model.asked[0]!.prompt).toEqual([
      { role: "system", content: "Be brief." },
      { role: "user", content: [{ type: "text", text: "Weather?" }] },
      {
        role: "assistant",
        content: "", // this template joins it
        tool_calls: [{ ...call, function: { name: "get_weather", arguments: { city: "Zürich" } } }],
      },
      { role: "tool", tool_call_id: "abc", name: "get_weather", content: "21" },
      { role: "assistant", content: [{ type: "text", text: "No." }] },
    ]);
  });
});

describe("tools", () => {
  const withTools = { messages: ASKED, tools: [WEATHER] };
  const called = {
    id: expect.stringMatching(/^[a-zA-Z0-9]{9}$/),
    type: "function",
    function: { name: "get_weather", arguments: expect.any(String) },
  };

  test("are given to the template, and their calls are read out of the answer", async () => {
    const { model, answer } = open({ template: QWEN, chunks: ["I look.", "\n<tool", CALL.slice(5)] });
    const { choices } = await answer(chat, withTools);
    expect(model.asked[0]!.options.tools).toEqual([WEATHER]);
    expect(choices).toMatchObject([
      { finish_reason: "tool_calls", message: { content: "I look.", tool_calls: [called] } },
    ]);
    const [{ message }] = choices as [{ message: { tool_calls: [typeof called] } }];
    expect(JSON.parse(message.tool_calls[0].function.arguments as string)).toEqual({ city: "Zürich" });
  });

  test("stream their calls one by one; a message of calls alone has no content", async () => {
    const { answer, stream } = open({ template: QWEN, chunks: [CALL, `\n${CALL}`] });
    const choices = (await stream(chat, withTools)).map(event => (event.choices as Json[])[0]!);
    expect(choices.map(({ delta }) => delta)).toEqual([
      { role: "assistant", content: "" },
      { tool_calls: [{ index: 0, ...called }] },
      { tool_calls: [{ index: 1, ...called }] },
      {},
    ]);
    expect(choices.at(-1)!.finish_reason).toBe("tool_calls");
    expect((await answer(chat, withTools)).choices).toMatchObject([{ message: { content: null } }]);
  });

  test("end the answer after one call where calls are not to be parallel", async () => {
    const { model, answer } = open({ template: QWEN, chunks: [CALL, `\n${CALL}`] });
    const { choices } = await answer(chat, { ...withTools, parallel_tool_calls: false });
    expect(choices).toMatchObject([{ finish_reason: "tool_calls", message: { tool_calls: [called] } }]);
    expect((choices as [{ message: { tool_calls: unknown[] } }])[0].message.tool_calls).toHaveLength(1);
    expect(model.cancelled).toBe(1);
  });

  test("are found where the marks of calls are control tokens, which the text does not show", async () => {
    const controls = ["[TOOL_CALLS]", "[ARGS]"];
    const { model, answer } = open({
      template: golden("mistralai-Mistral-Nemo-Instruct-2407"),
      controls,
      chunks: ["Well."],
    });
    const [name, json] = [await model.tokenize("get_weather"), await model.tokenize('{"city": "Zürich"}')];
    const fake = open({
      template: golden("mistralai-Mistral-Nemo-Instruct-2407"),
      controls,
      chunks: [
        { text: "Well.", ids: [0] },
        // two marks, and text before, between and behind them, in one chunk
        { text: ' Sure.get_weather{"city": "Zürich"}', ids: [0, 1000, ...name, 1001, ...json] },
      ],
    });
    // the same words have the same ids in both
    for (const word of ["Well.", " Sure.", "get_weather", '{"city": "Zürich"}'])
      await fake.model.tokenize(word);
    expect((await answer(chat, { messages: ASKED })).choices).toMatchObject([
      { message: { content: "Well." } },
    ]);
    expect(name.length + json.length).toBe(3);
    fake.model.detokenize = async ids =>
      ids.map(id => (id === name[0] ? "get_weather" : id === json[0] ? '{"city":' : ' "Zürich"}')).join("");
    expect((await fake.answer(chat, withTools)).choices).toMatchObject([
      { finish_reason: "tool_calls", message: { content: "Well. Sure.", tool_calls: [called] } },
    ]);
  });

  test("are left out with tool_choice none, and refused where they cannot be had", async () => {
    const { model, answer, failure } = open({ template: QWEN, chunks: [CALL] });
    expect((await answer(chat, { ...withTools, tool_choice: "none" })).choices).toMatchObject([
      { finish_reason: "stop", message: { content: CALL } },
    ]);
    expect(model.asked[0]!.options.tools).toBeUndefined();
    for (const tool_choice of ["required", { type: "function", function: { name: "get_weather" } }])
      expect(await failure(chat, { ...withTools, tool_choice })).toMatchObject({
        status: 400,
        param: "tool_choice",
      });
    const bare = open();
    expect(await bare.failure(chat, withTools)).toMatchObject({
      status: 400,
      param: "tools",
      message: expect.stringContaining("does not print the tools"),
    });
    expect(await failure(chat, { messages: ASKED, tools: [{ type: "custom" }] })).toMatchObject({
      param: "tools[0].type",
    });
  });
});

describe("responses", () => {
  const types = (events: readonly Json[]) =>
    events.map(({ type }) => (type as string).replace("response.", ""));

  test("answer with an output, and stream every step of it", async () => {
    const { model, answer, stream } = open({ chunks: [{ text: "", reasoning: "Hm", ids: [7] }, "Yes"] });
    const whole = await answer("responses", {
      input: "Really?",
      instructions: "Be brief.",
      max_output_tokens: 5,
    });
    expect(whole).toMatchObject({
      object: "response",
      status: "completed",
      output: [
        { type: "reasoning", content: [{ type: "reasoning_text", text: "Hm" }] },
        { type: "message", role: "assistant", content: [{ type: "output_text", text: "Yes" }] },
      ],
      usage: {
        input_tokens: 20,
        input_tokens_details: { cached_tokens: 16 },
        output_tokens_details: { reasoning_tokens: 1 },
      },
    });
    expect(model.asked[0]).toMatchObject({
      prompt: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Really?" },
      ],
      options: { maxTokens: 5 },
    });
    const events = await stream("responses", { input: "Really?" });
    const item = (kind: string) => [
      "output_item.added",
      "content_part.added",
      `${kind}_text.delta`,
      `${kind}_text.done`,
      "content_part.done",
      "output_item.done",
    ];
    expect(types(events)).toEqual([
      "created",
      "in_progress",
      ...item("reasoning"),
      ...item("output"),
      "completed",
    ]);
    expect(events.map(event => event.sequence_number)).toEqual(events.map((_, index) => index));
  });

  test("call tools, and take calls and what came of them as input", async () => {
    const { model, answer, stream } = open({ template: QWEN, chunks: [CALL] });
    const tools = [{ type: "function", ...WEATHER.function }];
    const { output } = await answer("responses", { input: "Weather?", tools });
    expect(output).toMatchObject([
      { type: "function_call", name: "get_weather", call_id: expect.any(String) },
    ]);
    expect(types(await stream("responses", { input: "Weather?", tools }))).toEqual([
      "created",
      "in_progress",
      "output_item.added",
      "function_call_arguments.delta",
      "function_call_arguments.done",
      "output_item.done",
      "completed",
    ]);
    const [call] = output as [Json];
    await answer("responses", {
      input: [
        { role: "user", content: [{ type: "input_text", text: "Weather?" }] },
        call,
        { type: "function_call_output", call_id: call.call_id, output: "21" },
      ],
    });
    expect(model.asked.at(-1)!.prompt).toMatchObject([
      { role: "user" },
      { role: "assistant", tool_calls: [{ id: call.call_id, function: { arguments: { city: "Zürich" } } }] },
      { role: "tool", name: "get_weather", content: "21" },
    ]);
  });

  test("say that they are incomplete, and what is not there", async () => {
    const { answer, failure } = open({ finishReason: "length" });
    expect(await answer("responses", { input: "a" })).toMatchObject({
      status: "incomplete",
      incomplete_details: { reason: "max_output_tokens" },
    });
    for (const [param, body] of Object.entries({
      previous_response_id: { previous_response_id: "resp_1" },
      truncation: { truncation: "auto" },
      "text.format": { text: { format: { type: "json_schema" } } },
      "tools[0].type": { tools: [{ type: "web_search" }] },
      "reasoning.effort": { reasoning: { effort: "huge" } },
      "input[0].content[0].type": { input: [{ role: "user", content: [{ type: "input_image" }] }] },
      "input[0].type": { input: [{ type: "computer_call" }] },
    }))
      expect(await failure("responses", { input: "a", ...body })).toMatchObject({ status: 400, param });
  });
});

describe("the other endpoints", () => {
  test("complete texts and ids, several at once, and stream", async () => {
    const { model, answer, stream } = open();
    const { choices, usage } = await answer("completions", { prompt: ["a", [1, 2]] });
    expect(choices).toMatchObject([
      { index: 0, text: "Hello there" },
      { index: 1, text: "Hello there" },
    ]);
    expect(usage).toMatchObject({ prompt_tokens: 40, completion_tokens: 4, total_tokens: 44 });
    expect(model.asked.map(({ prompt }) => prompt)).toEqual(["a", [1, 2]]);
    expect(model.asked[0]!.options.maxTokens).toBe(16); // OpenAI's
    const events = await stream("completions", { prompt: "a", stream_options: { include_usage: true } });
    expect(events.map(({ choices }) => (choices as Json[])[0]?.text)).toEqual([
      "Hello",
      " there",
      "",
      undefined,
    ]);
  });

  test("embed, as numbers and as bytes", async () => {
    const { answer } = open();
    const numbers = await answer("embeddings", { input: ["a b", "c"] });
    expect(numbers).toMatchObject({
      data: [{ embedding: [0.5, 0] }, { embedding: [0.5, 1] }],
      usage: { prompt_tokens: 3, total_tokens: 3 },
    });
    const { data } = await answer("embeddings", { input: "a", encoding_format: "base64" });
    const bytes = Buffer.from((data as [{ embedding: string }])[0].embedding, "base64");
    expect([bytes.readFloatLE(0), bytes.readFloatLE(4)]).toEqual([0.5, 0]);
  });

  test("rank documents", async () => {
    const { answer, failure } = open();
    const body = { query: "q", documents: ["a", { text: "b" }], top_n: 1, return_documents: true };
    expect(await answer("rerank", body)).toMatchObject({
      results: [{ index: 1, relevance_score: 1, document: { text: "b" } }],
    });
    expect(await failure("rerank", { ...body, documents: [""] })).toMatchObject({
      status: 400,
      code: "not_a_reranker",
    });
  });

  test("list the models, by the names that they are served under", async () => {
    const fetch = createFetch({ "a/b": fakeModel(), c: fakeModel() });
    const list = (await (await fetch("http://tab/v1/models")).json()) as { data: Json[] };
    expect(list.data.map(({ id }) => id)).toEqual(["a/b", "c"]);
    expect(await (await fetch(new URL("http://tab/v1/models/a%2Fb"))).json()).toMatchObject({ id: "a/b" });
    for (const other of ["d", "%E0%A4%A"])
      expect((await fetch(`http://tab/v1/models/${other}`)).status, other).toBe(404);
  });
});

describe("what is wrong", () => {
  test("is answered with OpenAI's status and the field", async () => {
    const { failure } = open();
    for (const [param, body] of Object.entries({
      messages: { messages: undefined },
      temperature: { temperature: 3 },
      top_p: { top_p: "1" },
      n: { n: 0 },
      max_tokens: { max_tokens: 1.5 },
      stop: { stop: [""] },
      stream: { stream: "yes" },
      logit_bias: { logit_bias: { a: 1 } },
      reasoning_effort: { reasoning_effort: "huge" },
      "messages[0].role": { messages: [{ content: "a" }] },
      "messages[0].content[0].type": { messages: [{ role: "user", content: [{ type: "image_url" }] }] },
      "messages[0].tool_calls[0].function.arguments": {
        messages: [
          {
            role: "assistant",
            content: null,
            tool_calls: [{ id: "a", function: { name: "f", arguments: "[" } }],
          },
        ],
      },
      "stream_options.include_usage": { stream_options: { include_usage: 1 } },
      logprobs: { logprobs: true },
      top_logprobs: { top_logprobs: 2 },
      response_format: { response_format: { type: "json_schema", json_schema: {} } },
      functions: { functions: [{}] },
    }))
      expect(await failure(chat, { messages: ASKED, ...body }), param).toEqual({
        status: 400,
        type: "invalid_request_error",
        param,
        code: expect.any(String),
        message: expect.any(String),
      });
  });

  test("is answered before anything is computed", async () => {
    const { model, failure } = open();
    await failure(chat, { messages: ASKED, seed: "a", stream: true });
    expect(model.asked).toEqual([]);
  });

  test("in address, method, model and body has its own status", async () => {
    const { fetch, failure } = open();
    const status = async (path: string, init?: RequestInit) =>
      (await fetch(`http://tab/v1/${path}`, init)).status;
    expect(await status("images")).toBe(404);
    expect(await status("toString", { method: "POST", body: "{}" })).toBe(404);
    expect(await status(chat)).toBe(405);
    expect((await fetch("/v1/models", { method: "POST" })).headers.get("allow")).toBe("GET");
    expect(await status(chat, { method: "POST", body: "{" })).toBe(400);
    expect(await failure(chat, { model: "other" })).toMatchObject({
      status: 404,
      code: "model_not_found",
      param: "model",
    });
    expect(await failure(chat, { model: undefined })).toMatchObject({ status: 400, param: "model" });
  });

  test("in the model's work is told by its own code, and not to be tried again", async () => {
    const tooLong = new InputError("prompt-too-long", "The prompt has 99 tokens.");
    const long = open({ failure: tooLong });
    const expected = { status: 400, code: "context_length_exceeded", param: "messages" };
    for (const stream of [false, true])
      expect(await long.failure(chat, { messages: ASKED, stream })).toMatchObject(expected);
    expect(await long.failure("completions", { prompt: "a" })).toMatchObject({
      ...expected,
      param: "prompt",
    });
    const lost = open({ failure: new DeviceLostError("device-lost", "The GPU is gone.") });
    const response = await lost.post(chat, { messages: ASKED });
    expect([response.status, response.headers.get("x-should-retry")]).toEqual([503, "false"]);
    expect(await response.json()).toMatchObject({ error: { type: "server_error", code: "device_lost" } });
    const bug = new TypeError("a bug");
    await expect(open({ failure: bug }).post(chat, { messages: ASKED })).rejects.toBe(bug);
  });
});

describe("a signal", () => {
  const messages = ASKED;

  test("that was aborted before rejects with its reason, and nothing is asked of the model", async () => {
    const { model, post } = open();
    const reason = new Error("changed my mind");
    await expect(post(chat, { messages }, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(model.asked).toEqual([]);
  });

  test.each([{ stream: false }, { stream: true, silent: true }])(
    "in the model's work rejects with its reason: %j",
    async ({ stream, silent }) => {
      const { post } = open({ hangs: true, chunks: silent ? [] : ["a"] });
      const controller = new AbortController();
      const answer = post(chat, { messages, stream }, { signal: controller.signal });
      setTimeout(() => controller.abort(), 20);
      await expect(answer).rejects.toMatchObject({ name: "AbortError" });
    },
  );

  test("in mid-stream fails the reader with its reason", async () => {
    const { post } = open({ hangs: true });
    const controller = new AbortController();
    const { body } = await post(chat, { messages, stream: true }, { signal: controller.signal });
    const reader = body!.getReader();
    await reader.read();
    controller.abort();
    await expect(
      (async () => {
        while (!(await reader.read()).done);
      })(),
    ).rejects.toMatchObject({ name: "AbortError" });
  });

  test("is not needed: a stream that is not read on ends the generation", async () => {
    const { model, post } = open({ hangs: true });
    const { body } = await post(chat, { messages, stream: true });
    const reader = body!.getReader();
    await reader.read();
    await reader.cancel();
    expect(model.asked[0]!.options.signal!.aborted).toBe(true);
  });

  test("of a Request counts too", async () => {
    const { fetch } = open();
    const request = new Request("http://tab/v1/models", { signal: AbortSignal.abort() });
    await expect(fetch(request)).rejects.toMatchObject({ name: "AbortError" });
    const body = JSON.stringify({ model: "fake", messages });
    const asked = new Request("http://tab/v1/chat/completions", { method: "POST", body });
    expect((await fetch(asked)).status).toBe(200);
  });
});
