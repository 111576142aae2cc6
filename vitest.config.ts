import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";
import { chromiumArgs, findChromium } from "./scripts/lib/chromium.mjs";
import { cachedSmollm2, cacheFolder } from "./scripts/lib/model.mjs";
import { shortNamesIn } from "./scripts/lib/wgsl-names.mjs";

const alias = { intab: fileURLToPath(new URL("./src/index.ts", import.meta.url)) };
const gpuTests = ["tests/gpu/**/*.test.ts"];
/** Set by `npm run test:gpu`: the machine's own GPU instead of the software adapter. */
const hardware = process.env.INTAB_TEST_ADAPTER === "hardware";
/** Golden data that is too large for the repository; tests of it are skipped, and say so, where it is absent. */
const goldenFolder = process.env.INTAB_GOLDEN ?? fileURLToPath(new URL("../shared/golden", import.meta.url));
const golden = existsSync(goldenFolder) ? goldenFolder : "";
/**
 * Set by `npm run test:long`, and always on hardware: whole models on every adapter, in every variant. Else each runs once: on
 * lavapipe, which is the faster of the two software adapters.
 */
const long = hardware || process.env.INTAB_TEST_LONG === "1";
const wholeModels = ["arch-golden", "arch-quant-golden", "models", "smollm2"].map(
  name => `tests/gpu/${name}.test.ts`,
);
/** They start the package's own worker, which Node has not. */
const pageTests = ["api-junk", "page-load", "page-session"].map(name => `tests/gpu/${name}.test.ts`);
const folder = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const wgslNames = Object.fromEntries(shortNamesIn(folder("./shaders"), folder("./src")));
const provide = { smollm2: cachedSmollm2() ?? "", hardware, long, golden, wgslNames };
const variants = (own: "software" | "gpu") => ({ ...provide, variants: long ? ("all" as const) : own });

declare module "vitest" {
  export interface ProvidedContext {
    /** Where the SmolLM2 file lies; empty where it is absent: the tests of the whole model are skipped then. */
    smollm2: string;
    /** A software adapter is a failure. */
    hardware: boolean;
    /** Everything in every variant; else what tells most in the time of a usual run. */
    long: boolean;
    /** Kernels that compile for long are run here in the variants that this adapter is given; else, as by `long`, in all. */
    variants: "software" | "gpu" | "all";
    /** Folder of the golden data outside of the repository; empty where it is absent. */
    golden: string;
    /** Short names in shaders as they are shipped. */
    wgslNames: Record<string, string>;
  }
}

export default defineConfig({
  publicDir: "public",
  test: {
    projects: [
      {
        resolve: { alias },
        test: {
          name: "unit",
          include: ["tests/unit/**/*.test.ts"],
          environment: "node",
          testTimeout: 30_000,
        },
      },
      {
        resolve: { alias },
        test: { name: "fuzz", include: ["tests/fuzz/**/*.test.ts"], environment: "node" },
      },
      {
        resolve: { alias },
        server: { fs: { allow: [".", cacheFolder(), goldenFolder] } },
        test: {
          name: "chromium",
          include: gpuTests,
          exclude: long ? [] : wholeModels,
          provide: variants("software"),
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: {
                executablePath: findChromium()?.path,
                args: chromiumArgs({ software: !hardware }),
              },
            }),
            instances: [{ browser: "chromium" }],
          },
        },
      },
      {
        resolve: { alias },
        test: {
          name: "lavapipe",
          include: gpuTests,
          exclude: pageTests,
          provide: variants("gpu"),
          environment: "node",
          pool: "forks",
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          env: {
            VK_DRIVER_FILES: process.env.INTAB_LAVAPIPE_ICD ?? "/usr/share/vulkan/icd.d/lvp_icd.json",
            XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? "/tmp",
          },
        },
      },
    ],
  },
});
