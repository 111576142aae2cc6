/** The list of chats in the panel, with what was deleted last and can be put back. */
import { announce, byId, h, setText } from "../dom.ts";
import { icon } from "../icons.ts";
import { ChatRow, type ChatRowEvents } from "./chat-row.ts";
import type { ChatSummary } from "./chat-store.ts";

export interface ChatListEvents extends ChatRowEvents {
  onUndo: () => void;
  onExportAll: () => void;
  onImport: (file: File) => void;
}

export interface ChatListState {
  /** The latest first. */
  chats: readonly ChatSummary[];
  /** The one that shows. */
  current: string;
  /** What was deleted last. */
  removed: string | null;
}

export class ChatList {
  readonly #list = byId("chats", HTMLUListElement);
  readonly #exportAll = byId("chats-export", HTMLButtonElement);
  readonly #events: ChatListEvents;
  readonly #rows = new Map<string, ChatRow>();
  readonly #empty = h("li", { class: "hint" }, "Chats are kept in this browser, on this device.");
  readonly #undo: HTMLButtonElement;
  readonly #removedText = h("span", {});
  readonly #removed: HTMLElement;

  constructor(events: ChatListEvents) {
    this.#events = events;
    this.#undo = h(
      "button",
      { type: "button", class: "button small", "data-testid": "chat-undo", onclick: events.onUndo },
      "Undo",
    );
    this.#removed = h("li", { class: "chat-removed", hidden: true }, this.#removedText, this.#undo);
    this.#list.append(this.#removed, this.#empty);
    const file = byId("chats-file", HTMLInputElement);
    const importButton = byId("chats-import", HTMLButtonElement);
    importButton.append(icon("file"), "Import…");
    importButton.addEventListener("click", () => file.click());
    file.addEventListener("change", () => {
      const [first] = file.files ?? [];
      if (first) events.onImport(first);
      file.value = "";
    });
    this.#exportAll.append(icon("down"), "Export all");
    this.#exportAll.addEventListener("click", events.onExportAll);
  }

  update({ chats, current, removed }: ChatListState): void {
    const ids = new Set(chats.map(({ id }) => id));
    for (const [id, row] of this.#rows) {
      if (ids.has(id)) continue;
      row.element.remove();
      this.#rows.delete(id);
    }
    let after: Element = this.#removed;
    for (const chat of chats) {
      const row = this.#row(chat.id);
      row.update(chat, chat.id === current);
      // an element that is moved loses the focus: only those out of place are
      if (after.nextElementSibling !== row.element) after.after(row.element);
      after = row.element;
    }
    this.#empty.hidden = chats.length > 0 || removed !== null;
    this.#exportAll.hidden = chats.length === 0;
    this.#removed.hidden = removed === null;
    if (removed !== null) setText(this.#removedText, `Deleted “${removed}”.`);
  }

  /** Where the focus goes when its row is gone. */
  focusUndo(): void {
    this.#undo.focus();
  }

  focus(id: string): void {
    this.#rows.get(id)?.focus();
  }

  /** Something that went well. */
  say(text: string): void {
    setText(byId("chats-said", HTMLElement), text);
    this.#showProblem("");
    announce(text);
  }

  /** Something that went wrong, until the next thing goes well; empty = nothing. */
  showProblem(problem: string): void {
    setText(byId("chats-said", HTMLElement), "");
    this.#showProblem(problem);
  }

  #showProblem(problem: string): void {
    setText(byId("chats-problem", HTMLElement), problem);
  }

  #row(id: string): ChatRow {
    let row = this.#rows.get(id);
    if (!row) {
      row = new ChatRow(id, this.#events);
      this.#rows.set(id, row);
    }
    return row;
  }
}
