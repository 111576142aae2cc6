/** Tokens `<0x00>` to `<0xFF>`, which stand for single bytes in vocabularies that spell text as it is. */

/** The byte that a token of this form stands for. */
export function byteValue(token: string): number | null {
  return /^<0x[0-9A-F]{2}>$/i.test(token) ? Number.parseInt(token.slice(3, 5), 16) : null;
}

/** The id of each byte's token, `missing` where the vocabulary has none. */
export function byteTokenIds(idOf: ReadonlyMap<string, number>, missing: number): Int32Array {
  return Int32Array.from({ length: 256 }, (_, byte) => {
    const hex = byte.toString(16).toUpperCase().padStart(2, "0");
    return idOf.get(`<0x${hex}>`) ?? missing;
  });
}
