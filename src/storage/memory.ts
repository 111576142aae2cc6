/**
 * Gives the memory of bytes back now, not at some later garbage collection: V8 lets tens of megabytes of dead buffers
 * pile up, so that streaming a 98 MB model without this held up to 172 MiB (Chromium 156), which kills tabs on phones.
 *
 * Does nothing for a view on a part of a buffer (others may use the rest), for a buffer that was transferred away,
 * and in browsers without `ArrayBuffer.prototype.transfer` (before Chrome 114, Firefox 122, Safari 17.4).
 */
export function freeBytes(bytes: Uint8Array): void {
  const buffer = bytes.buffer as ArrayBuffer & { transfer?(newLength: number): ArrayBuffer };
  if (bytes.byteLength > 0 && bytes.byteLength === buffer.byteLength) buffer.transfer?.(0);
}
