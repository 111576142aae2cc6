/** What the cache knows of one model: which file, and which of its chunks are stored with which hash. */

/** The split model that a file is a part of. */
export interface SplitModel {
  /** All parts in order; the first one's URL names the model. */
  readonly urls: readonly string[];
  /** Bytes of all parts. */
  readonly totalBytes: number;
}

export interface Manifest {
  /** Absolute URL without fragment, user, password and signature; or what the caller gave as `cacheKey`. */
  readonly url: string;
  readonly totalBytes: number;
  /** Chunk size when the download began; later versions may use another for new downloads. */
  readonly chunkBytes: number;
  /** `ETag` and `Last-Modified` of the server, `null` where it sent or exposed none. */
  readonly etag: string | null;
  readonly lastModified: string | null;
  /** `chunkHash` of each stored chunk, `null` for chunks that are not stored. */
  readonly hashes: readonly (string | null)[];
  /** Every chunk is stored. */
  readonly complete: boolean;
  /** Milliseconds since 1970. */
  readonly lastUsed: number;
  /** It was taken from its repository on the Hub where no quantisation was asked for. */
  readonly chosen?: boolean;
  /** Absent for a model of one file. */
  readonly split?: SplitModel;
}

/** Whether a value out of the database is one for this URL, and fits together: a disk or another program may have damaged it. */
export function isManifest(value: unknown, url: string): value is Manifest {
  const { hashes, split, ...rest } = Object(value) as Partial<Record<keyof Manifest, unknown>>;
  const { totalBytes, chunkBytes, etag, lastModified } = rest;
  const textOrNull = (field: unknown): boolean => field === null || typeof field === "string";
  return (
    rest.url === url &&
    Number.isSafeInteger(totalBytes) &&
    Number.isSafeInteger(chunkBytes) &&
    Number(chunkBytes) > 0 &&
    Array.isArray(hashes) &&
    hashes.length === Math.ceil(Number(totalBytes) / Number(chunkBytes)) &&
    hashes.every(textOrNull) &&
    rest.complete === !hashes.includes(null) &&
    [etag, lastModified].every(textOrNull) &&
    Number.isFinite(rest.lastUsed) &&
    (split === undefined || isSplit(split))
  );
}

function isSplit(value: unknown): value is SplitModel {
  const { urls, totalBytes } = Object(value) as Partial<Record<keyof SplitModel, unknown>>;
  const sound = Array.isArray(urls) && urls.length > 0 && urls.every(url => typeof url === "string");
  return sound && Number.isSafeInteger(totalBytes);
}

/** What tells two versions of a file on a server apart. */
export interface Validators {
  totalBytes: number;
  etag: string | null;
  lastModified: string | null;
}

export function newManifest(url: string, file: Validators, chunkBytes: number): Manifest {
  const chunks = Math.ceil(file.totalBytes / chunkBytes);
  const { totalBytes, etag, lastModified } = file;
  const hashes = new Array<string | null>(chunks).fill(null);
  return {
    url,
    totalBytes,
    chunkBytes,
    etag,
    lastModified,
    hashes,
    complete: chunks === 0,
    lastUsed: Date.now(),
  };
}

export function withChunk(manifest: Manifest, index: number, hash: string): Manifest {
  const hashes = manifest.hashes.with(index, hash);
  return { ...manifest, hashes, complete: hashes.every(h => h !== null) };
}

/** First byte and end (exclusive) of a chunk in the file. */
export function chunkRange(manifest: Manifest, index: number): { start: number; end: number } {
  const start = index * manifest.chunkBytes;
  return { start, end: Math.min(start + manifest.chunkBytes, manifest.totalBytes) };
}

export function storedBytes(manifest: Manifest): number {
  return manifest.hashes.reduce((sum, hash, index) => {
    if (hash === null) return sum;
    const { start, end } = chunkRange(manifest, index);
    return sum + end - start;
  }, 0);
}

/** Why `found` is another file than `known`, in words; `null` if nothing says so. A validator that one lacks says nothing. */
export function difference(known: Validators, found: Validators): string | null {
  if (known.totalBytes !== found.totalBytes) return `size ${known.totalBytes}, now ${found.totalBytes} bytes`;
  // The same file may be sent with a weak or a strong tag, depending on the server in front.
  const strong = (tag: string): string => tag.replace(/^W\//, "");
  if (known.etag !== null && found.etag !== null) {
    return strong(known.etag) === strong(found.etag) ? null : `ETag ${known.etag}, now ${found.etag}`;
  }
  if (
    known.lastModified !== null &&
    found.lastModified !== null &&
    known.lastModified !== found.lastModified
  ) {
    return `last modified ${known.lastModified}, now ${found.lastModified}`;
  }
  return null;
}
