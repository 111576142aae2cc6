/** Conversations with what was computed of them. */
import { check, nameRule } from "../options.ts";
import type { SavedSession } from "../types.ts";
import { type Bound, deleteKept, getBound, listKept, putKept } from "./kept.ts";

/** Of the layout of what is stored, and of the keys and values in it: another one is of no use. */
const FORMAT = 1;

/** What is stored. */
export interface StoredSession extends Bound {
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
export function getSession(name: string, binding: string): Promise<StoredSession> {
  return getBound("session", name, binding, isStored);
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
