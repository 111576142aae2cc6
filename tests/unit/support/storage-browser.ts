/** What Node lacks of a browser for the storage: IndexedDB, Web Locks, the storage manager. Fresh for every test. */
import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { vi } from "vitest";

export interface FakeStorageManager {
  usage: number;
  quota: number;
  persisted: boolean;
}

// Node 20 lacks it, and without it nothing in the tests would be freed as it is in browsers.
if (!("transfer" in ArrayBuffer.prototype)) {
  Object.defineProperty(ArrayBuffer.prototype, "transfer", {
    value(this: ArrayBuffer, length = this.byteLength): ArrayBuffer {
      return structuredClone(this, { transfer: [this] }).slice(0, length);
    },
  });
}

/** Installs empty stand-ins; `vi.unstubAllGlobals()` takes them away. */
export function fakeBrowser({ locks = true } = {}): FakeStorageManager {
  const storage: FakeStorageManager = { usage: 0, quota: 1e12, persisted: false };
  vi.stubGlobal("indexedDB", new IDBFactory());
  vi.stubGlobal("IDBKeyRange", IDBKeyRange);
  vi.stubGlobal("navigator", {
    ...(locks ? { locks: new FakeLocks() } : {}),
    storage: {
      estimate: async () => ({ usage: storage.usage, quota: storage.quota }),
      persisted: async () => storage.persisted,
      persist: async () => (storage.persisted = true),
    },
  });
  return storage;
}

/** All values in the database, whatever their keys. */
export async function everythingStored(): Promise<unknown[]> {
  const opening = indexedDB.open("intab-models");
  const database = await new Promise<IDBDatabase>(resolve => {
    opening.onsuccess = () => resolve(opening.result);
  });
  const all = database.transaction("v1").objectStore("v1").getAll();
  const values = await new Promise<unknown[]>(resolve => {
    all.onsuccess = () => resolve(all.result);
  });
  database.close();
  return values;
}

type Callback = (lock: { name: string } | null) => unknown;

/** Exclusive locks with `ifAvailable` and `signal`, as the specification orders them. */
class FakeLocks {
  readonly #queues = new Map<string, Promise<void>>();
  readonly #held = new Set<string>();

  async request(
    name: string,
    options: { ifAvailable?: boolean; signal?: AbortSignal },
    work: Callback,
  ): Promise<unknown> {
    if (options.ifAvailable && (this.#held.has(name) || this.#queues.has(name))) return work(null);
    options.signal?.throwIfAborted();
    const before = this.#queues.get(name) ?? Promise.resolve();
    let done = (): void => {};
    const mine = before.then(() => new Promise<void>(resolve => (done = resolve)));
    this.#queues.set(name, mine);
    const aborted = new Promise<never>((_, reject) =>
      options.signal?.addEventListener("abort", () => reject(options.signal?.reason)),
    );
    try {
      await Promise.race([before, aborted]);
      this.#held.add(name);
      return await work({ name });
    } finally {
      this.#held.delete(name);
      void before.then(() => setTimeout(() => done()));
      if (this.#queues.get(name) === mine) this.#queues.delete(name);
    }
  }
}
