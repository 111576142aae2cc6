/** Remembers the ids of words, since text repeats them. Bounded: 32,768 words of at most 64 characters, some 8 MB. */
const maxWords = 32_768;
const maxLength = 64;

export class WordCache {
  readonly #ids = new Map<string, readonly number[]>();

  /** The ids of `word`, from `encode` where they are not known yet. */
  get(word: string, encode: (word: string) => readonly number[]): readonly number[] {
    const known = this.#ids.get(word);
    if (known) return known;
    const ids = encode(word);
    if (word.length <= maxLength) {
      // Starting afresh costs one re-encoding of the working set; keeping an order of use would cost every look-up.
      if (this.#ids.size >= maxWords) this.#ids.clear();
      this.#ids.set(word, ids);
    }
    return ids;
  }
}
