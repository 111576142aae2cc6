/** Files of chats as "Export" writes them, for tests that need a conversation and no model. */
import type { Page } from "@playwright/test";
import type { Answer, ChatData, Message } from "../demo/chats/chat-data.ts";

/** A chat of questions and answers in turn; each is asked after the one before it. */
export function chatOf(texts: readonly string[], more: Partial<Answer> = {}, id = "chat-1"): ChatData {
  const messages = texts.map((text, index): Message => {
    const node = {
      id: `m${index}`,
      parent: index === 0 ? null : `m${index - 1}`,
      text,
      changed: 1000 + index,
    };
    if (index % 2 === 0) return { ...node, role: "user" };
    const answer = { reasoning: "", state: "stop", model: "intab-tiny", figures: null, problem: "" } as const;
    return { ...node, role: "assistant", ...answer, ...more };
  });
  const leaf = messages.at(-1)?.id ?? null;
  return { id, title: null, system: null, leaf, updated: 2000, messages };
}

export function chatFile(chats: readonly unknown[]): { name: string; mimeType: string; buffer: Buffer } {
  const text = JSON.stringify({ format: "intab-chats-1", exported: "2026-01-01T00:00:00.000Z", chats });
  return { name: "chats.json", mimeType: "application/json", buffer: Buffer.from(text) };
}

/** Imports chats and opens the first of them. */
export async function openChats(page: Page, chats: readonly ChatData[]): Promise<void> {
  await page.getByTestId("chats-file").setInputFiles(chatFile(chats));
  await page.getByTestId("chat-open").first().waitFor({ state: "attached" });
  await page
    .getByTestId("chat-open")
    .filter({ hasText: chats[0]?.title ?? chats[0]?.messages[0]?.text.slice(0, 20) ?? "New chat" })
    .first()
    .click();
}

/** What the browser has stored. */
export function storedChats(page: Page): Promise<ChatData[]> {
  return page.evaluate(
    () =>
      new Promise<ChatData[]>((resolve, reject) => {
        const opening = indexedDB.open("intab-chats");
        opening.onerror = () => reject(opening.error);
        opening.onsuccess = () => {
          const reading = opening.result.transaction("chats").objectStore("chats").getAll();
          reading.onerror = () => reject(reading.error);
          reading.onsuccess = () => {
            opening.result.close();
            resolve(reading.result);
          };
        };
      }),
  );
}
