// Which adapter all of these tests ran on: a fallback to a software one must not look like a pass on a GPU.
import { expect, inject, test } from "vitest";
import { openTestGpu } from "./support.ts";

test("the tests run on the adapter that was asked for", async () => {
  const gpu = await openTestGpu();
  console.log(`Adapter: ${JSON.stringify(gpu.facts)}`);
  if (inject("hardware")) expect(gpu.facts.fallback, "a hardware adapter was asked for").toBe(false);
  else expect(gpu.facts.fallback, "a software adapter was asked for").toBe(true);
  gpu.destroy();
});
