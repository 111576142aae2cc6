import { describe, expect, test, vi } from "vitest";
import { crossingOrigin } from "../../src/page/origin.ts";
import type { LoadProgress } from "../../src/types.ts";
import { loaded, modelBytes, open } from "./support/models.ts";
import { splitGguf } from "./support/split-gguf.ts";

const WHOLE = modelBytes();
const expected = await loaded(new Blob([new Uint8Array(WHOLE)]));

/** Gives the bytes in pieces of the sizes in turn. */
function streamOf(
  bytes: Uint8Array,
  sizes: readonly number[],
  onCancel = (): void => {},
): ReadableStream<Uint8Array> {
  let at = 0;
  let turn = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      const size = sizes[turn++ % sizes.length]!;
      controller.enqueue(bytes.subarray(at, at + size)); // views of one buffer: they must survive
      at += size;
    },
    cancel: onCancel,
  });
}

const pulled = async (stream: ReadableStream<Uint8Array>) => (await crossingOrigin(stream)).from;

describe("a stream", () => {
  test.each([
    ["at once", [WHOLE.length]],
    ["in odd pieces", [1, 70_001, 13, 255]],
    ["of 64 KiB", [65_536]],
  ])("of a file that comes %s gives its tensors", async (_, sizes) => {
    const copy = new Uint8Array(WHOLE);
    expect(await loaded(await pulled(streamOf(copy, sizes)))).toEqual(expected);
    expect(copy.byteLength).toBe(WHOLE.length); // not transferred away
  });

  test("may have a header of several reads", async () => {
    const long = modelBytes({ tokens: 150_000 });
    const dataOffset = (await open(new Blob([new Uint8Array(long)]))).file.dataOffset;
    expect(dataOffset).toBeGreaterThan(3 * 1024 * 1024);
    expect(await loaded(await pulled(streamOf(long, [100_000])))).toEqual(expected);
  });

  test("may go on after the model's end, and is cancelled there", async () => {
    const cancelled = vi.fn();
    const longer = new Uint8Array(WHOLE.length + 5_000_000);
    longer.set(WHOLE);
    const { from, release } = await crossingOrigin(streamOf(longer, [65_536], cancelled));
    expect(await loaded(from)).toEqual(expected);
    release();
    await vi.waitFor(() => expect(cancelled).toHaveBeenCalled());
  });

  test("reports progress up to the last tensor's end", async () => {
    const reports: LoadProgress[] = [];
    await loaded(await pulled(streamOf(WHOLE, [10_000])), { reports });
    const { file } = await open(await pulled(streamOf(WHOLE, [10_000])));
    const total = file.fileBytes - file.dataOffset;
    expect(reports.at(-1)).toMatchObject({ phase: "read", loadedBytes: total, totalBytes: total });
  });

  test.each([
    ["inside the header", 100],
    ["inside the first fields", 10],
    ["before its first byte", 0],
    ["inside the tensors", WHOLE.length - 5000],
  ])("that ends %s is a named error", async (_, length) => {
    await expect(loaded(await pulled(streamOf(WHOLE.subarray(0, length), [4096])))).rejects.toMatchObject({
      name: "ModelFormatError",
      code: "truncated",
    });
  });

  test("that is no GGUF file is a named error", async () => {
    const page = new TextEncoder().encode("<!doctype html>".padEnd(200));
    await expect(loaded(await pulled(streamOf(page, [64])))).rejects.toMatchObject({ code: "not-gguf" });
  });

  test("of one part of a split model is a named error", async () => {
    const [, second] = await splitGguf(WHOLE, [2, 5]);
    await expect(loaded(await pulled(streamOf(second!, [4096])))).rejects.toMatchObject({
      code: "split-missing",
    });
  });

  test("that fails passes its error on", async () => {
    const failing = new ReadableStream<Uint8Array>({
      start: controller => controller.enqueue(WHOLE.slice(0, 1000)),
      pull: controller => controller.error(new RangeError("the disk is gone")),
    });
    await expect(loaded(await pulled(failing))).rejects.toThrow("the disk is gone");
  });

  test("that stalls is ended by the signal", async () => {
    const controller = new AbortController();
    const stalled = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) });
    const opening = open(await pulled(stalled), { signal: controller.signal });
    setTimeout(() => controller.abort(new Error("enough")), 20);
    await expect(opening).rejects.toThrow("enough");
  });

  test("that is in use, or gives no bytes, is a named error", async () => {
    const used = streamOf(WHOLE, [4096]);
    used.getReader();
    await expect(crossingOrigin(used)).rejects.toMatchObject({ name: "InputError", code: "option" });
    const words = new ReadableStream({ start: controller => controller.enqueue("words") });
    await expect(loaded(await pulled(words as ReadableStream<Uint8Array>))).rejects.toMatchObject({
      code: "option",
    });
  });
});

describe("what load takes", () => {
  const file = new File([new Uint8Array(WHOLE)], "a.gguf");

  test("a file, a handle, a list and what has files become files", async () => {
    const handle = {
      kind: "file",
      name: "a.gguf",
      getFile: async () => file,
    } as unknown as FileSystemFileHandle;
    for (const origin of [file, handle, [file], [handle], { files: [file] }, { files: new Set([handle]) }])
      expect((await crossingOrigin(origin)).from).toEqual([file]);
    expect((await crossingOrigin([handle, "https://x.org/b.gguf"])).from).toEqual([
      file,
      "https://x.org/b.gguf",
    ]);
  });

  test("addresses are made absolute, those on the Hub are kept", async () => {
    vi.stubGlobal("location", { href: "https://x.org/app/" });
    expect(await crossingOrigin("m.gguf")).toMatchObject({
      from: ["https://x.org/app/m.gguf"],
      stored: true,
    });
    expect((await crossingOrigin(new URL("https://y.org/m.gguf"))).from).toEqual(["https://y.org/m.gguf"]);
    expect((await crossingOrigin("hf:O/r@main/a b.gguf")).from).toEqual(["hf:O/r@main/a b.gguf"]);
    vi.unstubAllGlobals();
  });

  test.each([[[]], [{}], [{ files: null }], [7], [null], [[null]]])("%j is a named error", async origin => {
    await expect(crossingOrigin(origin as never)).rejects.toMatchObject({
      name: "InputError",
      code: "option",
    });
  });
});
