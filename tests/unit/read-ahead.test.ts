import { describe, expect, test, vi } from "vitest";
import { readAhead } from "../../src/storage/ahead.ts";
import "./support/storage-browser.ts"; // Node 20 cannot transfer buffers

type Bytes = Uint8Array<ArrayBuffer>;

/** Reads that end when the test says so. */
class Reads {
  readonly started: number[] = [];
  readonly #pieces = new Map<number, Bytes>();
  readonly #pending = new Map<number, { resolve: (bytes: Bytes) => void; reject: (error: Error) => void }>();

  readonly read = (index: number): Promise<Bytes> => {
    this.started.push(index);
    this.#pieces.set(index, new Uint8Array([index]));
    return new Promise((resolve, reject) => this.#pending.set(index, { resolve, reject }));
  };

  finish(index: number): void {
    this.#pending.get(index)!.resolve(this.#pieces.get(index)!);
  }

  fail(index: number, error: Error): void {
    this.#pending.get(index)!.reject(error);
  }

  /** Whose memory is there. */
  alive(): number[] {
    return [...this.#pieces].filter(([, bytes]) => bytes.buffer.byteLength > 0).map(([index]) => index);
  }
}

const settled = (): Promise<void> => new Promise(resolve => setTimeout(resolve));

describe("reading ahead", () => {
  test("the next piece is read while the consumer has one, and the one after it as soon as that is given back", async () => {
    const reads = new Reads();
    const pieces = readAhead(3, 7, reads.read);
    const first = pieces.next();
    await settled();
    expect(reads.started).toEqual([3, 4]);
    reads.finish(3);
    expect((await first).value).toEqual({ index: 3, bytes: new Uint8Array([3]) });
    await settled();
    expect(reads.started).toEqual([3, 4]); // the consumer has 3
    const second = pieces.next();
    await settled();
    expect(reads.started).toEqual([3, 4, 5]); // 4 is not there yet
    expect(reads.alive()).toEqual([4, 5]);
    reads.finish(5);
    reads.finish(4);
    expect((await second).value).toEqual({ index: 4, bytes: new Uint8Array([4]) });
    expect(reads.alive()).toEqual([4, 5]);
  });

  test("the pieces come in order whatever their reading takes, never more than two at a time, and all are freed", async () => {
    const reads = new Reads();
    let most = 0;
    const seen: number[] = [];
    const read = (index: number): Promise<Bytes> => {
      const piece = reads.read(index);
      most = Math.max(most, reads.alive().length);
      setTimeout(() => reads.finish(index), (index * 7) % 5);
      return piece;
    };
    for await (const { index, bytes } of readAhead(0, 40, read)) {
      expect([...bytes]).toEqual([index]);
      seen.push(index);
    }
    expect(seen).toEqual(Array.from({ length: 40 }, (_, i) => i));
    expect(most).toBe(2);
    expect(reads.alive()).toEqual([]);
  });

  test("an error comes when its piece is due", async () => {
    const reads = new Reads();
    const pieces = readAhead(0, 5, reads.read);
    const first = pieces.next();
    reads.fail(1, new Error("damaged"));
    reads.finish(0);
    expect((await first).value).toMatchObject({ index: 0 });
    await settled();
    const second = pieces.next();
    reads.fail(2, new Error("of the piece after")); // was asked for before the error was seen
    await expect(second).rejects.toThrow("damaged");
    expect(reads.started).toEqual([0, 1, 2]);
    await settled();
  });

  test("nothing more is read when the consumer stops, and a failure of what was under way is nobody's", async () => {
    const unhandled = vi.fn();
    process.on("unhandledRejection", unhandled);
    const reads = new Reads();
    const read = (index: number): Promise<Bytes> => {
      const piece = reads.read(index);
      if (index === 0) reads.finish(0);
      return piece;
    };
    for await (const _ of readAhead(0, 5, read)) break;
    reads.fail(1, new Error("too late"));
    await settled();
    process.off("unhandledRejection", unhandled);
    expect(unhandled).not.toHaveBeenCalled();
    expect(reads.started).toEqual([0, 1]);
  });

  test("of nothing there is nothing", async () => {
    const reads = new Reads();
    expect((await readAhead(2, 2, reads.read).next()).done).toBe(true);
    expect(reads.started).toEqual([]);
  });
});
