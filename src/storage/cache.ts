/** The models in this origin's cache: what `models.list()` and `models.remove()` do. (`models.usage()`: `space.ts`.) */
import { StorageError } from "../errors.ts";
import type { CachedModel } from "../types.ts";
import { deleteModel, listManifests } from "./database.ts";
import { type Release, tryLock } from "./locks.ts";
import { type Manifest, storedBytes } from "./manifest.ts";
import { cacheKey, lockName } from "./names.ts";

/**
 * All models that are stored, the last used first. A half-done download is listed with `complete: false`; the parts of
 * a split model are one entry under the first part's URL.
 */
export async function listModels(): Promise<CachedModel[]> {
  const groups = new Map<string, Manifest[]>();
  for (const manifest of await listManifests()) {
    const name = urlsOf(manifest)[0]!;
    groups.set(name, [...(groups.get(name) ?? []), manifest]);
  }
  return [...groups]
    .map(([url, manifests]) => modelOf(url, manifests))
    .sort((a, b) => b.lastUsed - a.lastUsed);
}

function modelOf(url: string, manifests: readonly Manifest[]): CachedModel {
  const { split, totalBytes } = manifests.find(manifest => manifest.split) ?? manifests[0]!;
  const parts = split?.urls.length ?? 1;
  return {
    url,
    totalBytes: split?.totalBytes ?? totalBytes,
    storedBytes: manifests.reduce((sum, manifest) => sum + storedBytes(manifest), 0),
    complete: manifests.length === parts && manifests.every(({ complete }) => complete),
    lastUsed: Math.max(...manifests.map(({ lastUsed }) => lastUsed)),
    parts,
  };
}

/**
 * Removes a model from the cache, of a split model all parts; nothing happens if it is not there. Sessions that already
 * run are not touched.
 * @param url as `listModels` gives it; of a split model any part's
 * @throws StorageError `in-use` while it is being downloaded, here or in another tab.
 */
export async function removeModel(url: string): Promise<void> {
  const key = cacheKey(url);
  const { split } = (await listManifests()).find(manifest => urlsOf(manifest).includes(key)) ?? {};
  const held: Release[] = [];
  try {
    for (const part of split?.urls ?? [key]) {
      const release = await tryLock(lockName(part));
      if (!release) throw inUse(key);
      held.push(release);
    }
    for (const part of split?.urls ?? [key]) await deleteModel(part);
  } finally {
    for (const release of held) release();
  }
}

const urlsOf = ({ url, split }: Manifest): readonly string[] => split?.urls ?? [url];

function inUse(url: string): StorageError {
  return new StorageError(
    "in-use",
    `The model ${url} is being downloaded, in this tab or another one. Stop that load first, then remove it.`,
    { details: { url } },
  );
}
