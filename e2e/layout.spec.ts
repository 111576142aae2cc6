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
      await expect(page.getByTestId("catalog")).toBeVisible();
      return;
    }
    await opener.focus();
    await page.keyboard.press("Enter");
    await expect(page.getByTestId("catalog")).toBeVisible();
    await expect(page.getByRole("button", { name: "Close the panel" })).toBeFocused();
    await page.keyboard.press("Escape");
    await expect(opener).toBeFocused();
    await expect(page.getByTestId("catalog")).toBeHidden();
  });
}
