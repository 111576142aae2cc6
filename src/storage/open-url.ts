/** From a URL to a source: is it cached, is another tab at it, what does the server say. */
import { DownloadError, StorageError } from "../errors.ts";
import type { LoadProgress } from "../types.ts";
import type { ChunkTarget } from "./chunks.ts";
import { deleteModel, getManifest, touchManifest } from "./database.ts";
import { Head } from "./head.ts";
import { fetchRange, type RangeTarget } from "./http.ts";
import { keeping } from "./http-errors.ts";
import { type Hub, hubHeaders, isOnHub } from "./hub.ts";
import { lock, type Release, tryLock } from "./locks.ts";
import { type Manifest, newManifest, storedBytes, type Validators } from "./manifest.ts";
import { addressOf, lockName } from "./names.ts";
import { headerProgress, ProgressMeter } from "./progress.ts";
import type { ModelSource } from "./source.ts";
import { DEFAULT_TUNING, type Tuning } from "./tuning.ts";
import { UrlSource } from "./url-source.ts";

export interface OpenUrlOptions {
  /** Headers for the download, such as an `Authorization`. Never stored. */
  headers?: Headers | undefined;
  /** What the cache knows the model by. Default: the URL without fragment, user, password and signature. */
  key?: string | undefined;
  /** Noted in the cache: this file was chosen where its repository alone was named. */
  chosen?: boolean | undefined;
  /** Where the Hub is, and the token for it. Never stored. Default: the URL is just a URL. */
  hub?: Hub | undefined;
  /** Ends the opening, and later reads and the stream, with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Called with phase `download` while anything is missing in the cache (also while another tab fetches it), else `read`. */
  onProgress?: ((progress: LoadProgress) => void) | undefined;
  /** For tests. */
  tuning?: Partial<Tuning> | undefined;
}

/**
 * Opens a model by its URL. A model that is completely cached is not asked for at the server again: it loads offline,
 * and a newer file under the same URL is only seen after `removeModel(url)`. Otherwise one small request finds out size
 * and version and fetches the start of the header; the weights are fetched by `stream()`. While another tab downloads
 * the same URL this waits for it. The source holds the download lock of its URL until it is complete or closed.
 *
 * @throws InputError `option`; DownloadError `http-status`, `network`, `no-ranges`, `no-size`, `bad-range`, `hub-access`,
 *   `hub-not-found`;
 *   ModelFormatError `not-gguf` for a web page; StorageError `storage-unavailable`, `blocked`; the signal's reason. Reading may
 *   also end in DownloadError `changed-on-server`, StorageError `quota-exceeded` and
 *   ModelFormatError `corrupt`.
 */
export async function openUrl(url: string, options: OpenUrlOptions = {}): Promise<ModelSource> {
  const target = targetOf(url, options);
  const { key } = target;
  options.signal?.throwIfAborted();
  const cached = await getManifest(key);
  if (cached?.complete) return fromCache(cached, target, options);

  const release = (await tryLock(lockName(key))) ?? (await waitForOther(target, options));
  try {
    const manifest = await getManifest(key); // another tab may just have finished
    if (!manifest?.complete) return await fromServer(manifest, target, release, options);
    release();
    return await fromCache(manifest, target, options);
  } catch (error) {
    release();
    throw error;
  }
}

/**
 * Opens a model to read its header: takes no lock, waits for no other tab, and changes nothing in the cache. Failures as
 * with `openUrl`.
 */
export async function peekUrl(url: string, options: OpenUrlOptions = {}): Promise<ModelSource> {
  const target = targetOf(url, options);
  options.signal?.throwIfAborted();
  const cached = await getManifest(target.key).catch(error => {
    if (error instanceof StorageError) return undefined;
    throw error;
  });
  const head = new Head();
  const peeked = { ...target, keepsCache: true };
  if (cached?.complete) return source(cached, peeked, head, () => {}, options);
  const file = await firstRequest(target, target.tuning.headBytes, head, options);
  return source(newManifest(target.key, file, target.tuning.chunkBytes), peeked, head, () => {}, options);
}

function targetOf(address: string, options: OpenUrlOptions): KeyedTarget {
  const { url, key, authorization } = addressOf(address);
  const hub = options.hub && isOnHub(options.hub, url) ? options.hub : undefined;
  const headers = new Headers(options.headers);
  if (authorization !== null && !headers.has("authorization")) headers.set("authorization", authorization);
  return {
    url,
    key: options.key ?? key,
    headers: hub ? hubHeaders(hub, url, headers) : headers,
    hub,
    tuning: { ...DEFAULT_TUNING, ...options.tuning },
    onRetry: retry => options.onProgress?.(headerProgress(0, retry)),
  };
}

type KeyedTarget = ChunkTarget & { key: string };

/** Fetches the file's start into `head`, and learns which file the server has. */
function firstRequest(
  target: RangeTarget,
  bytes: number,
  head: Head,
  { signal = new AbortController().signal }: OpenUrlOptions,
): Promise<Validators> {
  return fetchRange(target, 0, bytes, part => head.append(part), signal);
}

async function fromCache(
  manifest: Manifest,
  target: ChunkTarget,
  options: OpenUrlOptions,
): Promise<ModelSource> {
  try {
    await touchManifest(manifest.url, options.chosen);
  } catch (error) {
    // The date of last use is not worth failing for when the disk is full: reading needs no space.
    if (!(error instanceof StorageError && error.code === "quota-exceeded")) throw error;
  }
  return source(manifest, target, new Head(), () => {}, options);
}

async function fromServer(
  stored: Manifest | null | undefined,
  target: KeyedTarget,
  release: Release,
  options: OpenUrlOptions,
): Promise<ModelSource> {
  const { headBytes, chunkBytes } = target.tuning;
  const head = new Head();
  if (stored) {
    try {
      // With the first chunk in the cache, one byte is enough to learn which file the server has.
      await firstRequest({ ...target, expected: stored }, stored.hashes[0] ? 1 : headBytes, head, options);
      return source(stored, target, head, release, options);
    } catch (error) {
      if (!(error instanceof DownloadError && error.code === "changed-on-server"))
        throw keeping(error, storedBytes(stored));
      await deleteModel(target.key); // an older version of the file: its parts are of no use
    }
  }
  if (stored === null) await deleteModel(target.key); // nothing says any more what its parts are
  const file = await firstRequest(target, headBytes, head, options);
  const manifest = newManifest(target.key, file, chunkBytes);
  return source(options.chosen ? { ...manifest, chosen: true } : manifest, target, head, release, options);
}

function source(
  manifest: Manifest,
  target: ChunkTarget,
  head: Head,
  release: Release,
  { signal, onProgress }: OpenUrlOptions,
): ModelSource {
  return new UrlSource({ manifest, target, head, release, signal, onProgress });
}

/** Waits until the load that holds the download lock ends, and reports its progress as this load's own. */
async function waitForOther(
  { key, tuning }: KeyedTarget,
  { signal, onProgress }: OpenUrlOptions,
): Promise<Release> {
  let meter: ProgressMeter | undefined;
  const look = async (): Promise<void> => {
    const manifest = await getManifest(key);
    if (!manifest) return;
    meter ??= new ProgressMeter({ phase: "download", totalBytes: manifest.totalBytes, report: onProgress });
    meter.set(storedBytes(manifest));
  };
  // A failure to look is not lost: the load itself reads the same manifest right after the wait.
  const timer = setInterval(() => void look().catch(() => {}), tuning.pollMs);
  try {
    return await lock(lockName(key), signal);
  } finally {
    clearInterval(timer);
  }
}
