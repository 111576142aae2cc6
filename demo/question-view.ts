/** What a person said, and the field to say it in other words. */
import { BranchSwitch, type Direction } from "./branch-switch.ts";
import type { Question } from "./chats/chat-data.ts";
import type { Place } from "./chats/chat-tree.ts";
import { copyButton } from "./copy-button.ts";
import { h } from "./dom.ts";
import { growing, onEnter } from "./growing-field.ts";
import { icon } from "./icons.ts";

export class QuestionView {
  readonly message: Question;
  readonly element = h("article", { class: "turn", "aria-label": "Your message" });
  readonly branches: BranchSwitch;
  readonly #onEdit: (text: string) => void;
  readonly #bubble = h("div", { class: "question", "data-testid": "question" });
  readonly #editButton: HTMLButtonElement;
  readonly #footer: HTMLElement;
  /** Of the form for editing. */
  readonly #sendButton = h(
    "button",
    { type: "submit", class: "button small primary", "data-testid": "edit-send" },
    "Send",
  );
  #form: HTMLElement | null = null;
  /** The text that shows; an edit may change the message in its place. */
  #shown = "";

  constructor(
    message: Question,
    events: { onEdit: (text: string) => void; onSelect: (id: string, direction: Direction) => void },
  ) {
    this.message = message;
    this.#onEdit = events.onEdit;
    this.branches = new BranchSwitch(message, events.onSelect);
    this.#editButton = h(
      "button",
      {
        type: "button",
        class: "tool",
        "aria-label": "Edit message",
        title: "Edit message",
        "data-testid": "edit",
        onclick: () => this.edit(),
      },
      icon("edit"),
    );
    this.#footer = h(
      "footer",
      {},
      this.branches.element,
      h(
        "div",
        { class: "tools" },
        copyButton("Copy message", () => this.message.text),
        this.#editButton,
      ),
    );
    this.element.append(this.#bubble, this.#footer);
    this.#draw();
  }

  place({ siblings }: Place): void {
    this.branches.update(this.message, siblings);
    this.#draw();
  }

  update({ ready }: { ready: boolean }): void {
    this.#sendButton.disabled = !ready;
  }

  /** Puts a field in the place of the text. Escape and "Cancel" leave it as it was. */
  edit(): void {
    if (this.#form) return;
    const field = h("textarea", { "aria-label": "Edit message", rows: 1, "data-testid": "edit-field" });
    field.value = this.message.text;
    const send = () => {
      const text = field.value.trim();
      if (text === "" || this.#sendButton.disabled) return field.focus();
      this.#close();
      this.#onEdit(text);
    };
    const cancel = () => {
      this.#close();
      this.#editButton.focus();
    };
    const form = h(
      "form",
      { class: "edit", "data-testid": "edit-form" },
      field,
      h("button", { type: "button", class: "button small", onclick: cancel }, "Cancel"),
      this.#sendButton,
    );
    form.addEventListener("submit", event => {
      event.preventDefault();
      send();
    });
    form.addEventListener("keydown", event => {
      if (event.key !== "Escape" || event.isComposing) return;
      event.preventDefault(); // it would also stop an answer
      cancel();
    });
    onEnter(field, send);
    this.#form = form;
    this.#bubble.hidden = true;
    this.#footer.hidden = true;
    this.element.prepend(form);
    growing(field);
    field.focus();
    field.setSelectionRange(field.value.length, field.value.length);
  }

  #close(): void {
    this.#form?.remove();
    this.#form = null;
    this.#bubble.hidden = false;
    this.#footer.hidden = false;
  }

  #draw(): void {
    if (this.#shown === this.message.text && this.#bubble.hasChildNodes()) return;
    this.#shown = this.message.text;
    this.#bubble.replaceChildren(this.#shown);
  }
}
