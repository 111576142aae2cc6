/** The benchmark's page: a visitor measures, reads, and takes the figures along. */
import { readFileSync } from "node:fs";
import { commit } from "../scripts/lib/commit.mjs";
import { expectAccessibleInAllLooks } from "./axe.ts";
import { BUILT_IN_BYTES } from "./server.ts";
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
  const charts = page.getByTestId("chart").getByRole("img");
  await expect(charts).toHaveCount(2);
  await expect(charts.last()).toHaveAccessibleName(/^Writing an answer, at the beginning: [\d.,]+ tok\/s$/);
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

  await expectAccessibleInAllLooks(page, "a result of the benchmark", { shot: "bench-result" });
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

test("a stored model is measured where it is, and stays stored", async ({ chat, page, server }) => {
  const url = server.put("/models/other.gguf", BUILT_IN_BYTES);
  await page.goto(server.url);
  await chat.ready();
  await chat.loadUrl(url);
  await chat.ready("other.gguf");
  server.forgetSent("/models/other.gguf");
  await page.goto(`${server.url}/bench.html`);
  await page.getByTestId("stored").check();
  await expectAccessibleInAllLooks(page, "the benchmark's choice", { shot: "bench-choice" });
  await page.getByTestId("start").click();
  const result = page.getByTestId("result");
  await expect(result.getByRole("heading", { name: "other.gguf" })).toBeVisible();
  await expect(result.locator('[data-metric="load, from IndexedDB"]')).toHaveCount(1);
  await expect(result.locator('[data-metric="load, nothing stored"]')).toHaveCount(0);
  expect(server.timesSent("/models/other.gguf").most).toBe(0);
});
