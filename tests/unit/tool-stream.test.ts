// What models write when they call tools, whole and cut at every place.
import { describe, expect, test } from "vitest";
import { createReasoningSplitter } from "../../src/tokenizer/reasoning.ts";
import {
  deepseek,
  functionary,
  gemma,
  glm,
  harmony,
  hermes,
  jsonCalls,
  mistral,
  pythonic,
  qwenXml,
} from "../../src/tools/families.ts";
import { marksOf, type ToolFormat } from "../../src/tools/format.ts";
import { createToolStream, type ToolEvent } from "../../src/tools/stream.ts";

const SCHEMAS = new Map(
  Object.entries({
    get_weather: {
      properties: {
        city: { type: "string" },
        days: { type: "integer" },
        at: { type: ["string", "null"] },
        spots: { type: "array" },
        wind: { type: "boolean" },
      },
    },
    add: { properties: { a: { type: "number" }, b: { type: "number" } } },
  }),
);

type Said = string | [name: string, given: unknown];
type Case = readonly [what: string, answer: string, said: readonly Said[]];

const ZURICH: Said = ["get_weather", { city: "Zürich" }];
const ADD: Said = ["add", { a: 1, b: -2.5 }];
const LONG = { city: 'a "b" {c}\n</d> \\ 👍', spots: [1, { x: [true, null] }] };
const LONG_JSON = JSON.stringify(LONG);
const SEP = "<｜tool▁sep｜>";
const begin = "<｜tool▁call▁begin｜>";
const end = "<｜tool▁call▁end｜>";
const lfm2 = pythonic("pythonic", { opens: ["<|tool_call_start|>"], close: "<|tool_call_end|>" });
const barePython = pythonic("pythonic", { opens: ["<|python_tag|>"], close: null, bare: "[" });
const bareJson = jsonCalls("json", { opens: ["<|python_tag|>"], close: null, bare: "{" });
const granite3 = jsonCalls("json", { opens: ["<|tool_call|>"], close: null });
const phi4 = jsonCalls("json", { opens: ["<|tool_call|>"], close: "<|/tool_call|>" });
const commandR = jsonCalls("json", { opens: ["<|START_ACTION|>"], close: "<|END_ACTION|>" });
const gemma4 = gemma({ opens: ["<|tool_call>"], close: "<tool_call|>" }, '<|"|>');

const FAMILIES: Readonly<Record<string, readonly [ToolFormat, ...Case[]]>> = {
  hermes: [
    hermes,
    ["one", '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Zürich"}}\n</tool_call>', [ZURICH]],
    [
      "text and two",
      'Let me see.\n\n<tool_call>\n{"name": "get_weather", "arguments": {"city": "Zürich"}}\n</tool_call>\n<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": -2.5}}\n</tool_call>',
      ["Let me see.", ZURICH, ADD],
    ],
    [
      "its own end inside of a text",
      '<tool_call>{"name": "get_weather", "arguments": {"city": "</tool_call>"}}</tool_call>',
      [["get_weather", { city: "</tool_call>" }]],
    ],
    [
      "nested values",
      `<tool_call>{"name": "get_weather", "arguments": ${LONG_JSON}}</tool_call>`,
      [["get_weather", LONG]],
    ],
    [
      "arguments as text",
      '<tool_call>{"name": "add", "arguments": "{\\"a\\": 1, \\"b\\": -2.5}"}</tool_call>',
      [ADD],
    ],
    ["no end", '<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": -2.5}}', [ADD]],
    ["half an end", '<tool_call>{"name": "add", "arguments": {"a": 1, "b": -2.5}}</tool_', [ADD]],
    ["cut short", 'So: <tool_call>\n{"name": "add", "argu', ['So: <tool_call>\n{"name": "add", "argu']],
    ["no call", "1 < 2, <tool> and <tool_call", ["1 < 2, <tool> and <tool_call"]],
    ["no JSON", "<tool_call>hello</tool_call> there ", ["<tool_call>hello</tool_call> there "]],
    ["white space", "  \n", ["  \n"]],
  ],
  "qwen-xml": [
    qwenXml,
    [
      "values by their schema",
      "<tool_call>\n<function=get_weather>\n<parameter=city>\n42\n</parameter>\n<parameter=days>\n3\n</parameter>\n<parameter=wind>\nTrue\n</parameter>\n<parameter=at>\nnull\n</parameter>\n</function>\n</tool_call>",
      [["get_weather", { city: "42", days: 3, wind: true, at: null }]],
    ],
    [
      "lines, marks in a value, and a second one",
      "Hm.\n<tool_call>\n<function=get_weather>\n<parameter=city>\na\n</tool_call>\n<b>\n</parameter>\n</function>\n</tool_call>\n<tool_call>\n<function=add>\n<parameter=a>\n1\n</parameter>\n<parameter=b>\n-2.5\n</parameter>\n</function>\n</tool_call>",
      ["Hm.", ["get_weather", { city: "a\n</tool_call>\n<b>" }], ADD],
    ],
    ["no arguments", "<tool_call><function=add></function></tool_call>", [["add", {}]]],
    [
      "cut short",
      "<tool_call>\n<function=add>\n<parameter=a>\n1\n</parameter>\n</function>",
      [["add", { a: 1 }]],
    ],
  ],
  glm: [
    glm,
    [
      "two, and values by their schema",
      "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Zürich</arg_value>\n</tool_call>\n<tool_call>add<arg_key>a</arg_key><arg_value>1</arg_value><arg_key>b</arg_key><arg_value>-2.5</arg_value></tool_call>",
      [ZURICH, ADD],
    ],
    ["no arguments", "ok <tool_call>add\n</tool_call>", ["ok", ["add", {}]]],
    ["text", "<tool_call>a b c</tool_call>", ["<tool_call>a b c</tool_call>"]],
  ],
  "json, bare (Llama 3)": [
    bareJson,
    ["one", ' {"name": "add", "parameters": {"a": 1, "b": -2.5}}', [ADD]],
    [
      "two",
      '{"name": "add", "parameters": {"a": 1, "b": -2.5}}; {"name": "get_weather", "parameters": {"city": "Zürich"}}',
      [ADD, ZURICH],
    ],
    [
      "behind a mark",
      '<|python_tag|>{"type": "function", "name": "add", "parameters": {"a": 1, "b": -2.5}}',
      [ADD],
    ],
    [
      "JSON that is an answer",
      '{"name": "Ada", "born": 1815} is all.',
      ['{"name": "Ada", "born": 1815} is all.'],
    ],
    ["of no tool that was offered", '{"name": "rm", "parameters": {}}', ['{"name": "rm", "parameters": {}}']],
    ["not at the start", 'Use {"name": "add"}', ['Use {"name": "add"}']],
    [
      "many digits",
      '{"name": "add", "parameters": {"a": 12345678901234567890}}',
      [["add", '{"a": 12345678901234567890}']],
    ],
  ],
  "json, Granite 3": [
    granite3,
    [
      "a list",
      '<|tool_call|>[{"name": "add", "arguments": {"a": 1, "b": -2.5}}, {"name": "get_weather", "arguments": {"city": "Zürich"}}]',
      [ADD, ZURICH],
    ],
    ["an empty list", "<|tool_call|>[]", ["<|tool_call|>[]"]],
  ],
  "json, Phi-4 mini": [
    phi4,
    ["a list", '<|tool_call|>[{"name": "add", "arguments": {"a": 1, "b": -2.5}}]<|/tool_call|>', [ADD]],
    [
      "the tool's own form",
      '<|tool_call|>[{"type": "function", "function": {"name": "add", "arguments": {"a": 1, "b": -2.5}}}]<|/tool_call|>',
      [ADD],
    ],
  ],
  "json, Command R7B": [
    commandR,
    [
      "a list",
      '<|START_ACTION|>[\n    {"tool_call_id": "0", "tool_name": "add", "parameters": {"a": 1, "b": -2.5}}\n]<|END_ACTION|>',
      [ADD],
    ],
  ],
  "pythonic, LFM2": [
    lfm2,
    [
      "two and text behind",
      '<|tool_call_start|>[get_weather(city="Zürich"), add(a=1, b=-2.5)]<|tool_call_end|>Checking.',
      [ZURICH, ADD, "Checking."],
    ],
    [
      "values",
      `<|tool_call_start|>[get_weather(city='a "b" {c}\\n</d> \\\\ \\U👍', spots=[1, {"x": [True, None]}], days=1_000, f=.5)]<|tool_call_end|>`,
      [["get_weather", { ...LONG, city: 'a "b" {c}\n</d> \\ \\U👍', days: 1000, f: 0.5 }]],
    ],
    ["no arguments", "<|tool_call_start|>[add()]<|tool_call_end|>", [["add", {}]]],
    [
      "JSON, where it was asked for",
      '<|tool_call_start|>[{"name": "add", "arguments": {"a": 1, "b": -2.5}}]<|tool_call_end|>',
      [ADD],
    ],
    [
      "a variable",
      "<|tool_call_start|>[add(a=x)]<|tool_call_end|>",
      ["<|tool_call_start|>[add(a=x)]<|tool_call_end|>"],
    ],
  ],
  "pythonic, bare (Llama 3.2, Llama 4)": [
    barePython,
    ["two", "[get_weather(city='Zürich'), add(a=1, b=-2.5)]", [ZURICH, ADD]],
    ["a list that is an answer", "[1, 2] are two.", ["[1, 2] are two."]],
    ["too deep", `[add(a=${"[".repeat(5000)})]`, [`[add(a=${"[".repeat(5000)})]`]],
  ],
  mistral: [
    mistral,
    ["a list", '[TOOL_CALLS][{"name": "add", "arguments": {"a": 1, "b": -2.5}, "id": "abcdefghi"}]', [ADD]],
    [
      "names before",
      '[TOOL_CALLS]get_weather[ARGS]{"city": "Zürich"}[TOOL_CALLS]add[CALL_ID]abc123def[ARGS]{"a": 1, "b": -2.5}',
      [ZURICH, ADD],
    ],
    ["without a mark between", 'Well. [TOOL_CALLS]add{"a": 1, "b": -2.5}', ["Well.", ADD]],
    [
      "its mark inside of a text",
      '[TOOL_CALLS]get_weather[ARGS]{"city": "[TOOL_CALLS]"}',
      [["get_weather", { city: "[TOOL_CALLS]" }]],
    ],
  ],
  harmony: [
    harmony,
    [
      "the recipient behind the channel",
      '<|channel|>commentary to=functions.add <|constrain|>json<|message|>{"a": 1, "b": -2.5}',
      [ADD],
    ],
    [
      "the recipient before the channel",
      ' to=functions.get_weather<|channel|>commentary json<|message|>{"city": "Zürich"}',
      [ZURICH],
    ],
    [
      "behind text",
      'I look.<|channel|>commentary to=functions.add<|message|>{"a": 1, "b": -2.5}',
      ["I look.", ADD],
    ],
    ["no arguments", "<|channel|>commentary to=functions.add<|message|>", [["add", {}]]],
  ],
  gemma: [
    gemma4,
    [
      "two",
      'Hm. <|tool_call>call:get_weather{city:<|"|>Zürich<|"|>}<tool_call|><|tool_call>call:add{a:1,b:-2.5}<tool_call|>',
      ["Hm.", ZURICH, ADD],
    ],
    [
      "values",
      '<|tool_call>call:get_weather{city:<|"|>a "b" {c}\n</d> \\ 👍<|"|>,spots:[1,{x:[true,null]}]}<tool_call|>',
      [["get_weather", LONG]],
    ],
    [
      "its own end inside of a text",
      '<|tool_call>call:get_weather{city:<|"|><tool_call|><|"|>}<tool_call|>',
      [["get_weather", { city: "<tool_call|>" }]],
    ],
  ],
  deepseek: [
    deepseek,
    [
      "3.1",
      `<｜tool▁calls▁begin｜>${begin}get_weather${SEP}{"city": "Zürich"}${end}${begin}add${SEP}{"a": 1, "b": -2.5}${end}<｜tool▁calls▁end｜>`,
      [ZURICH, ADD],
    ],
    [
      "3 and R1",
      `So.\n<｜tool▁calls▁begin｜>${begin}function${SEP}get_weather\n\`\`\`json\n{"city": "Zürich"}\n\`\`\`${end}\n${begin}function${SEP}add\n\`\`\`json\n{"a": 1, "b": -2.5}\n\`\`\`${end}<｜tool▁calls▁end｜>`,
      ["So.", ZURICH, ADD],
    ],
    [
      "a fence inside of a text",
      `${begin}function${SEP}get_weather\n\`\`\`json\n{"city": "\`\`\`"}\n\`\`\`${end}`,
      [["get_weather", { city: "```" }]],
    ],
  ],
  functionary: [
    functionary,
    [
      "two",
      '<function=get_weather>{"city": "Zürich"}</function><function=add>{"a": 1, "b": -2.5}</function>',
      [ZURICH, ADD],
    ],
  ],
};

/** Texts joined, calls as name and value; arguments that no double holds stay text. */
function read(format: ToolFormat, pieces: readonly string[]): Said[] {
  const stream = createToolStream(format, SCHEMAS);
  const events: ToolEvent[] = [...pieces.flatMap(piece => stream.push(piece)), ...stream.flush()];
  const said: Said[] = [];
  for (const event of events) {
    if ("call" in event) {
      const value: unknown = JSON.parse(event.call.arguments);
      said.push([event.call.name, /\d{17}/.test(event.call.arguments) ? event.call.arguments : value]);
    } else if (typeof said.at(-1) === "string") said[said.length - 1] += event.text;
    else said.push(event.text);
  }
  return said;
}

describe.each(Object.entries(FAMILIES))("%s", (_family, [format, ...cases]) => {
  test.each(cases)("%s", (_what, answer, said) => {
    expect(read(format, [answer])).toEqual(said);
  });

  test.each(cases)("%s, cut at every place", (_what, answer, said) => {
    if (answer.length > 1000) return expect(read(format, answer.match(/[\s\S]{1,97}/g)!)).toEqual(said);
    for (let at = 1; at < answer.length; at++)
      expect(read(format, [answer.slice(0, at), answer.slice(at)])).toEqual(said);
    expect(read(format, answer.split(""))).toEqual(said);
  });
});

test("text goes out while it is written, but for what may become a mark", () => {
  const stream = createToolStream(hermes, SCHEMAS);
  expect(stream.push("Hello <b>")).toEqual([{ text: "Hello <b>" }]);
  expect(stream.push(" <tool")).toEqual([]);
  expect(stream.push("box>")).toEqual([{ text: " <toolbox>" }]);
});

test("a call goes out when it is complete, not at the answer's end", () => {
  const stream = createToolStream(hermes, SCHEMAS);
  stream.push('<tool_call>{"name": "add", "arguments": {}}</tool_call');
  expect(stream.push(">")).toEqual([{ call: { name: "add", arguments: "{}" } }]);
});

test("marks and bits of calls in any order and cut anywhere read the same as whole", () => {
  let seed = 7;
  const random = (below: number): number => (seed = (seed * 48271) % 0x7fffffff) % below;
  for (const [family, [format, ...cases]] of Object.entries(FAMILIES)) {
    const bits = [
      ...marksOf(format),
      " ",
      "\n",
      "a",
      "{",
      "}",
      '"',
      "[",
      "]",
      ...cases.map(([, answer]) => answer),
    ];
    for (let round = 0; round < 300; round++) {
      const answer = Array.from({ length: 1 + random(6) }, () => {
        const bit = bits[random(bits.length)]!.slice(0, 400);
        return random(3) ? bit : bit.slice(0, random(bit.length));
      }).join("");
      const cuts = [0, random(answer.length + 1), random(answer.length + 1), answer.length].sort(
        (a, b) => a - b,
      );
      const pieces = cuts.slice(1).map((end, index) => answer.slice(cuts[index], end));
      expect(read(format, pieces), `${family}: ${JSON.stringify(pieces)}`).toEqual(read(format, [answer]));
    }
  }
});

test.each([
  [
    "gpt-oss",
    harmony,
    { kind: "harmony", begun: "<|start|>assistant" } as const,
    '<|channel|>analysis<|message|>I add.<|end|><|start|>assistant<|channel|>commentary<|message|>Adding.<|end|><|start|>assistant<|channel|>commentary to=functions.add <|constrain|>json<|message|>{"a": 1, "b": -2.5}',
    ["Adding.", ADD],
  ],
  [
    "gpt-oss, the recipient first",
    harmony,
    { kind: "harmony", begun: "<|start|>assistant" } as const,
    '<|channel|>analysis<|message|>I add.<|end|><|start|>assistant to=functions.add<|channel|>commentary json<|message|>{"a": 1, "b": -2.5}',
    [ADD],
  ],
  [
    "Qwen 3.5, whose prompt begins the reasoning",
    qwenXml,
    { kind: "pair", open: "<think>", close: "</think>", opened: true } as const,
    "I add.\n</think>\n\n<tool_call>\n<function=add>\n<parameter=a>\n1\n</parameter>\n<parameter=b>\n-2.5\n</parameter>\n</function>\n</tool_call>",
    [ADD],
  ],
])(
  "calls of %s come through behind the reasoning, cut at every place",
  (_model, format, marks, answer, said) => {
    for (let at = 1; at < answer.length; at++) {
      const splitter = createReasoningSplitter(marks);
      const parts = [splitter.push(answer.slice(0, at)), splitter.push(answer.slice(at)), splitter.flush()];
      expect(parts.map(({ reasoning }) => reasoning).join("")).toBe("I add.");
      expect(
        read(
          format,
          parts.map(({ text }) => text),
        ),
      ).toEqual(said);
    }
  },
);
