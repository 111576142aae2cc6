/**
 * Hostile input by chance: for INTAB_FUZZ_SECONDS (default 60), from INTAB_FUZZ_SEED (default: the time) on. A case may end well
 * or in one of our own errors, within 2 s and with at most 512 MB more memory. INTAB_FUZZ_CASE=target:seed runs one again; the
 * file INTAB_FUZZ_LOG gets the name of each case before it runs, for those that never end.
 */
import { appendFileSync } from "node:fs";
import { expect, test } from "vitest";
import { IntabError } from "../../src/errors.ts";
import { Random } from "./random.ts";
import { targets } from "./targets.ts";

const { INTAB_FUZZ_SECONDS = "60", INTAB_FUZZ_SEED, INTAB_FUZZ_CASE, INTAB_FUZZ_LOG } = process.env;
const seconds = Number(INTAB_FUZZ_SECONDS);
const seed = Number(INTAB_FUZZ_SEED ?? Date.now()) >>> 0;
const MAX_MS = 2000;
const MAX_GROWTH = 512 * 1024 * 1024;

/** The most memory that this process ever had, in bytes. */
const peak = (): number => process.resourceUsage().maxRSS * 1024;

/** What is wrong with a case; undefined = nothing. */
async function problemOf(name: string, caseSeed: number): Promise<string | undefined> {
  if (INTAB_FUZZ_LOG) appendFileSync(INTAB_FUZZ_LOG, `${name}:${caseSeed}\n`);
  const before = process.memoryUsage().rss;
  const highest = peak();
  const started = performance.now();
  try {
    await targets[name]!(new Random(caseSeed));
  } catch (error) {
    if (!(error instanceof IntabError)) return error instanceof Error ? error.stack : String(error);
  }
  const took = performance.now() - started;
  if (took > MAX_MS) return `took ${Math.round(took)} ms`;
  const grown = peak() > highest ? peak() - before : 0;
  return grown > MAX_GROWTH ? `took ${Math.round(grown / 1e6)} MB` : undefined;
}

test("fuzz", { timeout: (seconds + 60) * 1000 }, async () => {
  const problems: string[] = [];
  const run = async (name: string, caseSeed: number): Promise<void> => {
    const problem = await problemOf(name, caseSeed);
    if (problem) problems.push(`INTAB_FUZZ_CASE=${name}:${caseSeed} npm run fuzz\n${problem}`);
  };
  if (INTAB_FUZZ_CASE) {
    const [name, caseSeed] = INTAB_FUZZ_CASE.split(":");
    await run(name!, Number(caseSeed));
  } else {
    const names = Object.keys(targets);
    const end = performance.now() + seconds * 1000;
    let cases = 0;
    for (; performance.now() < end && problems.length < 5; cases++)
      await run(names[cases % names.length]!, (seed + cases) >>> 0);
    console.log(`${cases} cases of ${names.join(", ")} from seed ${seed} on`);
  }
  expect(problems, `seed ${seed}`).toEqual([]);
});
