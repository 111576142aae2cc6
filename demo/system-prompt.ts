/** The system prompt of the chat, above its messages: folded to one line, a field when opened. */
import { byId, h, setText } from "./dom.ts";
import { fitHeight, growing } from "./growing-field.ts";

export class SystemPrompt {
  readonly #field = h("textarea", {
    id: "system-prompt",
    rows: 2,
    placeholder: "None",
    "aria-describedby": "system-prompt-hint",
    "data-testid": "system-prompt",
  });
  readonly #excerpt = h("span", { class: "excerpt", "data-testid": "system-excerpt" });
  readonly #reset = h(
    "button",
    { type: "button", class: "button small quiet", "data-testid": "system-reset" },
    "Use the one of the settings",
  );
  readonly #details = h(
    "details",
    { class: "system", "data-testid": "system" },
    h("summary", {}, h("span", { class: "system-title" }, "System prompt"), this.#excerpt),
    h(
      "div",
      { class: "field" },
      h("label", { for: "system-prompt", class: "visually-hidden" }, "System prompt of this chat"),
      this.#field,
      h(
        "div",
        { class: "system-foot" },
        h("p", { id: "system-prompt-hint", class: "hint" }, "For this chat, from the next answer on."),
        this.#reset,
      ),
    ),
  );
  /** The one of the settings, for chats without their own. */
  #fallback = "";
  #own: string | null = null;

  /** @param onChange `null` = this chat has none of its own any more */
  constructor(onChange: (system: string | null) => void) {
    byId("system", HTMLElement).append(this.#details);
    this.#field.addEventListener("input", () => {
      this.#own = this.#field.value;
      onChange(this.#own);
      this.#draw();
    });
    this.#reset.addEventListener("click", () => {
      this.#own = null;
      onChange(null);
      this.#draw();
      this.#field.focus(); // the button is gone
    });
    this.#details.addEventListener("toggle", () => this.#fit());
    growing(this.#field);
  }

  update({ own, fallback }: { own: string | null; fallback: string }): void {
    this.#own = own;
    this.#fallback = fallback;
    this.#draw();
  }

  #draw(): void {
    const text = this.#own ?? this.#fallback;
    if (this.#field.value !== text) {
      this.#field.value = text;
      this.#fit();
    }
    setText(this.#excerpt, text.trim() || "none");
    this.#reset.hidden = this.#own === null;
  }

  #fit(): void {
    if (this.#details.open) fitHeight(this.#field);
  }
}
