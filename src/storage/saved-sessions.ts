/** Conversations with what was computed of them. */
import { InputError } from "../errors.ts";
import { check, nameRule } from "../options.ts";
import type { SavedSession } from "../types.ts";
import { deleteKept, getKept, listKept, putKept } from "./kept.ts";

/** Of the layout of what is stored, and of the keys and values in it: another one is of no use. */
const FORMAT = 1;

/** What is stored. */
export interface StoredSession {
  /** Model file and settings that it was computed with. */
  binding: string;
  /** Tokens whose keys and values are here. */
  ids: readonly number[];
  layers: readonly Blob[];
  states: readonly Blob[];
  /** What the page keeps with it. */
  page: unknown;
}

type Stored = StoredSession & { format: number; savedAt: number };

/** Bytes of its keys and values. */
export const storedBytesOf = ({ layers, states }: StoredSession): number =>
  [...layers, ...states].reduce((sum, { size }) => sum + size, 0);

export function putSession(name: string, session: StoredSession): Promise<void> {
  const stored: Stored = { ...session, format: FORMAT, savedAt: Date.now() };
  return putKept("session", name, stored);
}

/** @throws InputError `not-saved`, `other-model` (file, context length or precision differ), `not-restorable` */
export async function getSession(name: string, binding: string): Promise<StoredSession> {
  const found = await getKept("session", name);
  if (found === undefined) throw refused("not-saved", name, "nothing is saved under this name");
  if (!isStored(found))
    throw refused("not-restorable", name, "it is damaged, or another version of intab saved it");
  if (found.binding !== binding) {
    const why = "it was computed by another model file, or with another contextLength or precision";
    throw refused("other-model", name, why);
  }
  return found;
}

/** What is saved, by name; what cannot be read is left out. */
export async function listSessions(): Promise<SavedSession[]> {
  const all = await listKept("session");
  return all.flatMap(([name, value]) =>
    isStored(value)
      ? [{ name, tokens: value.ids.length, bytes: storedBytesOf(value), savedAt: value.savedAt }]
      : [],
  );
}

/** Nothing happens where nothing is saved under this name. */
export async function removeSession(name: string): Promise<void> {
  check("name", name, nameRule);
  return deleteKept("session", name);
}

function isStored(value: unknown): value is Stored {
  const { format, savedAt, binding, ids, layers, states } = (value ?? {}) as Partial<Stored>;
  const blobs = (list: unknown): boolean => Array.isArray(list) && list.every(blob => blob instanceof Blob);
  return (
    format === FORMAT &&
    typeof savedAt === "number" &&
    typeof binding === "string" &&
    Array.isArray(ids) &&
    blobs(layers) &&
    blobs(states)
  );
}

function refused(code: string, name: string, why: string): InputError {
  return new InputError(
    code,
    `The conversation "${name.slice(0, 100)}" cannot be restored: ${why}. Compute it anew from its messages, or remove it with sessions.remove(name).`,
    { details: { name: name.slice(0, 100) } },
  );
}
