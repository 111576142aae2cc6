/** Which format a model's calls have, by what its chat template makes of a conversation with one. */
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
} from "./families.ts";
import type { ToolFormat } from "./format.ts";
import { valueEnd } from "./json-text.ts";

/** Renders messages with the model's template. Fails where the template refuses them. */
export type Render = (
  messages: readonly Message[],
  options: { tools?: readonly (typeof TOOL)[]; addGenerationPrompt: boolean },
) => Promise<string>;

interface Message {
  role: "user" | "assistant";
  content: string | null;
  tool_calls?: readonly {
    id: string;
    type: "function";
    function: { name: string; arguments: string | Record<string, unknown> };
  }[];
}

/** What a template wants, and what its model writes. */
export interface LearnedTools {
  format: ToolFormat;
  /** Arguments in messages: most templates print an object, some join text. */
  argumentsAs: "object" | "text";
  /** Content of a message that only has calls: some templates cannot join `null`, some ask for it. */
  noContent: "" | null;
}

const NAME = "probe_function";
const FIELD = "probe_field";
const VALUE = "probe value";
const QUESTION: Message = { role: "user", content: "Probe question" };
const ANSWER = "Probe answer";
const TOOL = {
  type: "function" as const,
  function: {
    name: NAME,
    description: "Probe",
    parameters: {
      type: "object",
      properties: { [FIELD]: { type: "string", description: "Probe" } },
      required: [FIELD],
    },
  },
};

/** @returns a reason, in words, where the format is not known */
export async function learnTools(render: Render): Promise<LearnedTools | string> {
  const tools = [TOOL];
  const asked = await render([QUESTION], { tools, addGenerationPrompt: false });
  if (!asked.includes(NAME))
    return "its chat template does not print the tools, so the model would not know them";
  const answered = await render([QUESTION, { role: "assistant", content: ANSWER }], {
    tools,
    addGenerationPrompt: false,
  });
  for (const argumentsAs of ["object", "text"] as const) {
    for (const noContent of ["", null] as const) {
      const called = await attempt(render, [QUESTION, calling(argumentsAs, noContent)]);
      if (called === null || !called.slice(shared(asked, called)).includes(VALUE)) continue;
      const format = formatOf(callIn(called, asked, answered));
      if (format) return { format, argumentsAs, noContent };
    }
  }
  const format = described(asked);
  if (format) return { format, argumentsAs: "object", noContent: "" };
  return "its chat template prints calls in a format that intab does not know";
}

function calling(as: "object" | "text", content: string | null): Message {
  const fields = { [FIELD]: VALUE };
  const given = as === "object" ? fields : JSON.stringify(fields);
  // some templates want ids of nine letters
  const call = { id: "probe0001", type: "function" as const, function: { name: NAME, arguments: given } };
  return { role: "assistant", content, tool_calls: [call] };
}

/** `null` where the template refuses: some take content only as text, some only as none, some no calls. */
async function attempt(render: Render, messages: readonly Message[]): Promise<string | null> {
  try {
    return await render(messages, { tools: [TOOL], addGenerationPrompt: false });
  } catch (error) {
    if ((error as { code?: unknown }).code === "chat-template") return null;
    throw error;
  }
}

interface CallText {
  /** What a turn with a call has in the place of a plain answer, perhaps with the turn's own marks. */
  text: string;
  /** The marks around a plain answer. */
  turn: string;
}

function callIn(called: string, asked: string, answered: string): CallText {
  const start = Math.min(shared(asked, called), shared(asked, answered));
  const at = answered.lastIndexOf(ANSWER);
  const [before, after] = [answered.slice(start, at), answered.slice(at + ANSWER.length)];
  let text = called.slice(start);
  if (text.startsWith(before.trimEnd())) text = text.slice(before.trimEnd().length);
  if (after !== "" && text.endsWith(after)) text = text.slice(0, -after.length);
  return { text: text.replace(/^[\s\S]*<\/think>/, ""), turn: before + after };
}

function formatOf({ text, turn }: CallText): ToolFormat | null {
  const has = (...marks: string[]): boolean => marks.every(mark => text.includes(mark));
  if (has(` to=functions.${NAME}`, "<|message|>")) return harmony;
  if (has(`<function=${NAME}>`, "<tool_call>")) return qwenXml;
  if (has(`<function=${NAME}>{`)) return functionary;
  if (has(deepseek.opens[0]!)) return deepseek;
  if (has("[TOOL_CALLS]")) return mistral;
  if (has(`<tool_call>${NAME}`, "<arg_key>")) return glm;
  const call = text.indexOf(`call:${NAME}{${FIELD}:`);
  if (call >= 0) {
    const [quote, rest] = text.slice(call + `call:${NAME}{${FIELD}:`.length).split(VALUE);
    const marks = marksAround(text.slice(0, call), rest!.slice(quote!.length + 1), turn);
    return marks && gemma(marks, quote!);
  }
  const python = new RegExp(`\\[?${NAME}\\(${FIELD}=["']${VALUE}["']\\)\\]?`).exec(text);
  if (python) {
    const end = python.index + python[0].length;
    const marks = marksAround(text.slice(0, python.index), text.slice(end), turn);
    return pythonic("pythonic", marks ?? BARE_LIST);
  }
  return jsonFormat(text, turn);
}

const LFM2 = pythonic("pythonic", { opens: ["<|tool_call_start|>"], close: "<|tool_call_end|>" });
const BARE_LIST = { opens: ["<|python_tag|>"], close: null, bare: "[" };
const BARE_OBJECT = { opens: ["<|python_tag|>"], close: null, bare: "{" };

/** An object, or a list with it, between marks of whatever kind; without marks the answer is the object. */
function jsonFormat(text: string, turn: string): ToolFormat | null {
  const named = text.search(new RegExp(`\\{[^{}]*"${NAME}"`));
  if (named < 0 || !/"(name|tool_name|function)"/.test(text)) return null;
  // one around it, such as { "type": "function", "function": {
  const outer = text.slice(0, named).match(/\{[^{}]*$/);
  const object = outer ? named - outer[0].length : named;
  const list = /\[\s*$/.exec(text.slice(0, object));
  const start = list ? list.index : object;
  const marks = marksAround(text.slice(0, start), text.slice(valueEnd(text, start)), turn);
  if (!marks) return jsonCalls("json", BARE_OBJECT);
  const [open] = marks.opens;
  // its models write Python's form, whichever one the template prints
  if (open === LFM2.opens[0]) return LFM2;
  return jsonCalls(open === hermes.opens[0] ? "hermes" : "json", marks);
}

const MARK = String.raw`<[^<>]+>|\[/?[A-Z_]+\]`;

/** The nearest marks that are not the turn's own; `null` where none stands before it. */
function marksAround(
  before: string,
  after: string,
  turn: string,
): { opens: string[]; close: string | null } | null {
  const [open] = new RegExp(`(?:${MARK})(?=\\s*$)`).exec(before) ?? [];
  const [, close] = new RegExp(`^\\s*(${MARK})`).exec(after) ?? [];
  if (open === undefined || turn.includes(open)) return null;
  return { opens: [open], close: close === undefined || turn.includes(close) ? null : close };
}

/** Formats of models whose templates print tools but no calls, by how they print the tools. */
function described(prompt: string): ToolFormat | null {
  if (/<\|tool_list_start\|>|List of tools: \[/.test(prompt)) return LFM2;
  if (prompt.includes(deepseek.opens[0]!)) return deepseek;
  if (prompt.includes("<|tool|>"))
    return jsonCalls("json", { opens: ["<|tool_call|>"], close: "<|/tool_call|>" });
  if (prompt.includes("<tool_call>")) return prompt.includes("<function=") ? qwenXml : hermes;
  return null;
}

/** How many letters two texts begin with in common. */
function shared(one: string, other: string): number {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length++;
  return length;
}
