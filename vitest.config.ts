import { fileURLToPath } from "node:url";
import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";
import { chromiumArgs, findChromium } from "./scripts/lib/chromium.mjs";

const alias = { intab: fileURLToPath(new URL("./src/index.ts", import.meta.url)) };
const gpuTests = ["tests/gpu/**/*.test.ts"];

export default defineConfig({
  publicDir: "public",
  test: {
    projects: [
      {
        resolve: { alias },
        test: { name: "unit", include: ["tests/unit/**/*.test.ts"], environment: "node", testTimeout: 30_000 },
      },
      {
        resolve: { alias },
        test: {
          name: "chromium",
          include: gpuTests,
          testTimeout: 120_000,
          fileParallelism: false,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: { executablePath: findChromium()?.path, args: chromiumArgs({ software: true }) },
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
          environment: "node",
          pool: "forks",
          testTimeout: 120_000,
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
