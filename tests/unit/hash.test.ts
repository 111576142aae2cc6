import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { chunkHash } from "../../src/storage/hash.ts";

const sha256 = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();

describe("the hash of a chunk", () => {
  const piece = 512 * 1024;
  test.each([0, 1, piece - 1, piece, piece + 1, 3 * piece])(
    "of %i bytes is that of its pieces' hashes",
    async size => {
      const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 255);
      const pieces = Array.from({ length: Math.ceil(size / piece) }, (_, i) =>
        sha256(bytes.subarray(i * piece, (i + 1) * piece)),
      );
      expect(await chunkHash(bytes)).toBe(sha256(Buffer.concat(pieces)).toString("hex"));
    },
  );

  test("is of the bytes alone, not of the buffer around them", async () => {
    const around = new Uint8Array(piece + 20).fill(7);
    expect(await chunkHash(around.subarray(10, piece + 10))).toBe(
      await chunkHash(around.slice(10, piece + 10)),
    );
  });
});
