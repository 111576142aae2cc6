import { h, setText } from "./dom.ts";

/** What the model thinks aloud: open while it does, then folded away unless the reader opened or closed it. */
export class ReasoningView {
  readonly #text = h("p", { "data-testid": "reasoning-text" });
  readonly #title = h("summary", {
    onclick: () => {
      this.#touched = true;
    },
  });
  readonly element = h(
    "details",
    { class: "reasoning", "data-testid": "reasoning", hidden: true },
    this.#title,
    this.#text,
  );
  #touched = false;

  show(text: string, thinking: boolean): void {
    this.element.hidden = text === "";
    setText(this.#title, thinking ? "Reasoning …" : "Reasoning");
    setText(this.#text, text);
    if (!this.#touched) this.element.open = thinking;
  }
}
