// npm run fuzz: hostile headers, models and vocabularies by chance.
//   node scripts/fuzz.mjs [--seconds 60] [--seed N]
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root, run } from "./lib/process.mjs";

const { values } = parseArgs({ options: { seconds: { type: "string" }, seed: { type: "string" } } });
process.exitCode = await run(
  process.execPath,
  [join(root, "node_modules/vitest/vitest.mjs"), "run", "--project", "fuzz"],
  {
    output: "inherit",
    env: {
      ...(values.seconds && { INTAB_FUZZ_SECONDS: values.seconds }),
      ...(values.seed && { INTAB_FUZZ_SEED: values.seed }),
    },
  },
);
