/** Tools of a request: what the template gets, and how calls are read out of the answer. */

import { isObject, isText } from "../../options.ts";
import { type LearnedTools, learnTools } from "../../tools/learn.ts";
import { createToolStream, type ToolStream } from "../../tools/stream.ts";
import type { ToolDefinition } from "../../types.ts";
import { invalid, unsupported } from "./errors.ts";
import type { Fields } from "./fields.ts";
import { type HiddenMarks, hiddenMarks } from "./hidden-marks.ts";
import { type CallForm, PLAIN_CALLS } from "./messages.ts";
import type { ServedModel } from "./served.ts";

export interface OfferedTools extends LearnedTools {
  definitions: readonly ToolDefinition[];
  hidden: HiddenMarks;
  /** At most one call an answer. */
  single: boolean;
  /** For one answer. */
  stream(): ToolStream;
}

type Known = (LearnedTools & { hidden: HiddenMarks }) | string;
const known = new WeakMap<ServedModel, Promise<Known>>();

/** What a model's template says of calls: it is asked once. */
function toolsOf(model: ServedModel): Promise<Known> {
  let asked = known.get(model);
  if (!asked) {
    asked = learn(model);
    known.set(model, asked);
    asked.catch(() => known.delete(model));
  }
  return asked;
}

/** How messages with calls are written for a model that may not be asked to call any. */
export async function callForm(model: ServedModel): Promise<CallForm> {
  const found = await toolsOf(model);
  return typeof found === "string" ? PLAIN_CALLS : found;
}

async function learn(model: ServedModel): Promise<Known> {
  const learned = await learnTools((messages, options) => model.renderChat(messages, options));
  return typeof learned === "string"
    ? learned
    : { ...learned, hidden: await hiddenMarks(model, learned.format) };
}

/**
 * `null` where there are none to be called.
 * @param inside field of a tool that describes its function. Default: the tool itself does
 * @throws ApiError
 */
export async function offeredTools(
  model: ServedModel,
  fields: Fields,
  inside?: "function",
): Promise<OfferedTools | null> {
  const definitions = (fields.list("tools") ?? []).map((given, index) => {
    const tool = Object(given) as Record<string, unknown>;
    const place = `tools[${index}]`;
    if (tool.type !== "function") throw unsupported(`${place}.type`, "A tool that is no function");
    return inside ? definitionOf(tool[inside], `${place}.${inside}`) : definitionOf(tool, place);
  });
  const choice = fields.get("tool_choice") ?? "auto";
  if (choice !== "auto" && choice !== "none") {
    if (choice === "required" || isObject(choice))
      throw unsupported("tool_choice", "A call that the model cannot decide against");
    throw invalid("tool_choice", '\'tool_choice\' must be "auto" or "none".');
  }
  const single = fields.get("parallel_tool_calls") === false;
  if (definitions.length === 0 || choice === "none") return null;
  const found = await toolsOf(model);
  if (typeof found === "string")
    throw invalid("tools", `This model cannot call tools: ${found}.`, "unsupported_parameter");
  const schemas = new Map(
    definitions.map(({ function: { name, parameters } }) => [name, parameters ?? {}] as const),
  );
  return { ...found, definitions, single, stream: () => createToolStream(found.format, schemas) };
}

/** @param place such as `tools[0].function` */
function definitionOf(given: unknown, place: string): ToolDefinition {
  const { name, description, parameters } = Object(given) as Record<string, unknown>;
  if (!isText(name) || name === "") throw invalid(`${place}.name`, `'${place}.name' must be a string.`);
  if (parameters !== undefined && parameters !== null && !isObject(parameters))
    throw invalid(`${place}.parameters`, `'${place}.parameters' must be an object.`);
  return {
    type: "function",
    function: {
      name,
      ...(isText(description) && { description }),
      parameters: (parameters as Record<string, unknown> | null) ?? { type: "object", properties: {} },
    },
  };
}
