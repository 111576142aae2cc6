/** End-to-end tests: the built demo in a real Chromium, on the software adapter unless CHROMIUM_ARGS says otherwise. */
import { defineConfig } from "@playwright/test";
import { chromiumArgs, findChromium } from "./scripts/lib/chromium.mjs";

export default defineConfig({
  testDir: "e2e",
  globalSetup: "./e2e/global-setup.ts",
  outputDir: "test-results/e2e",
  // One browser computes at a time: a software adapter takes every core there is.
  workers: 1,
  // A load on a busy two-core machine; none of the tests waits for time to pass.
  timeout: 120_000,
  expect: { timeout: 60_000 },
  reporter: [["list"]],
  use: {
    browserName: "chromium",
    viewport: { width: 1280, height: 800 },
    launchOptions: { executablePath: findChromium()?.path, args: chromiumArgs({ software: true }) },
    screenshot: "only-on-failure",
  },
});
