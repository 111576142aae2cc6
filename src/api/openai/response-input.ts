/** `input` of a response: its items as messages. */

import { isObject, isText } from "../../options.ts";
import type { ChatMessage } from "../../types.ts";
import { invalid, unsupported } from "./errors.ts";
import type { Body, Fields } from "./fields.ts";
import { type CallForm, contentOf, messagesOf } from "./messages.ts";

/** Whether any of the items is a call. */
export const hasCalls = (input: unknown): boolean =>
  Array.isArray(input) && input.some(item => isObject(item) && item.type === "function_call");

export function inputMessages(fields: Fields, form: CallForm): ChatMessage[] {
  const given = fields.required("input", fields.get("input"));
  if (!isText(given) && !Array.isArray(given)) throw invalid("input", "'input' must be a string or a list.");
  const items: readonly unknown[] = isText(given) ? [{ role: "user", content: given }] : given;
  const messages: Body[] = [];
  for (const [index, item] of items.entries()) {
    const place = `input[${index}]`;
    if (!isObject(item)) throw invalid(place, `'${place}' must be an object.`);
    const { type = "message", role, content, call_id, name, output } = item;
    if (type === "message") messages.push({ role, content: contentOf(content, `${place}.content`) });
    else if (type === "function_call") {
      const call = { id: call_id, type: "function", function: { name, arguments: item.arguments } };
      const last = messages.at(-1);
      // calls and the text before them are one turn
      if (last?.role === "assistant")
        messages[messages.length - 1] = {
          ...last,
          tool_calls: [...((last.tool_calls as readonly unknown[]) ?? []), call],
        };
      else messages.push({ role: "assistant", content: null, tool_calls: [call] });
    } else if (type === "function_call_output")
      messages.push({ role: "tool", tool_call_id: call_id, content: contentOf(output, `${place}.output`) });
    // templates leave earlier reasoning out
    else if (type !== "reasoning")
      throw unsupported(`${place}.type`, `An item of the type ${JSON.stringify(type)}`);
  }
  const instructions = fields.text("instructions");
  const all = messagesOf(messages, form, "input");
  return instructions === undefined ? all : [{ role: "system", content: instructions }, ...all];
}
