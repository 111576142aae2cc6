import { InputError } from "../errors.ts";

/** Roles that templates know by a name of their own, or hand on to the model. */
const ROLES = ["system", "developer", "user", "assistant", "tool", "function", "ipython", "model"];

/** What every template takes for granted. @throws InputError `messages` */
export function checkMessages(messages: unknown): void {
  if (!Array.isArray(messages)) throw unusable("The messages are not a list", -1);
  const index = messages.findIndex(message => typeof message?.role !== "string");
  if (index >= 0) throw unusable(`Message ${index} has no role`, index);
}

/**
 * What a model can answer: without it, it would answer all the same, and badly.
 * @param source of the template: it knows the roles that it names
 * @throws InputError `messages`
 */
export function checkConversation(
  messages: readonly { role: string; content?: unknown }[],
  source: string,
): void {
  checkMessages(messages);
  if (messages.length === 0) throw unusable("There are no messages", -1);
  for (const [index, { role, content }] of messages.entries()) {
    if (!ROLES.includes(role) && !source.includes(`'${role}'`) && !source.includes(`"${role}"`)) {
      throw unusable(
        `Message ${index} has the role ${JSON.stringify(role)}, which the model's template does not name`,
        index,
      );
    }
    const parts: unknown[] = Array.isArray(content) ? content : [];
    const other = parts.find(part => typeof (Object(part) as { text?: unknown }).text !== "string");
    if (other === undefined && !parts.includes(undefined)) continue;
    const type = JSON.stringify((Object(other) as { type?: unknown }).type ?? null);
    throw unusable(`Message ${index} has a part of the type ${type}; models here read text`, index);
  }
}

function unusable(what: string, index: number): InputError {
  return new InputError("messages", `${what}. Pass a list like [{ role: "user", content: "Hi" }].`, {
    details: { index },
  });
}
