/** No violation of WCAG 2.2 AA that axe can find, in the page as it is now. */
import AxeBuilder from "@axe-core/playwright";
import { expect, type Page } from "@playwright/test";

const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** @param state what the page shows, for the failure's words */
export async function expectAccessible(page: Page, state: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).withTags(RULES).analyze();
  const found = violations.map(
    ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(" | ")}`,
  );
  expect(found, `axe, ${state}`).toEqual([]);
}

/** The looks that every state has to hold in. */
export const LOOKS = [
  { width: 1280, height: 800, colorScheme: "light" },
  { width: 1280, height: 800, colorScheme: "dark" },
  { width: 360, height: 740, colorScheme: "light" },
  { width: 360, height: 740, colorScheme: "dark" },
] as const;

/**
 * Runs axe in every look, and checks that nothing sticks out to the side.
 * @param panel the state is in the panel, which is a drawer in narrow looks and opened there
 */
export async function expectAccessibleInAllLooks(
  page: Page,
  state: string,
  shot?: string,
  { panel = false } = {},
): Promise<void> {
  for (const { width, height, colorScheme } of LOOKS) {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const closed = page.locator('[data-testid=panel-open][aria-expanded="false"]');
    if (panel && (await closed.isVisible())) await closed.click();
    // Colours in the middle of a change are those of no look.
    await page.evaluate(async () => {
      const animations = document.getAnimations();
      const finite = animations.filter(({ effect }) => effect?.getComputedTiming().endTime !== Infinity);
      await Promise.allSettled(finite.map(({ finished }) => finished));
    });
    await expectAccessible(page, `${state}, ${width} px, ${colorScheme}`);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(overflow, `${state} at ${width} px`).toBeLessThanOrEqual(0);
    const folder = process.env.INTAB_SHOTS;
    if (folder && shot) await page.screenshot({ path: `${folder}/${shot}-${width}-${colorScheme}.png` });
  }
  await page.setViewportSize({ width: LOOKS[0].width, height: LOOKS[0].height });
  await page.emulateMedia({ colorScheme: "light" });
}
