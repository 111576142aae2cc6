/**
 * SentencePiece's normaliser (`tokenizer.ggml.precompiled_charsmap`): a trie of byte sequences, each with what it
 * becomes. Mostly Unicode's NFKC with a few changes.
 *
 * Format: u32 size of the trie in bytes, little-endian; the trie, a double array of u32 units; replacements, each ended
 * by a zero byte. A unit holds the byte that leads to it (bits 0-7, with bit 31), whether a value hangs from it (bit 8),
 * and where its children are (bits 10-30, times 256 if bit 9 is set): child = base XOR byte.
 */
import { badField } from "./vocabulary.ts";

const utf8 = new TextEncoder();
const key = "tokenizer.ggml.precompiled_charsmap";

/** How often the length of its bytes a text may become. NFKC's greatest is 11 (U+FDFA). */
const MAX_GROWTH = 16;
/** Bytes that are replaced together at most: hostile tries go in circles. NFKC's longest have about 20. */
const MAX_KEY = 256;

interface Node {
  next: Map<number, Node>;
}

/**
 * Text to normalised text. What a user-defined token begins with stays as it is.
 * @param map null = no change
 */
export function createCharsmap(
  map: Uint8Array | null,
  userDefined: readonly string[],
): (text: string) => string {
  if (!map) return text => text;
  const size = map.length >= 4 ? new DataView(map.buffer, map.byteOffset).getUint32(0, true) : 0;
  if (size % 4 !== 0 || size === 0 || 4 + size >= map.length) throw badField(key, "has no sound trie");
  const units = new Uint32Array(map.slice(4, 4 + size).buffer);
  const replacements = map.subarray(4 + size);
  const kept: Node = { next: new Map() };
  for (const token of userDefined) {
    let node = kept;
    for (const byte of utf8.encode(token)) {
      let next = node.next.get(byte);
      if (!next) node.next.set(byte, (next = { next: new Map() }));
      node = next;
    }
  }
  const unitAt = (index: number): number => {
    const unit = units[index];
    if (unit === undefined) throw badField(key, "has a trie that leads out of itself");
    return unit;
  };
  const base = (unit: number): number => (unit >>> 10) << ((unit & 0x200) >>> 6);

  return text => {
    const bytes = utf8.encode(text);
    const out: number[] = [];
    const most = MAX_GROWTH * (bytes.length + 1);
    for (let at = 0; at < bytes.length; ) {
      let end = at;
      for (let node = kept.next.get(bytes[end]!); node && end < bytes.length; end++)
        node = node.next.get(bytes[end + 1]!);
      if (end > at) {
        while (at < end) out.push(bytes[at++]!);
        continue;
      }
      let value = -1;
      let index = base(unitAt(0));
      const limit = Math.min(bytes.length, at + MAX_KEY);
      for (let i = at; i < limit && bytes[i] !== 0; i++) {
        const byte = bytes[i]!;
        index ^= byte;
        const unit = unitAt(index);
        if ((unit & 0x800000ff) >>> 0 !== byte) break;
        index ^= base(unit);
        if ((unit & 0x100) === 0) continue;
        end = i + 1;
        value = unitAt(index) & 0x7fffffff;
      }
      if (value >= 0) {
        at = end;
        for (; replacements[value] !== 0; value++) {
          if (value >= replacements.length) throw badField(key, "has a replacement without an end");
          if (out.length >= most) throw badField(key, `makes a text more than ${MAX_GROWTH} times as long`);
          out.push(replacements[value]!);
        }
        continue;
      }
      const lead = bytes[at]!;
      for (let n = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4; n > 0; n--)
        out.push(bytes[at++]!);
    }
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(out));
  };
}
