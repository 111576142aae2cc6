type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Chromium 156 hashes on the thread that asks, and copies first: 10.5 ms for 8 MiB at once, of which half is the memory for
 * the copy, 6 ms in pieces of this size (EPYC). Bytes.
 */
const PIECE_BYTES = 512 * 1024;

/** SHA-256 in hexadecimal. */
export async function sha256(bytes: Bytes): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, byte => byte.toString(16).padStart(2, "0")).join("");
}

/** What a stored chunk is known by: SHA-256 of the SHA-256 of its pieces, in hexadecimal. Cheap enough for every read. */
export async function chunkHash(bytes: Bytes): Promise<string> {
  const digests = new Uint8Array(Math.ceil(bytes.length / PIECE_BYTES) * 32);
  for (let piece = 0; piece * 32 < digests.length; piece++) {
    const part = bytes.subarray(piece * PIECE_BYTES, (piece + 1) * PIECE_BYTES);
    digests.set(new Uint8Array(await crypto.subtle.digest("SHA-256", part)), piece * 32);
  }
  return sha256(digests);
}
