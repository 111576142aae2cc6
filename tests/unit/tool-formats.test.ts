// Which format of calls is learned from real chat templates, and that a template's own calls are read back.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "../../scripts/lib/process.mjs";
import { createRenderer } from "../../src/tokenizer/chat-template.ts";
import { learnTools } from "../../src/tools/learn.ts";
import { createToolStream } from "../../src/tools/stream.ts";
import type { ChatMessage, ToolDefinition } from "../../src/types.ts";

const TEMPLATES = join(root, "tests/golden/templates");
const render = createRenderer({ bos_token: "<s>", eos_token: "</s>" });
const learn = (template: string) =>
  learnTools(async (messages, options) => render(template, messages, options));
const golden = (name: string): string =>
  (JSON.parse(readFileSync(join(TEMPLATES, `${name}.json`), "utf8")) as { template: string }).template;

const NO_TOOLS = expect.stringContaining("does not print the tools");
/** Family, or why there is none. */
const EXPECTED: Readonly<Record<string, unknown>> = {
  "HuggingFaceTB-SmolLM3-3B": NO_TOOLS, // this edit of it leaves them out
  "LFM2.5-Instruct": "pythonic",
  "NousResearch-Hermes-3-Llama-3.1-8B-tool_use": "hermes",
  "Qwen-Qwen2.5-7B-Instruct": "hermes",
  "Qwen3.5-4B": "qwen-xml",
  "deepseek-ai-DeepSeek-R1-Distill-Llama-8B": NO_TOOLS,
  "google-gemma-2-2b-it": NO_TOOLS,
  "ibm-granite-granite-4.0": "hermes",
  "meta-llama-Llama-3.2-3B-Instruct": "json",
  "microsoft-Phi-3.5-mini-instruct": NO_TOOLS,
  "mistralai-Mistral-Nemo-Instruct-2407": "mistral",
  "openai-gpt-oss-120b": "harmony",
};

/** Templates in the form of models that are not among the golden ones: a system prompt with tools, then turns. */
const chatml = (call: string, around: readonly [string, string] = ["", ""]): string =>
  `{%- if tools %}<|im_start|>system\n{{ tools | tojson }}<|im_end|>\n{% endif %}
  {%- for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content or "" }}
  {%- if message.tool_calls %}${around[0]}{% for tool_call in message.tool_calls %}{% set f = tool_call.function %}${call}{% endfor %}${around[1]}{% endif %}<|im_end|>\n{% endfor %}
  {%- if add_generation_prompt %}<|im_start|>assistant\n{% endif %}`;
const SEP = "<｜tool▁sep｜>";
const OTHERS: readonly (readonly [name: string, family: string, template: string])[] = [
  [
    "Granite 3",
    "json",
    chatml('{"name": "{{ f.name }}", "arguments": {{ f.arguments | tojson }}}', ["<|tool_call|>[", "]"]),
  ],
  [
    "Command R7B",
    "json",
    // reasoning before the calls, and marks of its own around a plain answer
    `{% if tools %}{{ tools | tojson }}{% endif %}{% for m in messages %}<|START_OF_TURN_TOKEN|>{{ m.role }}
    {%- if m.tool_calls %}<|START_THINKING|>{{ m.reasoning_content }}<|END_THINKING|><|START_ACTION|>[
      {% for c in m.tool_calls %}{"tool_call_id": "0", "tool_name": "{{ c.function.name }}", "parameters": {{ c.function.arguments | tojson }}}{% if not loop.last %},{% endif %}{% endfor %}
    ]<|END_ACTION|><|END_OF_TURN_TOKEN|>
    {%- else %}<|START_RESPONSE|>{{ m.content }}<|END_RESPONSE|><|END_OF_TURN_TOKEN|>{% endif %}{% endfor %}`,
  ],
  [
    "Phi-4 mini",
    "json",
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% if loop.first and tools %}<|tool|>{{ tools | tojson }}<|/tool|>{% endif %}<|end|>{% endfor %}",
  ],
  [
    "DeepSeek V3.1",
    "deepseek",
    chatml(`<｜tool▁call▁begin｜>{{ f.name }}${SEP}{{ f.arguments | tojson }}<｜tool▁call▁end｜>`, [
      "<｜tool▁calls▁begin｜>",
      "<｜tool▁calls▁end｜>",
    ]),
  ],
  [
    "DeepSeek V3, which joins text",
    "deepseek",
    chatml(
      `{{ '<｜tool▁call▁begin｜>function${SEP}' + f.name + '\n\`\`\`json\n' + f.arguments + '\n\`\`\`<｜tool▁call▁end｜>' }}`,
      ["<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"],
    ),
  ],
  [
    "GLM 4.5",
    "glm",
    chatml(
      "<tool_call>{{ f.name }}\n{% for k, v in f.arguments.items() %}<arg_key>{{ k }}</arg_key>\n<arg_value>{{ v }}</arg_value>\n{% endfor %}</tool_call>",
    ),
  ],
  [
    "Gemma 4",
    "gemma",
    chatml(
      '<|tool_call>call:{{ f.name }}{{ "{" }}{% for k, v in f.arguments.items() %}{{ k }}:<|"|>{{ v }}<|"|>{% endfor %}{{ "}" }}<tool_call|>',
    ),
  ],
  [
    "FunctionGemma",
    "gemma",
    chatml(
      '<start_function_call>call:{{ f.name }}{{ "{" }}{% for k, v in f.arguments.items() %}{{ k }}:<escape>{{ v }}<escape>{% endfor %}{{ "}" }}<end_function_call>',
    ),
  ],
  ["Mistral Small 3.2", "mistral", chatml("[TOOL_CALLS]{{ f.name }}[ARGS]{{ f.arguments | tojson }}")],
  ["functionary 3.1", "functionary", chatml("<function={{ f.name }}>{{ f.arguments | tojson }}</function>")],
  [
    "Llama 3.2 in Python",
    "pythonic",
    chatml('{{ f.name }}({% for k, v in f.arguments.items() %}{{ k }}="{{ v }}"{% endfor %})', ["[", "]"]),
  ],
];

const TOOL: ToolDefinition = {
  type: "function",
  function: {
    name: "get_weather",
    description: "Weather",
    parameters: { type: "object", properties: { city: { type: "string", description: "City" } } },
  },
};
const ASKED: ChatMessage = { role: "user", content: "Weather in Zürich?" };
const called = (as: "object" | "text"): ChatMessage => ({
  role: "assistant",
  content: as === "text" ? null : "",
  tool_calls: [
    {
      id: "abcdef123",
      type: "function",
      function: {
        name: "get_weather",
        arguments: as === "text" ? '{"city": "Zürich"}' : { city: "Zürich" },
      },
    },
  ],
});

test("every golden template has its format, or a reason why there is none", async () => {
  const names = readdirSync(TEMPLATES).flatMap(file => (file.endsWith(".json") ? [file.slice(0, -5)] : []));
  expect(names.sort()).toEqual(Object.keys(EXPECTED).sort());
  for (const name of names) {
    const learned = await learn(golden(name));
    expect(typeof learned === "string" ? learned : learned.format.family, name).toEqual(EXPECTED[name]);
  }
});

test.each(OTHERS)("the format of %s is learned from its template", async (_name, family, template) => {
  const learned = await learn(template);
  expect(learned).toMatchObject({ format: { family } });
});

test("arguments are given as text to a template that joins text", async () => {
  const of = async (name: string) => learn(OTHERS.find(([other]) => other === name)![2]);
  expect(await of("DeepSeek V3, which joins text")).toMatchObject({ argumentsAs: "text" });
  expect(await of("DeepSeek V3.1")).toMatchObject({ argumentsAs: "object" });
});

test("a template that prints calls in words has no format", async () => {
  expect(await learn(chatml("I call {{ f.name }} with {{ f.arguments.probe_field }}."))).toContain(
    "does not know",
  );
});

test("a failure that is not the template's is not taken for one of the template", async () => {
  const broken = new Error("the worker is gone");
  await expect(learnTools(() => Promise.reject(broken))).rejects.toBe(broken);
});

describe("a call that a template prints is read back", () => {
  const own = Object.keys(EXPECTED).map(name => [name, golden(name)] as const);
  const others = OTHERS.map(([name, , template]) => [name, template] as const);
  // these print no calls: what their models write is in tool-stream.test.ts
  const silent = ["LFM2.5-Instruct", "Phi-4 mini"];
  test.each([...own, ...others].filter(([name]) => !silent.includes(name)))("%s", async (name, template) => {
    const learned = await learn(template);
    if (typeof learned === "string") return expect(EXPECTED[name]).toBe(NO_TOOLS);
    const text = (messages: ChatMessage[]): string =>
      render(template, messages, { tools: [TOOL], addGenerationPrompt: false });
    const before = text([ASKED]);
    const whole = text([ASKED, called(learned.argumentsAs)]);
    // the turn's own marks are control tokens, which an answer does not show
    const answer = whole
      .slice(before.length)
      .replace(/<\/s>|<\|(im_end|eot_id|end_of_text|call)\|>\n?|^<\|start\|>assistant/g, "")
      .replace(/^<\|im_start\|>assistant\n|^<\|start_header_id\|>assistant<\|end_header_id\|>\n\n/, "")
      .replace(/^<\|START_OF_TURN_TOKEN\|>assistant.*<\|END_THINKING\|>|<\|END_OF_TURN_TOKEN\|>/g, "")
      .replace(/^<\|start_of_role\|>assistant<\|end_of_role\|>|^<think>\n\n<\/think>\n\n/g, "");
    const stream = createToolStream(learned.format, new Map([["get_weather", TOOL.function.parameters!]]));
    const events = [...stream.push(answer), ...stream.flush()];
    expect(
      events.map(event => "call" in event && { ...event.call, arguments: JSON.parse(event.call.arguments) }),
    ).toEqual([{ name: "get_weather", arguments: { city: "Zürich" } }]);
  });
});
