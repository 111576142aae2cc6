/** The models in this origin's cache: what `models.list()` and `models.remove()` do. (`models.usage()`: `space.ts`.) */
import { StorageError } from "../errors.ts";
import type { CachedModel } from "../types.ts";
import { deleteModel, listManifests } from "./database.ts";
import { tryLock } from "./locks.ts";
import { storedBytes } from "./manifest.ts";
import { cacheKey, lockName } from "./names.ts";

/** All models that are stored, the last used first. A half-done download is listed with `complete: false`. */
export async function listModels(): Promise<CachedModel[]> {
  const models = (await listManifests()).map(manifest => ({
    url: manifest.url,
    totalBytes: manifest.totalBytes,
    storedBytes: storedBytes(manifest),
    complete: manifest.complete,
    lastUsed: manifest.lastUsed,
  }));
  return models.sort((a, b) => b.lastUsed - a.lastUsed);
}

/**
 * Removes a model from the cache; nothing happens if it is not there. Sessions that already run are not touched.
 * @throws StorageError `in-use` while it is being downloaded, here or in another tab.
 */
export async function removeModel(url: string): Promise<void> {
  const key = cacheKey(url);
  const release = await tryLock(lockName(key));
  if (!release) {
    throw new StorageError(
      "in-use",
      `The model ${key} is being downloaded, in this tab or another one. Stop that load first, then remove it.`,
      { details: { url: key } },
    );
  }
  try {
    await deleteModel(key);
  } finally {
    release();
  }
}
