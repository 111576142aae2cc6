/** The demo as a person sees it: what can be done, and what can be waited for. */
import { expect, type Locator, type Page } from "@playwright/test";

export class ChatPage {
  readonly page: Page;
  readonly prompt: Locator;
  readonly answers: Locator;
  readonly error: Locator;
  readonly loading: Locator;

  constructor(page: Page) {
    this.page = page;
    this.prompt = page.getByTestId("prompt");
    this.answers = page.getByTestId("answer");
    this.error = page.getByTestId("error");
    this.loading = page.getByTestId("loading");
  }

  /** Waits until a model is in use and nothing is loading. Fails at once, with the page's words, if that fails. */
  async ready(name = "intab-tiny"): Promise<void> {
    const ready = async () => {
      await expect(this.page.getByTestId("model-name")).toHaveText(name);
      await expect(this.page.getByTestId("model-facts")).toContainText("parameters");
      await expect(this.loading).toHaveCount(0);
    };
    const failed = async () => {
      await this.error.first().waitFor({ timeout: 0 });
      throw new Error(
        `The page shows: ${await this.error.first().getByTestId("error-message").textContent()}`,
      );
    };
    const failure = failed();
    failure.catch(() => {}); // once ready, what comes later is not ours; the page may close, too
    await Promise.race([ready(), failure]);
  }

  async ask(question: string): Promise<void> {
    await this.prompt.fill(question);
    await this.prompt.press("Enter");
  }

  /** The text of the last answer, once it has ended in this way. */
  async answer(state = "stop"): Promise<string> {
    const last = this.answers.last();
    await expect(last).toHaveAttribute("data-state", state);
    return (await last.getByTestId("answer-text").textContent()) ?? "";
  }

  /** Asks, and waits for a short answer. */
  async answerTo(question: string): Promise<string> {
    await this.ask(question);
    const last = this.answers.last();
    await expect(last).toHaveAttribute("data-state", /^(stop|length)$/);
    const text = (await last.getByTestId("answer-text").textContent()) ?? "";
    expect(text.trim()).not.toBe("");
    return text;
  }

  /** Keeps answers short: what is tested is the page. */
  async limitTokens(count: number): Promise<void> {
    await this.openSettings();
    await this.page.getByTestId("setting-maxTokens").fill(String(count));
  }

  async openSettings(): Promise<void> {
    await this.page.getByTestId("settings").evaluate((element: HTMLDetailsElement) => {
      element.open = true;
    });
  }

  async loadUrl(url: string): Promise<void> {
    await this.page.getByTestId("url").fill(url);
    await this.page.getByTestId("url-load").click();
  }

  /** The error card with this code: title, advice and at least one button. */
  async failure(code: string): Promise<Locator> {
    await expect(this.error).toHaveAttribute("data-code", code);
    await expect(this.error.getByRole("heading")).not.toBeEmpty();
    await expect(this.error.getByTestId("error-advice")).not.toBeEmpty();
    await expect(this.error.getByTestId("error-message")).not.toBeEmpty();
    await expect(this.error.locator(".error-actions button").first()).toBeVisible();
    return this.error;
  }

  storedRow(url: string): Locator {
    return this.page.locator(`[data-testid=stored-row][data-url="${url}"]`);
  }
}
