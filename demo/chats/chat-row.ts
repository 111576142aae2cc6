/** A chat in the list: its name opens it, "Actions" unfolds what else can be done with it. */
import { h, setText } from "../dom.ts";
import { icon } from "../icons.ts";
import { MAX_TITLE } from "./chat-data.ts";
import type { ChatSummary } from "./chat-store.ts";

export interface ChatRowEvents {
  onOpen: (id: string) => void;
  onRename: (id: string, title: string) => void;
  onExport: (id: string) => void;
  onRemove: (id: string) => void;
}

export class ChatRow {
  readonly element: HTMLLIElement;
  readonly #id: string;
  readonly #events: ChatRowEvents;
  readonly #open: HTMLButtonElement;
  readonly #more: HTMLButtonElement;
  readonly #actions: HTMLElement;
  readonly #rename: HTMLButtonElement;
  readonly #line: HTMLElement;
  #form: HTMLElement | null = null;

  constructor(id: string, events: ChatRowEvents) {
    this.#id = id;
    this.#events = events;
    this.#open = h("button", {
      type: "button",
      class: "chat-open",
      "data-testid": "chat-open",
      onclick: () => events.onOpen(id),
    });
    this.#more = h(
      "button",
      {
        type: "button",
        class: "icon-button small",
        "aria-expanded": "false",
        "aria-controls": `actions-${id}`,
        "data-testid": "chat-more",
        onclick: () => this.#unfold(this.#actions.hidden),
      },
      icon("more"),
    );
    const action = (label: string, name: string, run: () => void, look = "quiet") =>
      h(
        "button",
        { type: "button", class: `button small ${look}`, "data-testid": name, onclick: run },
        label,
      );
    this.#rename = action("Rename", "chat-rename", () => this.#startRename());
    this.#actions = h(
      "div",
      { class: "chat-actions", id: `actions-${id}`, role: "group", hidden: true },
      this.#rename,
      action("Export", "chat-export", () => events.onExport(id)),
      action("Delete", "chat-delete", () => events.onRemove(id)),
    );
    this.#line = h("div", { class: "chat-line" }, this.#open, this.#more);
    this.element = h("li", { "data-testid": "chat" }, this.#line, this.#actions);
    this.element.addEventListener("keydown", event => {
      if (event.key !== "Escape" || this.#actions.hidden) return;
      event.preventDefault(); // it would also close the drawer
      event.stopPropagation();
      this.#unfold(false);
      this.#more.focus();
    });
  }

  update({ title }: ChatSummary, current: boolean): void {
    setText(this.#open, title);
    this.#open.title = title;
    this.#more.setAttribute("aria-label", `Actions for ${title}`);
    this.#actions.setAttribute("aria-label", `Actions for ${title}`);
    if (current) this.#open.setAttribute("aria-current", "true");
    else this.#open.removeAttribute("aria-current");
  }

  focus(): void {
    this.#open.focus();
  }

  #unfold(open: boolean): void {
    this.#actions.hidden = !open;
    this.#more.setAttribute("aria-expanded", String(open));
  }

  #startRename(): void {
    const field = h("input", {
      type: "text",
      "aria-label": "Name of the chat",
      maxlength: MAX_TITLE,
      autocomplete: "off",
      "data-testid": "chat-name",
    });
    field.value = this.#open.textContent ?? "";
    const form = h(
      "form",
      { class: "chat-name" },
      field,
      h("button", { type: "submit", class: "button small", "data-testid": "chat-name-save" }, "Save"),
      h(
        "button",
        {
          type: "button",
          class: "icon-button small",
          "aria-label": "Cancel",
          onclick: () => this.#endRename(),
        },
        icon("close"),
      ),
    );
    form.addEventListener("submit", event => {
      event.preventDefault();
      const title = field.value.trim();
      this.#endRename();
      if (title !== "") this.#events.onRename(this.#id, title);
    });
    form.addEventListener("keydown", event => {
      if (event.key !== "Escape" || event.isComposing) return;
      event.preventDefault();
      event.stopPropagation();
      this.#endRename();
    });
    this.#form = form;
    this.#line.hidden = true;
    this.#actions.hidden = true;
    this.element.append(form);
    field.select();
  }

  #endRename(): void {
    this.#form?.remove();
    this.#form = null;
    this.#line.hidden = false;
    this.#unfold(true);
    this.#rename.focus();
  }
}
