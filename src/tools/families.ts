/** The formats that models are trained on. Marks that a template prints are learned from it: `learn.ts`. */
import type { ParsedCall, ToolFormat, ToolSchemas } from "./format.ts";
import { fieldsOf, isJson, valuesOf } from "./json-text.ts";
import { gemmaCall, pythonCalls } from "./literals.ts";

type Marks = Pick<ToolFormat, "opens" | "close"> & Partial<ToolFormat>;

const PYTHON: Readonly<Record<string, string>> = { True: "true", False: "false", None: "null" };

/** JSON objects with a name and arguments, alone, in a list, or one after the other. */
export const jsonCalls = (family: string, marks: Marks): ToolFormat => ({ family, ...marks, read: readJson });

/** `[f(a=1)]`; asked for JSON, their models write it between the same marks. */
export const pythonic = (family: string, marks: Marks): ToolFormat => ({
  family,
  ...marks,
  read: (body, schemas) => pythonCalls(body) ?? readJson(body, schemas),
});

/** `call:f{a:1}` */
export const gemma = (marks: Marks, quote: string): ToolFormat => ({
  family: "gemma",
  inner: [quote],
  ...marks,
  read: body => gemmaCall(body, quote),
});

export const hermes = jsonCalls("hermes", { opens: ["<tool_call>"], close: "</tool_call>" });

export const qwenXml: ToolFormat = {
  family: "qwen-xml",
  opens: ["<tool_call>"],
  close: "</tool_call>",
  read(body, schemas, last) {
    const [, name, fields, end] = /^\s*<function=([^>\n]+)>([\s\S]*?)(<\/function>\s*)?$/.exec(body) ?? [];
    if (!name || (!end && !last)) return null;
    const found = fields!.matchAll(
      /<parameter=([^>\n]+)>\n?([\s\S]*?)\n?<\/parameter>(?=\s*(?:<parameter=|<\/function>|$))/g,
    );
    return [typedCall(name, found, schemas)];
  },
};

export const glm: ToolFormat = {
  family: "glm",
  opens: ["<tool_call>"],
  close: "</tool_call>",
  inner: ["<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>"],
  read(body, schemas) {
    const [, name, fields] = /^\s*([\w.-]+)\s*((?:<arg_key>[\s\S]*<\/arg_value>)?)\s*$/.exec(body) ?? [];
    if (!name) return null;
    const found = fields!.matchAll(
      /<arg_key>([^<]+)<\/arg_key>\s*<arg_value>([\s\S]*?)<\/arg_value>(?=\s*(?:<arg_key>|$))/g,
    );
    return [typedCall(name, found, schemas)];
  },
};

/** `f{...}`, where something may stand between name and arguments. */
function named(family: string, marks: Marks, shape: RegExp): ToolFormat {
  return {
    family,
    ...marks,
    read(body) {
      const [, name, text] = shape.exec(body) ?? [];
      const given = text?.trim() || "{}";
      return name && fieldsOf(given) ? [{ name, arguments: given }] : null;
    },
  };
}

const SEPARATOR = "<｜tool▁sep｜>";
const deepseekMarks: Marks = {
  opens: ["<｜tool▁call▁begin｜>"],
  close: "<｜tool▁call▁end｜>",
  ignored: ["<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"],
  inner: [SEPARATOR],
};
/** V3.1 writes name and arguments, earlier ones a type before the name, and the arguments as a block of code. */
export const deepseek: ToolFormat = either(
  named("deepseek", deepseekMarks, new RegExp(`^\\s*([\\w.-]+)${SEPARATOR}([\\s\\S]*)$`)),
  named(
    "deepseek",
    deepseekMarks,
    new RegExp(`^\\s*function${SEPARATOR}([\\w.-]+)\\s*\`\`\`(?:json)?([\\s\\S]*?)(?:\`\`\`)?\\s*$`),
  ),
);

const mistralMarks: Marks = { opens: ["[TOOL_CALLS]"], close: null, inner: ["[ARGS]", "[CALL_ID]"] };
/** From 2025 on the name stands before the arguments; earlier models write a list. */
export const mistral: ToolFormat = either(
  named("mistral", mistralMarks, /^\s*([\w.-]+)(?:\[CALL_ID\]\w+)?(?:\[ARGS\])?([\s\S]*)$/),
  jsonCalls("mistral", mistralMarks),
);

export const harmony: ToolFormat = named(
  "harmony",
  {
    opens: ["<|channel|>commentary to=functions.", "<|channel|>analysis to=functions.", " to=functions."],
    close: null,
  },
  /^([\w.-]+)[\s\S]*?<\|message\|>([\s\S]*?)(?:<\|call\|>)?\s*$/,
);

export const functionary: ToolFormat = named(
  "functionary",
  { opens: ["<function="], close: "</function>" },
  /^([\w.-]+)>([\s\S]*)$/,
);

/** What the first of two cannot read, the second may. */
function either(one: ToolFormat, other: ToolFormat): ToolFormat {
  return { ...one, read: (...given) => one.read(...given) ?? other.read(...given) };
}

/** Fields as text, each read as its schema has it: text that is to be a number is one. */
function typedCall(name: string, found: Iterable<RegExpMatchArray>, schemas: ToolSchemas): ParsedCall {
  const properties = Object(schemas.get(name)?.properties) as Record<string, { type?: unknown } | undefined>;
  const fields = Array.from(found, ([, key, text]) => {
    const types = [properties[key!.trim()]?.type ?? "string"].flat();
    // templates print Python's words
    const bare = PYTHON[text!.trim()] ?? text!.trim();
    const json = types.includes("string") ? types.includes("null") && bare === "null" : isJson(bare);
    return `${JSON.stringify(key!.trim())}:${json ? bare : JSON.stringify(text)}`;
  });
  return { name: name.trim(), arguments: `{${fields.join(",")}}` };
}

function readJson(body: string, schemas: ToolSchemas): ParsedCall[] | null {
  const text = body.trim();
  const list = text.startsWith("[") && isJson(text);
  const objects = valuesOf(list ? text.slice(1, -1) : text);
  if (!objects || objects.length === 0) return null;
  const calls: ParsedCall[] = [];
  for (const object of objects) {
    const call = readObject(object, schemas);
    if (!call) return null;
    calls.push(call);
  }
  return calls;
}

function readObject(text: string, schemas: ToolSchemas): ParsedCall | null {
  const fields = fieldsOf(text);
  const inside = fields?.get("function");
  if (inside?.startsWith("{")) return readObject(inside, schemas);
  const name = JSON.parse(fields?.get("name") ?? fields?.get("tool_name") ?? inside ?? "null") as unknown;
  let given = fields?.get("arguments") ?? fields?.get("parameters") ?? fields?.get("args") ?? "{}";
  if (given.startsWith('"')) given = JSON.parse(given) as string;
  return typeof name === "string" && fieldsOf(given) ? { name, arguments: given.trim() } : null;
}
