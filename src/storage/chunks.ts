/** Stored chunks, checked on every read; a damaged or missing one is fetched again, once. */
import { DownloadError, ModelFormatError } from "../errors.ts";
import { deleteModel, getChunk, replaceChunk } from "./database.ts";
import { fetchChunk } from "./download.ts";
import { chunkHash } from "./hash.ts";
import { Head } from "./head.ts";
import type { RangeTarget } from "./http.ts";
import { chunkRange, type Manifest } from "./manifest.ts";
import { shownUrl } from "./names.ts";

export interface ChunkTarget extends RangeTarget {
  /** Nothing in the cache is mended or removed, whatever is found there. Default false. */
  readonly keepsCache?: boolean;
}

/**
 * The bytes of a chunk that the manifest lists.
 * @throws ModelFormatError `corrupt` where the stored chunk is damaged and the server gives no sound one.
 */
export async function readChunk(
  target: ChunkTarget,
  manifest: Manifest,
  index: number,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const stored = await getChunk(manifest.url, index);
  const bytes = stored ? await bytesOf(stored) : "missing";
  const damage = typeof bytes === "string" ? bytes : await damageOf(bytes, manifest, index);
  if (typeof bytes !== "string" && damage === null) return bytes;
  return refetch(target, manifest, index, damage ?? "", signal);
}

/** The bytes of a Blob, or in words why the browser cannot read it. */
async function bytesOf(blob: Blob): Promise<Uint8Array<ArrayBuffer> | string> {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (error) {
    // NotReadableError, NotFoundError: the file that the browser kept the Blob in is damaged or gone.
    if (error instanceof DOMException) return `unreadable (${error.name})`;
    throw error;
  }
}

async function damageOf(
  bytes: Uint8Array<ArrayBuffer>,
  manifest: Manifest,
  index: number,
): Promise<string | null> {
  const { start, end } = chunkRange(manifest, index);
  if (bytes.length !== end - start) return `${bytes.length} bytes long instead of ${end - start}`;
  return (await chunkHash(bytes)) === manifest.hashes[index] ? null : "changed (its SHA-256 differs)";
}

async function refetch(
  target: ChunkTarget,
  manifest: Manifest,
  index: number,
  damage: string,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const expected = { ...target, expected: manifest };
  let chunk: Blob;
  try {
    chunk = await fetchChunk(
      { target: expected, manifest, head: new Head(), onBytes: () => {} },
      index,
      signal,
    );
  } catch (cause) {
    if (!(cause instanceof DownloadError)) throw cause;
    // A server that is out of reach may be back tomorrow; one that has another file now will not.
    const lost = cause.code === "changed-on-server" && !target.keepsCache;
    if (lost) await deleteModel(manifest.url);
    throw corrupt(
      manifest,
      index,
      damage,
      lost ? "the server has another file now" : cause.message,
      lost,
      cause,
    );
  }
  const bytes = new Uint8Array(await chunk.arrayBuffer());
  if ((await damageOf(bytes, manifest, index)) !== null) {
    if (!target.keepsCache) await deleteModel(manifest.url);
    const why = "the server sends other bytes than before";
    throw corrupt(manifest, index, damage, why, !target.keepsCache);
  }
  if (!target.keepsCache) await replaceChunk(manifest.url, index, chunk);
  return bytes;
}

function corrupt(
  manifest: Manifest,
  index: number,
  damage: string,
  why: string,
  removed: boolean,
  cause?: unknown,
): ModelFormatError {
  const remedy = removed
    ? "The cached copy was removed: load again to download the model afresh."
    : "Load again when the server can be reached, or remove the copy with models.remove(url).";
  return new ModelFormatError(
    "corrupt",
    `Part ${index + 1} of ${manifest.hashes.length} of the cached model ${shownUrl(manifest.url)} is ${damage}, and it ` +
      `could not be fetched again: ${why}. ${remedy}`,
    { cause, details: { url: shownUrl(manifest.url), chunk: index, damage } },
  );
}
