/** Fields of a request's body, each checked when it is read. `null` counts as left out. */
import { isObject, isText, show } from "../../options.ts";
import { invalid, unsupported } from "./errors.ts";

export type Body = Readonly<Record<string, unknown>>;

export class Fields {
  readonly #body: Body;
  /** Where these fields are, such as `stream_options.`. */
  readonly #place: string;

  constructor(body: Body, place = "") {
    this.#body = body;
    this.#place = place;
  }

  get(name: string): unknown {
    return this.#body[name] ?? undefined;
  }

  number(name: string, least: number, most: number): number | undefined {
    return this.#read(
      name,
      (value): value is number => typeof value === "number" && value >= least && value <= most,
      `a number from ${least} to ${most}`,
    );
  }

  whole(name: string, least: number, most = Number.MAX_SAFE_INTEGER): number | undefined {
    return this.#read(
      name,
      (value): value is number => Number.isInteger(value) && Number(value) >= least && Number(value) <= most,
      most < Number.MAX_SAFE_INTEGER
        ? `a whole number from ${least} to ${most}`
        : `a whole number from ${least} up`,
    );
  }

  flag(name: string): boolean {
    return (
      this.#read(name, (value): value is boolean => typeof value === "boolean", "true or false") ?? false
    );
  }

  text(name: string): string | undefined {
    return this.#read(name, isText, "a string");
  }

  list(name: string): readonly unknown[] | undefined {
    return this.#read(name, (value): value is unknown[] => Array.isArray(value), "a list");
  }

  /** Fields of an object; of an empty one, where it is left out. */
  inside(name: string): Fields {
    return new Fields(this.#read(name, isObject, "an object") ?? {}, `${this.#place}${name}.`);
  }

  object(name: string): Body | undefined {
    return this.#read(name, isObject, "an object");
  }

  required<T>(name: string, value: T | undefined): T {
    if (value === undefined)
      throw invalid(
        this.#place + name,
        `Missing required parameter: '${this.#place}${name}'.`,
        "missing_required_parameter",
      );
    return value;
  }

  /** Refuses what would change the answer and is not there yet. */
  refuse(names: Readonly<Record<string, string>>): void {
    for (const [name, what] of Object.entries(names)) {
      const value = this.get(name);
      const empty = value === false || (Array.isArray(value) && value.length === 0);
      if (value !== undefined && !empty) throw unsupported(this.#place + name, what);
    }
  }

  #read<T>(name: string, holds: (value: unknown) => value is T, words: string): T | undefined {
    const value = this.get(name);
    if (value === undefined) return undefined;
    if (!holds(value))
      throw invalid(this.#place + name, `'${this.#place}${name}' is ${show(value)}; it must be ${words}.`);
    return value;
  }
}
