import { createRandom } from "../unit/support/tokenizer-files.ts";

/** Chance, repeatable from its seed. */
export class Random {
  /** A whole number from 0 to before `n`. */
  readonly below: (n: number) => number;

  constructor(seed: number) {
    this.below = createRandom(seed);
  }

  chance(share: number): boolean {
    return this.below(2 ** 30) < share * 2 ** 30;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }

  /** A number that a header might hold: near `given`, round, at a limit of some type, or none at all. */
  number(given = 1): number {
    const power = 2 ** this.below(64);
    return this.pick([
      ...[0, 1, -1, 2, 3, 0.5, 1e-30, 1e30, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
      ...[given + 1, given - 1, given * 2, given / 2, -given, given * power, given + this.below(100)],
      ...[power, power - 1, power + 1, -power, 2 ** 31, 2 ** 32 - 1, 2 ** 52, this.below(10_000)],
    ]);
  }

  /** Text with what tokenizers treat apart: spaces, bytes, surrogates, long runs, and pieces of `tokens`. */
  text(tokens: readonly unknown[]): string {
    let text = "";
    for (let parts = this.below(12); parts > 0; parts--) {
      const code = this.pick([this.below(128), this.below(0x3000), this.below(0x110000)]);
      text += this.pick([
        () => String(this.pick(tokens) ?? "").replaceAll("▁", " "),
        () => String.fromCodePoint(code),
        () => this.pick([" ", "\n", "▁", "\u0000", "<|im_end|>", "<0x41>"]).repeat(1 + this.below(4)),
        () => this.pick(["a", " ", "ab", "é", "日"]).repeat(this.below(3000)),
      ])();
    }
    return text;
  }
}
