import { InputError } from "../errors.ts";

/** Roles that templates know by a name of their own, or hand on to the model. */
const ROLES = ["system", "developer", "user", "assistant", "tool", "function", "ipython", "model"];

/**
 * Checks what every template takes for granted. A role that is misspelt would be answered all the same, and badly.
 * @param source of the template: it knows the roles that it names
 * @throws InputError `messages`
 */
export function checkMessages(messages: unknown, source: string): void {
  if (!Array.isArray(messages)) throw unusable("The messages are not a list", -1);
  if (messages.length === 0) throw unusable("There are no messages", -1);
  for (const [index, message] of messages.entries()) {
    const { role, content } = Object(message) as { role?: unknown; content?: unknown };
    if (typeof role !== "string") throw unusable(`Message ${index} has no role`, index);
    if (!ROLES.includes(role) && !source.includes(`'${role}'`) && !source.includes(`"${role}"`)) {
      throw unusable(
        `Message ${index} has the role ${JSON.stringify(role)}, which the model's template does not name`,
        index,
      );
    }
    const parts: unknown[] = Array.isArray(content) ? content : [];
    const other = parts.find(part => typeof (Object(part) as { text?: unknown }).text !== "string");
    if (other !== undefined) {
      const type = String((Object(other) as { type?: unknown }).type);
      throw unusable(
        `Message ${index} has a part of the type ${JSON.stringify(type)}; models here read text`,
        index,
      );
    }
  }
}

function unusable(what: string, index: number): InputError {
  return new InputError("messages", `${what}. Pass a list like [{ role: "user", content: "Hi" }].`, {
    details: { index },
  });
}
