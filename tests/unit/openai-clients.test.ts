// Clients that run tools by themselves, in front of a model whose answers are given: it calls a tool, then tells what came of it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";
import OpenAI from "openai";
import OpenAIv6 from "openai-v6";
import { describe, expect, test } from "vitest";
import { root } from "../../scripts/lib/process.mjs";
import { createFetch } from "../../src/api/openai/create-fetch.ts";
import { fakeModel } from "./support/fake-model.ts";

const { template } = JSON.parse(
  readFileSync(join(root, "tests/golden/templates/Qwen3.5-4B.json"), "utf8"),
) as { template: string };
const CALL =
  "<tool_call>\n<function=get_weather>\n<parameter=city>\nZürich\n</parameter>\n<parameter=days>\n2\n</parameter>\n</function>\n</tool_call>";
const parameters = {
  type: "object" as const,
  properties: { city: { type: "string" as const }, days: { type: "number" as const } },
};
const messages = [{ role: "user" as const, content: "Weather in Zürich?" }];
const weather = ({ city, days }: { city: string; days: number }): string => `${city}: ${days} dry days`;

/** Says what the tool said, once it did. */
function model() {
  return fakeModel({
    template,
    chunks: conversation => {
      const last = conversation.at(-1)!;
      if (last.role !== "tool") return ["I look.\n", CALL.slice(0, 20), CALL.slice(20)];
      const content = last.content;
      return [
        `It says ${typeof content === "string" ? content : content?.map(({ text }) => text).join("")}.`,
      ];
    },
  });
}

describe.each([
  ["v7", OpenAI],
  ["v6", OpenAIv6 as unknown as typeof OpenAI],
] as const)("the openai package, %s", (_version, Client) => {
  const settings = { baseURL: "http://tab/v1", apiKey: "none", dangerouslyAllowBrowser: true };

  test.each([false, true])("runs a tool and gives the model what it said, streaming: %s", async streaming => {
    const fake = model();
    const client = new Client({ ...settings, fetch: createFetch(fake) });
    const definition = {
      type: "function" as const,
      function: {
        name: "get_weather",
        description: "Weather",
        parameters,
        function: weather,
        parse: (text: string) => JSON.parse(text) as { city: string; days: number },
      },
    };
    const body = { model: "fake", messages, tools: [definition] };
    const runner = streaming
      ? client.chat.completions.runTools({ ...body, stream: true })
      : client.chat.completions.runTools({ ...body, stream: false });
    expect(await runner.finalContent()).toBe("It says Zürich: 2 dry days.");
    expect(fake.asked[1]!.prompt).toMatchObject([
      { role: "user" },
      {
        role: "assistant",
        content: "I look.",
        tool_calls: [{ function: { name: "get_weather", arguments: { city: "Zürich", days: 2 } } }],
      },
      { role: "tool", name: "get_weather", content: "Zürich: 2 dry days" },
    ]);
  });
});

describe("the AI SDK", () => {
  const options = (fake: ReturnType<typeof model>) => ({
    model: createOpenAICompatible({ name: "intab", baseURL: "http://tab/v1", fetch: createFetch(fake) })(
      "fake",
    ),
    messages,
    stopWhen: stepCountIs(3),
    tools: {
      get_weather: tool({
        description: "Weather",
        inputSchema: jsonSchema<{ city: string; days: number }>(parameters),
        execute: async given => weather(given),
      }),
    },
  });

  test("runs a tool and gives the model what it said", async () => {
    const { text, steps } = await generateText(options(model()));
    expect(text).toContain("Zürich: 2 dry days");
    expect(steps.map(({ finishReason }) => finishReason)).toEqual(["tool-calls", "stop"]);
  });

  test("does so while it streams", async () => {
    const stream = streamText(options(model()));
    const parts: string[] = [];
    for await (const { type } of stream.fullStream)
      if (type.startsWith("tool-") || type === "error") parts.push(type);
    expect(parts).toEqual(expect.arrayContaining(["tool-call", "tool-result"]));
    expect(parts).not.toContain("error");
    expect(await stream.text).toContain("Zürich: 2 dry days");
  });
});
