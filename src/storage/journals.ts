/** Journals of generations: what a page that was killed needs to go on with one. */
import { InputError } from "../errors.ts";
import { deleteKept, getKept, putKept } from "./kept.ts";

const FORMAT = 1;
/** How often a journal is written at most. What came since is computed again, and is the same. Milliseconds. */
const EVERY_MS = 250;

/** What is stored; `unfinished` as the engine knows it. */
interface Stored<T> {
  format: number;
  binding: string;
  unfinished: T;
}

/** Writes what a generation has, in order and not too often. */
export class JournalWriter<T extends { ids: readonly number[] }> {
  readonly #name: string;
  readonly #binding: string;
  #unfinished: T | undefined;
  #writing: Promise<void> = Promise.resolve();
  #waiting = false;
  #last = 0;

  constructor(name: string, binding: string) {
    this.#name = name;
    this.#binding = binding;
  }

  begin(unfinished: T): void {
    this.#unfinished = unfinished;
    this.#write();
  }

  add(ids: readonly number[]): void {
    this.#unfinished = { ...this.#unfinished!, ids: [...this.#unfinished!.ids, ...ids] };
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
        unfinished: this.#unfinished!,
      };
      return putKept("journal", this.#name, stored);
    });
    this.#writing.catch(() => {}); // told at the end
  }
}

/** @throws InputError `not-saved`, `other-model`, `not-restorable` */
export async function getJournal<T>(name: string, binding: string): Promise<T> {
  const found = (await getKept("journal", name)) as Partial<Stored<T>> | undefined;
  if (found === undefined) throw refused("not-saved", name, "none is under way under this name, or it ended");
  if (found?.format !== FORMAT || !found.unfinished)
    throw refused("not-restorable", name, "its journal is damaged, or another version of intab wrote it");
  if (found.binding !== binding)
    throw refused(
      "other-model",
      name,
      "it ran on another model file, or with another contextLength or precision",
    );
  return found.unfinished;
}

function refused(code: string, name: string, why: string): InputError {
  return new InputError(
    code,
    `The generation "${name.slice(0, 100)}" cannot be resumed: ${why}. Start it anew.`,
    {
      details: { name: name.slice(0, 100) },
    },
  );
}
