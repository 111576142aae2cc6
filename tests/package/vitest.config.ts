// Tests of what npm publishes: the packed tarball, unpacked and used as a stranger would.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    name: "package",
    include: ["tests/package/**/*.test.ts"],
    root: new URL("../..", import.meta.url).pathname,
    globalSetup: ["tests/package/pack.ts"],
    environment: "node",
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
