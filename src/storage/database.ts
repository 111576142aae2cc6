/**
 * The one IndexedDB store: manifests under ["manifest", url], chunks as Blobs under ["chunk", url, index]. A chunk and
 * the manifest that tells of it are written in one transaction: either both are there or neither. Under
 * ["kernels", adapter] stands which kernels were the fastest there.
 */
import { createStore, get, promisifyRequest, set, type UseStore } from "idb-keyval";
import { StorageError } from "../errors.ts";
import { type Manifest, storedBytes } from "./manifest.ts";
import { shownUrl } from "./names.ts";

const DATABASE = "intab-models";
const STORE = "v1";

let opened: { factory: IDBFactory; store: UseStore } | undefined;

function store(): UseStore {
  const factory = globalThis.indexedDB;
  if (!factory) throw unavailable("this browser context has no IndexedDB", undefined);
  if (opened?.factory !== factory) opened = { factory, store: createStore(DATABASE, STORE) };
  return opened.store;
}

const manifestKey = (url: string): IDBValidKey => ["manifest", url];
const chunkKey = (url: string, index: number): IDBValidKey => ["chunk", url, index];
/** All chunks of a URL: an array key sorts after every number. */
const chunkKeys = (url: string): IDBKeyRange => IDBKeyRange.bound(["chunk", url], ["chunk", url, []]);
const manifestKeys = (): IDBKeyRange => IDBKeyRange.bound(["manifest"], ["manifest", []]);

export function getManifest(url: string): Promise<Manifest | undefined> {
  return named(() => get<Manifest>(manifestKey(url), store()));
}

/** Notes that the model was used now, and that it was `chosen`; nothing happens if it has been removed meanwhile. */
export function touchManifest(url: string, chosen = false): Promise<void> {
  return named(() =>
    ifListed(url, (s, manifest) =>
      s.put({ ...manifest, lastUsed: Date.now(), ...(chosen && { chosen }) }, manifestKey(url)),
    ),
  );
}

export function listManifests(): Promise<Manifest[]> {
  return named(() => store()("readonly", s => promisifyRequest<Manifest[]>(s.getAll(manifestKeys()))));
}

export function getChunk(url: string, index: number): Promise<Blob | undefined> {
  return named(() => get<Blob>(chunkKey(url, index), store()));
}

/** Stores a chunk together with the manifest that lists it. */
export function putChunk(manifest: Manifest, index: number, chunk: Blob): Promise<void> {
  return named(
    () =>
      store()("readwrite", s => {
        s.put(chunk, chunkKey(manifest.url, index));
        s.put(manifest, manifestKey(manifest.url));
        return committed(s.transaction);
      }),
    manifest,
  );
}

/** Replaces a damaged chunk; nothing happens if the model has been removed meanwhile. */
export function replaceChunk(url: string, index: number, chunk: Blob): Promise<void> {
  return named(() => ifListed(url, s => s.put(chunk, chunkKey(url, index))));
}

/** Removes manifest and chunks in one transaction. */
export function deleteModel(url: string): Promise<void> {
  return named(() =>
    store()("readwrite", s => {
      s.delete(manifestKey(url));
      s.delete(chunkKeys(url));
      return committed(s.transaction);
    }),
  );
}

/** What was put there, if anything: not checked. */
export function getKernelChoice(adapter: string): Promise<unknown> {
  return named(() => get(["kernels", adapter], store()));
}

export function putKernelChoice(adapter: string, choice: unknown): Promise<void> {
  return named(() => set(["kernels", adapter], choice, store()));
}

/** Writes only where the manifest is there, in one transaction with the look. */
function ifListed(url: string, write: (s: IDBObjectStore, manifest: Manifest) => void): Promise<void> {
  return store()("readwrite", s => {
    const found: IDBRequest<Manifest | undefined> = s.get(manifestKey(url));
    found.onsuccess = () => {
      if (found.result) write(s, found.result);
    };
    return committed(s.transaction);
  });
}

/**
 * Resolves when the transaction is on disk. Not idb-keyval's `promisifyRequest`: a failed write reaches the
 * transaction's `onerror` before its `error` is set, and the reason (a full quota) would be lost.
 */
function committed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () =>
      reject(transaction.error ?? new DOMException("The write was aborted.", "AbortError"));
  });
}

/** Names what IndexedDB throws. Anything that is no DOMException is a mistake of ours and passes through. */
async function named<T>(work: () => Promise<T>, written?: Manifest): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    if (error.name === "QuotaExceededError") throw full(error, written);
    throw unavailable(`IndexedDB says "${error.name}: ${error.message}"`, error);
  }
}

function full(cause: DOMException, written?: Manifest): StorageError {
  const [stored, total] = written ? [storedBytes(written), written.totalBytes] : [0, 0];
  return new StorageError(
    "quota-exceeded",
    `The browser gives this site no more storage${written ? `, with about ${stored} of ${total} bytes of the model stored` : ""}. ` +
      "What is stored stays and the next load goes on from there: free space on the disk, or remove cached models with " +
      "models.remove(url) (models.list() names them), then load again.",
    {
      cause,
      details: { storedBytes: stored, totalBytes: total, url: written ? shownUrl(written.url) : null },
    },
  );
}

function unavailable(why: string, cause: unknown): StorageError {
  return new StorageError(
    "storage-unavailable",
    `Models cannot be stored here: ${why}. Private windows, blocked cookies and sandboxed frames switch storage off: ` +
      "use a normal window, allow storage for this site, or load the model from a File, which needs no storage.",
    { cause, details: { why } },
  );
}
