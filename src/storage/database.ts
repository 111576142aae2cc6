/**
 * The one IndexedDB store: manifests under ["manifest", url], chunks as Blobs under ["chunk", url, index], beginnings of
 * chunks under ["part", url, index, number]. A chunk and
 * the manifest that tells of it are written in one transaction: either both are there or neither. Under
 * ["kernels", adapter] stands which kernels were the fastest there; what users keep by name is in `kept.ts`.
 */
import { get, promisifyRequest, set } from "idb-keyval";
import { StorageError } from "../errors.ts";
import { connected } from "./connection.ts";
import { isManifest, type Manifest, storedBytes } from "./manifest.ts";
import { shownUrl } from "./names.ts";
import { unavailable } from "./storage-errors.ts";

const manifestKey = (url: string): IDBValidKey => ["manifest", url];
const chunkKey = (url: string, index: number): IDBValidKey => ["chunk", url, index];
/** All chunks of a URL: an array key sorts after every number. */
const chunkKeys = (url: string): IDBKeyRange => IDBKeyRange.bound(["chunk", url], ["chunk", url, []]);
const partKeys = (url: string, index: number): IDBKeyRange =>
  IDBKeyRange.bound(["part", url, index], ["part", url, index, []]);
const manifestKeys = (): IDBKeyRange => IDBKeyRange.bound(["manifest"], ["manifest", []]);

/** `null` for one that is damaged: what is stored under that URL is of no use. */
export async function getManifest(url: string): Promise<Manifest | null | undefined> {
  const found = await named(() => get<unknown>(manifestKey(url), connected));
  return found === undefined || isManifest(found, url) ? found : null;
}

/** Notes that the model was used now, and that it was `chosen`; nothing happens if it has been removed meanwhile. */
export function touchManifest(url: string, chosen = false): Promise<void> {
  return named(() =>
    ifListed(url, (s, manifest) =>
      s.put({ ...manifest, lastUsed: Date.now(), ...(chosen && { chosen }) }, manifestKey(url)),
    ),
  );
}

/** The sound ones, and the URLs of those that are damaged. */
export async function readManifests(): Promise<{ manifests: Manifest[]; damaged: string[] }> {
  const [keys, values] = await named(() =>
    connected("readonly", s => {
      const range = manifestKeys();
      return Promise.all([
        promisifyRequest(s.getAllKeys(range)),
        promisifyRequest<unknown[]>(s.getAll(range)),
      ]);
    }),
  );
  const manifests: Manifest[] = [];
  const damaged: string[] = [];
  for (const [index, value] of values.entries()) {
    const url = String((keys[index] as readonly IDBValidKey[])[1]);
    if (isManifest(value, url)) manifests.push(value);
    else damaged.push(url);
  }
  return { manifests, damaged };
}

export const listManifests = async (): Promise<Manifest[]> => (await readManifests()).manifests;

export function getChunk(url: string, index: number): Promise<Blob | undefined> {
  return named(() => get<Blob>(chunkKey(url, index), connected));
}

/** A piece of a chunk that is not whole yet, stored as it came. */
export interface ChunkPart {
  /** Offset in the chunk. */
  readonly at: number;
  readonly bytes: Blob;
  /** `chunkHash` of the bytes. */
  readonly hash: string;
}

export function getParts(url: string, index: number): Promise<unknown[]> {
  return named(() => connected("readonly", s => promisifyRequest<unknown[]>(s.getAll(partKeys(url, index)))));
}

/** Stores the part with that number, from 0, of a chunk, together with the manifest that says of which file. */
export function putPart(manifest: Manifest, index: number, part: number, value: ChunkPart): Promise<void> {
  return named(
    () =>
      connected("readwrite", s => {
        s.put(value, ["part", manifest.url, index, part]);
        s.put(manifest, manifestKey(manifest.url));
        return committed(s.transaction);
      }),
    manifest,
  );
}

/** Stores a chunk, in place of its parts, together with the manifest that lists it. */
export function putChunk(manifest: Manifest, index: number, chunk: Blob): Promise<void> {
  return named(
    () =>
      connected("readwrite", s => {
        s.put(chunk, chunkKey(manifest.url, index));
        s.delete(partKeys(manifest.url, index));
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

/** Removes manifest, chunks and parts in one transaction. */
export function deleteModel(url: string): Promise<void> {
  return named(() =>
    connected("readwrite", s => {
      s.delete(manifestKey(url));
      s.delete(chunkKeys(url));
      s.delete(IDBKeyRange.bound(["part", url], ["part", url, []]));
      return committed(s.transaction);
    }),
  );
}

/** What was put there, if anything: not checked. */
export function getKernelChoice(adapter: string): Promise<unknown> {
  return named(() => get(["kernels", adapter], connected));
}

export function putKernelChoice(adapter: string, choice: unknown): Promise<void> {
  return named(() => set(["kernels", adapter], choice, connected));
}

/** Writes only where the manifest is there, in one transaction with the look. */
function ifListed(url: string, write: (s: IDBObjectStore, manifest: Manifest) => void): Promise<void> {
  return connected("readwrite", s => {
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
export async function named<T>(work: () => Promise<T>, written?: Manifest): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    if (error.name === "QuotaExceededError") throw await full(error, written);
    throw unavailable(`IndexedDB says "${error.name}: ${error.message}"`, error);
  }
}

/** @param written the manifest that could not be written: it counts what was to be stored, so the stored ones are asked */
async function full(cause: DOMException, written?: Manifest): Promise<StorageError> {
  const urls = written?.split?.urls ?? [written?.url];
  const parts = written ? (await listManifests()).filter(({ url }) => urls.includes(url)) : [];
  const stored = parts.reduce((sum, manifest) => sum + storedBytes(manifest), 0);
  const total = written?.split?.totalBytes ?? written?.totalBytes ?? 0;
  const kept = stored > 0 ? "What is stored stays and the next load goes on from there: free" : "Free";
  return new StorageError(
    "quota-exceeded",
    `The browser gives this site no more storage${written ? `, with ${stored} of ${total} bytes of the model stored` : ""}. ` +
      `${kept} space on the disk, or remove cached models with models.remove(url) (models.list() names them), then load again.`,
    {
      cause,
      details: { storedBytes: stored, totalBytes: total, url: written ? shownUrl(written.url) : null },
    },
  );
}
