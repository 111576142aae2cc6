/** `test` with a server and a page of the demo for each test; console errors and uncaught exceptions fail it. */
import { test as base, expect, type Page } from "@playwright/test";
import { ChatPage } from "./chat-page.ts";
import { TestServer } from "./server.ts";

interface Fixtures {
  server: TestServer;
  chat: ChatPage;
}

export const test = base.extend<Fixtures>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that a fixture needs from its pattern.
  server: async ({}, use) => {
    const server = await TestServer.start();
    await use(server);
    server.release();
    await server.stop();
  },
  chat: async ({ page }, use) => {
    const complaints = watch(page);
    await use(new ChatPage(page));
    expect(complaints).toEqual([]);
  },
});

/** What the page complains of. The browser's own lines about failed requests are no complaints: tests cause them. */
function watch(page: Page): string[] {
  const complaints: string[] = [];
  page.on("pageerror", error => complaints.push(error.message));
  page.on("console", message => {
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) {
      complaints.push(message.text());
    }
  });
  return complaints;
}

export { expect };
