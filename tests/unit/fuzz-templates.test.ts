import { test } from "vitest";
import { fuzzTemplates } from "../fuzz/templates.ts";

test("mutated templates give a text or an error of their own, within a second", () => {
  fuzzTemplates({ seed: 1, until: performance.now() + 3000 });
}, 20_000);
