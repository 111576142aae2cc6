import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { settled, shoot } from "./shoot.ts";
import { expect } from "./test.ts";

/** No rule of axe is broken on the page as it stands, in light and in dark. */
export async function expectAccessible(page: Page, state: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await settled(page);
    const { violations } = await new AxeBuilder({ page }).analyze();
    const found = violations.map(
      ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(node => node.target).join(", ")}`,
    );
    expect(found, `${state}, ${colorScheme}`).toEqual([]);
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
}

/** Runs axe wide and narrow, in light and dark, and checks that nothing sticks out to the side. */
export async function expectAccessibleInAllLooks(
  page: Page,
  state: string,
  {
    shot,
    panel = false,
  }: {
    /** Pictures of this name go to the folder INTAB_SHOTS, where that is set. */
    shot?: string;
    /** The state is in the panel, which is a drawer in narrow looks and opened there. */
    panel?: boolean;
  } = {},
): Promise<void> {
  const wide = page.viewportSize();
  for (const width of [1280, 360]) {
    await page.setViewportSize({ width, height: width === 360 ? 740 : 800 });
    const closed = page.locator('[data-testid=panel-open][aria-expanded="false"]');
    if (panel && (await closed.isVisible())) await closed.click();
    await expectAccessible(page, `${state}, ${width} px`);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(overflow, `${state}, ${width} px`).toBeLessThanOrEqual(0);
    if (shot) await shoot(page, `${shot}-${width}`);
  }
  if (wide) await page.setViewportSize(wide);
}
