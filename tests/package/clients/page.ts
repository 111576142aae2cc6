// The clients that people use, in a page with a model: what tests/package/clients.test.ts calls by name.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embed, generateText, streamText } from "ai";
import { load } from "intab";
import { createFetch } from "intab/openai";
import OpenAI from "openai";
import OpenAIv6 from "openai-v6";

const NAME = "intab-tiny";
const baseURL = "http://tab/v1";
const messages = [{ role: "user" as const, content: "Who lives in the wood?" }];
const GREEDY = { model: NAME, temperature: 0 };

// in f32: the same text again, whether a prompt was computed before or not
const model = await load("/intab-tiny-q4_0.gguf", { contextLength: 256, features: { f16: false } });
const fetch = createFetch(model);
const settings = { baseURL, apiKey: "none", fetch, dangerouslyAllowBrowser: true };
/** Of two major versions: what is used here is the same in both. */
const clients = { v7: new OpenAI(settings), v6: new OpenAIv6(settings) as unknown as OpenAI };
const provider = createOpenAICompatible({ name: "intab", baseURL, fetch, includeUsage: true });

async function thrown(work: () => PromiseLike<unknown>) {
  try {
    await work();
    return null;
  } catch (error) {
    const { status, code, param, type, message } = error as Record<string, unknown>;
    return { status, code, param, type, message };
  }
}

const calls = {
  /** The same answer in one piece and streamed, and what the engine itself says. */
  async chat(version: keyof typeof clients) {
    const { completions } = clients[version].chat;
    const whole = await completions.create({ ...GREEDY, messages, max_completion_tokens: 8 });
    const own = await model.chat(messages, { temperature: 0, maxTokens: 8 });
    const stream = await completions.create({
      ...GREEDY,
      messages,
      max_tokens: 8,
      stream: true,
      stream_options: { include_usage: true },
    });
    let [streamed, reason, chunks] = ["", "", 0];
    let usage: unknown;
    for await (const chunk of stream) {
      streamed += chunk.choices[0]?.delta.content ?? "";
      reason = chunk.choices[0]?.finish_reason ?? reason;
      if (chunk.choices[0]?.delta.content) chunks++;
      if (chunk.usage) usage = chunk.usage;
    }
    return {
      own: own.text,
      whole: whole.choices[0]!.message.content,
      usage: whole.usage,
      streamed: { text: streamed, reason, chunks, usage },
    };
  },

  /** Leaves a long answer in mid-stream, in both ways; then the model has to be free. */
  async abort(version: keyof typeof clients) {
    const client = clients[version];
    const create = () => client.chat.completions.create({ ...GREEDY, messages, stream: true });
    const started = performance.now();
    let [left, aborted] = [0, 0];
    for await (const _ of await create()) if (++left === 3) break;
    const stream = await create();
    for await (const _ of stream) if (++aborted === 3) stream.controller.abort();
    const controller = new AbortController();
    const whole = client.chat.completions.create({ ...GREEDY, messages }, { signal: controller.signal });
    setTimeout(() => controller.abort(), 50);
    const failed = await thrown(() => whole);
    const { text } = await model.chat(messages, { temperature: 0, maxTokens: 2 });
    return {
      left,
      failed: failed?.message,
      free: text !== "",
      seconds: (performance.now() - started) / 1000,
    };
  },

  async failures(version: keyof typeof clients) {
    const client = clients[version];
    const { completions } = client.chat;
    const long = [{ role: "user" as const, content: "wood ".repeat(1000) }];
    return {
      model: await thrown(() => completions.create({ model: "gpt-4o", messages })),
      value: await thrown(() => completions.create({ ...GREEDY, messages, temperature: 7 })),
      field: await thrown(() => completions.create({ ...GREEDY, messages, logprobs: true })),
      long: await thrown(() => completions.create({ ...GREEDY, messages: long })),
      longStream: await thrown(() => completions.create({ ...GREEDY, messages: long, stream: true })),
      rerank: await thrown(() =>
        client.post("/rerank", { body: { model: NAME, query: "a", documents: ["b"] } }),
      ),
      path: await thrown(() => client.images.generate({ prompt: "a wood" })),
    };
  },

  async others(version: keyof typeof clients) {
    const client = clients[version];
    const [own] = await model.embed(["The wood."]);
    const vectors = await client.embeddings.create({ model: NAME, input: ["The wood.", "The sea."] });
    const floats = await client.embeddings.create({
      model: NAME,
      input: "The wood.",
      encoding_format: "float",
    });
    const apart = (vector: readonly number[]): number =>
      Math.max(...vector.map((value, index) => Math.abs(value - own![index]!)));
    const listed: string[] = [];
    for await (const { id } of client.models.list()) listed.push(id);
    const story = await client.completions.create({ ...GREEDY, prompt: "Once upon", max_tokens: 4, n: 2 });
    const response = await client.responses.create({ ...GREEDY, input: messages, max_output_tokens: 8 });
    const steps: string[] = [];
    let streamed = "";
    const events = await client.responses.create({
      ...GREEDY,
      input: messages,
      max_output_tokens: 8,
      stream: true,
    });
    for await (const event of events) {
      if (steps.at(-1) !== event.type) steps.push(event.type);
      if (event.type === "response.output_text.delta") streamed += event.delta;
    }
    return {
      listed,
      retrieved: (await client.models.retrieve(NAME)).id,
      // base64, as the client asks for by itself, and numbers
      apart: [apart(vectors.data[0]!.embedding), apart(floats.data[0]!.embedding)],
      tokens: vectors.usage,
      story: story.choices.map(({ text }) => text),
      response: { text: response.output_text, status: response.status, usage: response.usage },
      streamed,
      steps,
    };
  },

  async sdk() {
    const options = { model: provider(NAME), messages, temperature: 0, maxOutputTokens: 8 };
    const { text, usage, finishReason } = await generateText(options);
    const stream = streamText(options);
    let streamed = "";
    for await (const piece of stream.textStream) streamed += piece;
    const streamedUsage = await stream.usage;
    const { embedding } = await embed({ model: provider.embeddingModel(NAME), value: "The wood." });
    const controller = new AbortController();
    const parts: string[] = [];
    const aborted = streamText({
      model: provider(NAME),
      messages,
      abortSignal: controller.signal,
      onError: () => {},
    });
    for await (const { type } of aborted.fullStream) {
      if (parts.at(-1) !== type) parts.push(type);
      if (type === "text-delta") controller.abort();
    }
    const failed = await thrown(() => generateText({ ...options, model: provider("gpt-4o"), maxRetries: 0 }));
    return {
      text,
      usage,
      finishReason,
      streamed,
      streamedUsage,
      dimensions: embedding.length,
      hiddenSize: model.info.hiddenSize,
      aborted: parts.at(-1),
      failed: failed?.message,
    };
  },
};

Object.assign(globalThis, { calls });
export type Calls = typeof calls;
