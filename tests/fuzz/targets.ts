import { fuzzBytes, fuzzModel, fuzzSplit } from "./headers.ts";
import type { Random } from "./random.ts";
import { fuzzTemplates } from "./templates.ts";
import { fuzzTokenizer } from "./tokenizers.ts";

/** One case: whatever chance brings. May throw errors of `src/errors.ts`, and nothing else. */
export type FuzzTarget = (random: Random) => void | Promise<void>;

/** All of them, one line each; they take turns. */
export const targets: Readonly<Record<string, FuzzTarget>> = {
  fuzzBytes,
  fuzzSplit,
  fuzzModel,
  fuzzTokenizer,
  fuzzTemplate: random => fuzzTemplates({ seed: random.below(2 ** 32), until: 0 }),
};
