/** The benchmark's page: a visitor measures, reads, and takes the figures along. */
import { readFileSync } from "node:fs";
import { commit } from "../scripts/lib/commit.mjs";
import { expect, test } from "./test.ts";

test("the benchmark page measures the built-in model and offers the result as JSON", async ({
  page,
  server,
}) => {
  await page.goto(`${server.url}/bench.html`);
  await page.getByTestId("start").click();
  await expect(page.getByTestId("step")).not.toBeEmpty();
  await expect(page.getByTestId("start")).toBeDisabled();
  const result = page.getByTestId("result");
  await expect(result.locator('[data-metric="decode at 0"] td').first()).toHaveText(/^[\d.,]+ tok\/s$/);
  await expect(page.getByTestId("progress")).toBeHidden();
  await expect(page.getByTestId("kernels").locator("tbody th")).toContainText(["matmul", "matvec"]);
  const downloading = page.waitForEvent("download");
  await page.getByTestId("download").click();
  const download = await downloading;
  expect(download.suggestedFilename()).toMatch(/^intab-bench-.*\.json$/);
  const report = JSON.parse(readFileSync(await download.path(), "utf8"));
  expect(report).toMatchObject({ format: "intab-bench-1", model: { name: "intab-tiny" } });
  expect(report.decode[0].tokensPerSecond.every((rate: number) => rate > 0)).toBe(true);
  expect(report.frames.intervalsMs).toHaveLength(report.frames.count);
  expect(Boolean(report.commit)).toBe(commit() !== undefined);

  await page.setViewportSize({ width: 320, height: 640 });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(overflow).toBeLessThanOrEqual(0);
});

test("the benchmark page does not offer to time kernels without timestamp queries", async ({
  page,
  server,
}) => {
  await page.goto(`${server.url}/bench.html`);
  const profile = page.getByTestId("profile");
  await expect(page.getByTestId("adapter")).toContainText("Adapter:");
  await expect(profile).toBeEnabled();
  await profile.check();
  await page.addInitScript(() => {
    const { get } = Object.getOwnPropertyDescriptor(GPUAdapter.prototype, "features")!;
    Object.defineProperty(GPUAdapter.prototype, "features", {
      get(this: GPUAdapter) {
        return new Set([...get!.call(this)].filter(name => name !== "timestamp-query"));
      },
    });
  });
  await page.reload();
  await expect(page.locator("#profile-hint")).toHaveText("this browser or GPU offers no timestamp queries");
  await expect(profile).toBeDisabled();
  await expect(profile).not.toBeChecked();
  await expect(page.getByTestId("start")).toBeEnabled();
});

test("the benchmark page stops when asked to", async ({ page, server }) => {
  await page.goto(`${server.url}/bench.html`);
  await page.getByTestId("start").click();
  await page.getByTestId("stop").click();
  await expect(page.getByTestId("start")).toBeEnabled();
  await expect(page.getByTestId("result")).toBeHidden();
  await expect(page.getByTestId("error")).toHaveCount(0);
});
