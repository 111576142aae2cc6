/** The connection to the database: one at a time, opened when it is needed, closed when somebody else wants to delete it. */
import { promisifyRequest } from "idb-keyval";
import { blocked, unavailable } from "./storage-errors.ts";

const DATABASE = "intab-models";
const STORE = "v1";
/** Opening takes milliseconds, on a busy phone a second; only a deletion under way makes it wait for others. Milliseconds. */
const OPEN_MS = 5000;

let current: { factory: IDBFactory; database: Promise<IDBDatabase> } | undefined;

/**
 * Runs `work` on the store, in a transaction of its own.
 * @throws StorageError `storage-unavailable`, `blocked`; what IndexedDB throws
 */
export async function connected<T>(
  mode: IDBTransactionMode,
  work: (store: IDBObjectStore) => T | PromiseLike<T>,
): Promise<T> {
  for (let again = true; ; again = false) {
    const database = await inTime(open());
    let transaction: IDBTransaction;
    try {
      transaction = database.transaction(STORE, mode);
    } catch (error) {
      // Closed a moment ago, from outside.
      if (!(again && error instanceof DOMException && error.name === "InvalidStateError")) throw error;
      current = undefined;
      continue;
    }
    return work(transaction.objectStore(STORE));
  }
}

function open(): Promise<IDBDatabase> {
  const factory = globalThis.indexedDB;
  if (!factory) throw unavailable("this browser context has no IndexedDB", undefined);
  if (current?.factory === factory) return current.database;
  const request = factory.open(DATABASE);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  const mine = { factory, database: promisifyRequest(request) };
  current = mine;
  const forget = (): void => {
    if (current === mine) current = undefined;
  };
  mine.database.then(database => {
    database.onclose = forget; // the browser closed it: site data cleared, or Safari's whim
    // Whoever deletes the database waits until nobody has it open, and all who want to open it wait behind.
    database.onversionchange = () => {
      forget();
      database.close();
    };
  }, forget);
  return mine.database;
}

/** A wait that ends in an error does not end the opening: the next call finds it done, or waits for it again. */
async function inTime(opening: Promise<IDBDatabase>): Promise<IDBDatabase> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(blocked(OPEN_MS)), OPEN_MS);
  });
  try {
    return await Promise.race([opening, late]);
  } finally {
    clearTimeout(timer);
  }
}
