/** Journals of generations: what a page that was killed needs to go on with one. */
import { type Bound, deleteKept, getBound, putKept } from "./kept.ts";

const FORMAT = 1;
/** How often a journal is written at most. What came since is computed again, and is the same. Milliseconds. */
const EVERY_MS = 250;

/** What is stored; `unfinished` as the engine knows it. */
interface Stored<T> extends Bound {
  format: number;
  unfinished: T;
}

/** Writes what a generation has, in order and not too often. */
export class JournalWriter<T extends { ids: readonly number[] }> {
  readonly #name: string;
  readonly #binding: string;
  #unfinished: T | undefined;
  readonly #ids: number[] = [];
  #writing: Promise<void> = Promise.resolve();
  #waiting = false;
  #last = 0;

  constructor(name: string, binding: string) {
    this.#name = name;
    this.#binding = binding;
  }

  begin(unfinished: T): void {
    this.#unfinished = unfinished;
    this.#ids.push(...unfinished.ids);
    this.#write();
  }

  add(ids: readonly number[]): void {
    this.#ids.push(...ids);
    if (performance.now() - this.#last >= EVERY_MS) this.#write();
  }

  /** Nothing is left to go on with. @throws StorageError where the journal could not be kept */
  async end(): Promise<void> {
    await this.#writing;
    await deleteKept("journal", this.#name);
  }

  #write(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    this.#writing = this.#writing.then(() => {
      this.#waiting = false;
      this.#last = performance.now();
      const stored: Stored<T> = {
        format: FORMAT,
        binding: this.#binding,
        unfinished: { ...this.#unfinished!, ids: this.#ids },
      };
      return putKept("journal", this.#name, stored);
    });
    this.#writing.catch(() => {}); // told at the end
  }
}

/** @throws InputError `not-saved`, `other-model`, `not-restorable` */
export async function getJournal<T>(name: string, binding: string): Promise<T> {
  const isStored = (value: unknown): value is Stored<T> => {
    const { format, unfinished } = (value ?? {}) as Partial<Stored<T>>;
    return format === FORMAT && Boolean(unfinished);
  };
  return (await getBound("journal", name, binding, isStored)).unfinished;
}
