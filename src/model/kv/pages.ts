/**
 * Which pages of a pool are in use, and by how many. Plain numbers: what lies in the pages is somebody else's.
 * A page is held by sequences and by the index of prefixes, and is free again when the last of them lets go.
 */
export class Pages {
  readonly count: number;
  /** Given back; besides these the pages from `#unused` on are free. A list of all would take long where a context is huge. */
  readonly #free: number[] = [];
  readonly #holders = new Map<number, number>();
  #unused = 0;

  constructor(count: number) {
    this.count = count;
  }

  get free(): number {
    return this.#free.length + this.count - this.#unused;
  }

  /** A free page, now held once; undefined: there is none. */
  take(): number | undefined {
    const page = this.#free.pop() ?? (this.#unused < this.count ? this.#unused++ : undefined);
    if (page !== undefined) this.#holders.set(page, 1);
    return page;
  }

  /** Who holds it. */
  holders(page: number): number {
    return this.#holders.get(page) ?? 0;
  }

  hold(page: number): void {
    this.#holders.set(page, this.#held(page) + 1);
  }

  letGo(page: number): void {
    const left = this.#held(page) - 1;
    if (left > 0) {
      this.#holders.set(page, left);
    } else {
      this.#holders.delete(page);
      this.#free.push(page);
    }
  }

  /** @throws RangeError: a page that nobody holds is somebody else's, or soon will be */
  #held(page: number): number {
    const held = this.#holders.get(page);
    if (held === undefined) throw new RangeError(`Page ${page} of ${this.count} is not in use`);
    return held;
  }
}
