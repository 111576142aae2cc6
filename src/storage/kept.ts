/**
 * What a model's user has kept by name: conversations with what was computed of them, under ["session", name], and journals of
 * generations under way, under ["journal", name].
 */
import { del, get, promisifyRequest, set } from "idb-keyval";
import { connected } from "./connection.ts";
import { named } from "./database.ts";

export type Kind = "session" | "journal";

/** What was put there, if anything: not checked. */
export function getKept(kind: Kind, name: string): Promise<unknown> {
  return named(() => get([kind, name], connected));
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
