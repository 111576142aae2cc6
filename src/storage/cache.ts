/** The models in this origin's cache: what `models.list()` and `models.remove()` do. (`models.usage()`: `space.ts`.) */
import { InputError, StorageError } from "../errors.ts";
import type { CachedModel } from "../types.ts";
import { deleteModel, readManifests } from "./database.ts";
import { isHubAddress } from "./hub-address.ts";
import { storedUrl } from "./hub-stored.ts";
import { type Release, tryLock } from "./locks.ts";
import { type Manifest, storedBytes } from "./manifest.ts";
import { absoluteUrl, cacheKey, lockName, shownUrl } from "./names.ts";

/**
 * All models that are stored, the last used first. A half-done download is listed with `complete: false`; the parts of
 * a split model are one entry under the first part's URL. A model whose record is damaged is listed as `damaged`.
 */
export async function listModels(): Promise<CachedModel[]> {
  const groups = new Map<string, Manifest[]>();
  const { manifests, damaged } = await readManifests();
  for (const manifest of manifests) {
    const name = urlsOf(manifest)[0]!;
    groups.set(name, [...(groups.get(name) ?? []), manifest]);
  }
  const ofNone = damaged.filter(
    damagedUrl => !manifests.some(manifest => urlsOf(manifest).includes(damagedUrl)),
  );
  return [...groups]
    .map(([url, parts]) => modelOf(url, parts))
    .concat(ofNone.map(url => ({ ...UNREADABLE, url })))
    .sort((a, b) => b.lastUsed - a.lastUsed);
}

/** What is known of a model whose manifest is damaged. */
const UNREADABLE = {
  parts: 1,
  totalBytes: 0,
  storedBytes: 0,
  complete: false,
  lastUsed: 0,
  damaged: true,
} as const;

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
 * @param source an entry's `url` in `models.list()`, a `cacheKey`, or an address or list of addresses as for `load()`: of a
 *   split model any part's; `hf:owner/repo` is what is stored of it
 * @param options.hubUrl as for `load()`
 * @throws (as rejection) StorageError `in-use` while it is being downloaded, here or in another tab; InputError `option`
 *   for what is no address: files and streams are not stored
 */
export async function removeModel(
  source: string | URL | readonly (string | URL)[],
  { hubUrl }: { hubUrl?: string } = {},
): Promise<void> {
  const { manifests, damaged } = await readManifests();
  for (const address of Array.isArray(source) ? source : [source]) {
    const known =
      typeof address === "string" && [...manifests.map(({ url }) => url), ...damaged].includes(address);
    const key = known ? address : await keyOf(address, hubUrl);
    if (key !== null) await removeKey(key, manifests);
  }
}

async function keyOf(address: unknown, hubUrl: string | undefined): Promise<string | null> {
  if (typeof address === "string" && isHubAddress(address)) return storedUrl(address, hubUrl);
  const url = typeof address === "string" || address instanceof URL ? absoluteUrl(address) : null;
  if (url !== null) return cacheKey(url);
  const shown =
    typeof address === "string" ? `"${shownUrl(address)}"` : `a value of the kind ${typeof address}`;
  throw new InputError(
    "option",
    `${shown} is no address of a stored model. Give the address that it was loaded from, or what models.list() has as its url.`,
    { details: { option: "source", value: shown } },
  );
}

async function removeKey(key: string, manifests: readonly Manifest[]): Promise<void> {
  const { split } = manifests.find(manifest => urlsOf(manifest).includes(key)) ?? {};
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
    `The model ${shownUrl(url)} is being downloaded, in this tab or another one. Stop that load first, then remove it.`,
    { details: { url: shownUrl(url) } },
  );
}
