import { freeBytes } from "./memory.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Pieces in memory, from the start of their reading until the next one is asked for. */
const AT_A_TIME = 2;

/**
 * The pieces that `read` gives for `first` up to `stop` (exclusive), in order. While the consumer has one, and from its
 * return on while the next is still on its way, another is read. An error comes when its piece is due.
 */
export async function* readAhead(
  first: number,
  stop: number,
  read: (index: number) => Promise<Bytes>,
): AsyncGenerator<{ index: number; bytes: Bytes }> {
  const reading: Promise<Bytes>[] = [];
  for (let index = first; index < stop; index++) {
    while (reading.length < Math.min(AT_A_TIME, stop - index)) {
      const piece = read(index + reading.length);
      piece.catch(() => {}); // awaited below; this only keeps it quiet until then, or if the consumer stops before
      reading.push(piece);
    }
    const bytes = await reading.shift()!;
    yield { index, bytes };
    freeBytes(bytes);
  }
}
