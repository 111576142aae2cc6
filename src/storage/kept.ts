/**
 * What a model's user has kept by name: conversations with what was computed of them, under ["session", name], and journals of
 * generations under way, under ["journal", name].
 */
import { del, get, promisifyRequest, set } from "idb-keyval";
import { InputError } from "../errors.ts";
import { connected } from "./connection.ts";
import { named } from "./database.ts";

export type Kind = "session" | "journal";

/** What is of use with the same model and settings alone. */
export interface Bound {
  /** Model file and settings that it was computed with. */
  readonly binding: string;
}

/** What was put there, if anything: not checked. */
function getKept(kind: Kind, name: string): Promise<unknown> {
  return named(() => get([kind, name], connected));
}

/**
 * What was put there by the same model and settings. @param is whether it is what this version puts there
 * @throws InputError `not-saved`, `other-model`, `not-restorable`
 */
export async function getBound<T extends Bound>(
  kind: Kind,
  name: string,
  binding: string,
  is: (value: unknown) => value is T,
): Promise<T> {
  const found = await getKept(kind, name);
  if (found === undefined) throw notUsable(kind, name, "not-saved", NOT_SAVED[kind]);
  if (!is(found))
    throw notUsable(kind, name, "not-restorable", "it is damaged, or another version of intab saved it");
  if (found.binding === binding) return found;
  const why = "it was computed by another model file, or with another contextLength or precision";
  throw notUsable(kind, name, "other-model", why);
}

const NOT_SAVED = {
  session: "nothing is saved under this name",
  journal: "none is under way under this name, or it ended",
};

function notUsable(kind: Kind, given: string, code: string, why: string): InputError {
  const name = given.slice(0, 100);
  const message = {
    session:
      `The conversation "${name}" cannot be restored: ${why}. Compute it anew from its messages, or remove it with ` +
      "sessions.remove(name).",
    journal: `The generation "${name}" cannot be resumed: ${why}. Start it anew.`,
  }[kind];
  return new InputError(code, message, { details: { name } });
}

export function putKept(kind: Kind, name: string, value: unknown): Promise<void> {
  return named(() => set([kind, name], value, connected));
}

export function deleteKept(kind: Kind, name: string): Promise<void> {
  return named(() => del([kind, name], connected));
}

/** By name, in its order. */
export async function listKept(kind: Kind): Promise<[name: string, value: unknown][]> {
  return named(() =>
    connected("readonly", async s => {
      const range = IDBKeyRange.bound([kind], [kind, []]);
      const [keys, values] = await Promise.all([
        promisifyRequest(s.getAllKeys(range)),
        promisifyRequest<unknown[]>(s.getAll(range)),
      ]);
      return keys.map((key, index) => [String((key as readonly IDBValidKey[])[1]), values[index]]);
    }),
  );
}
