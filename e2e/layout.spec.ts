import { expect, test } from "./test.ts";

for (const width of [360, 768, 1440]) {
  test(`nothing sticks out at ${width} pixels, and the keyboard reaches the panel`, async ({
    chat,
    page,
    server,
  }) => {
    await page.setViewportSize({ width, height: 740 });
    await page.goto(server.url);
    await expect(chat.prompt).toBeVisible();
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(
      0,
    );
    const opener = page.getByTestId("panel-open");
    if (width >= 1000) {
      await expect(opener).toBeHidden();
      await expect(page.getByTestId("stored")).toBeVisible();
      return;
    }
    await opener.focus();
    await page.keyboard.press("Enter");
    await expect(page.getByTestId("stored")).toBeVisible();
    await expect(page.getByRole("button", { name: "Close the panel" })).toBeFocused();
    await page.keyboard.press("Escape");
    await expect(opener).toBeFocused();
    await expect(page.getByTestId("stored")).toBeHidden();
  });
}

test("on a phone what is touched has 44 pixels, and the conversation keeps most of the screen, upright and on its side", async ({
  chat,
  page,
  server,
}) => {
  await page.setViewportSize({ width: 360, height: 740 });
  await page.goto(server.url);
  await chat.ready();
  const folder = process.env.INTAB_SHOTS;
  const small = (where: string): Promise<string[]> =>
    page.locator(where).evaluate(root =>
      [...root.querySelectorAll("button, select, summary, input:not([type=checkbox]), label.check")]
        .filter(element => element.checkVisibility())
        .map(element => ({ element, box: element.getBoundingClientRect() }))
        .filter(({ box }) => box.height > 0 && (box.height < 43.5 || box.width < 43.5))
        .map(({ element, box }) => `${element.outerHTML.slice(0, 80)}: ${box.width} x ${box.height}`),
    );
  expect(await small(".bar")).toEqual([]);
  expect(await small(".notices")).toEqual([]);
  const share = (): Promise<number> =>
    page.getByTestId("scroller").evaluate(element => element.clientHeight / innerHeight);
  expect(await share()).toBeGreaterThan(0.6);
  const status = await page.locator(".status").evaluate(element => element.getBoundingClientRect().height);
  expect(status, "one line").toBeLessThan(36);
  if (folder) await page.screenshot({ path: `${folder}/phone.png` });

  await page.getByTestId("panel-open").click();
  await page.getByTestId("token-details").locator("summary").click();
  await page.getByTestId("settings").locator("summary").click();
  expect(await small(".panel")).toEqual([]);
  if (folder) await page.screenshot({ path: `${folder}/phone-panel.png` });
  await page.getByTestId("gallery-open").click();
  expect(await small(".gallery")).toEqual([]);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Close the panel" }).click();

  await page.setViewportSize({ width: 740, height: 360 });
  if (folder) await page.screenshot({ path: `${folder}/landscape.png` });
  expect(await share()).toBeGreaterThan(0.4);
  await page.locator("#adapter-notice").getByRole("button", { name: "Dismiss" }).click();
  expect(await share()).toBeGreaterThan(0.6);
});
