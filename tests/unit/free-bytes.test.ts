import { expect, test } from "vitest";
import { freeBytes } from "../../src/storage/memory.ts";

test("the memory of whole buffers is let go, again and again", () => {
  for (let i = 0; i < 3; i++) {
    const bytes = new Uint8Array(1000);
    freeBytes(bytes);
    expect(bytes.buffer.byteLength).toBe(0);
    freeBytes(bytes); // more than once does no harm
  }
});

test("a view on a part of a buffer leaves it alone", () => {
  const bytes = new Uint8Array(1000);
  freeBytes(bytes.subarray(0, 999));
  expect(bytes.buffer.byteLength).toBe(1000);
});

test("a buffer that was transferred away is no error", () => {
  const bytes = new Uint8Array(1000);
  const moved = structuredClone(bytes, { transfer: [bytes.buffer] });
  freeBytes(bytes);
  expect(moved.buffer.byteLength).toBe(1000);
});
