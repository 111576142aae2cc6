/** The message field: Enter sends, Shift+Enter breaks the line, one button sends or stops. */
import { byId } from "./dom.ts";
import { growing, onEnter } from "./growing-field.ts";
import { icon } from "./icons.ts";

export interface ComposerEvents {
  onSend: (text: string) => void;
  onStop: () => void;
  /** The text in the field changed: by a person, or because it was sent. */
  onDraft: (text: string) => void;
}

export class Composer {
  readonly #prompt = byId("prompt", HTMLTextAreaElement);
  readonly #action = byId("action", HTMLButtonElement);
  readonly #onSend: (text: string) => void;
  #ready = false;
  #busy = false;

  constructor(events: ComposerEvents) {
    this.#onSend = events.onSend;
    byId("composer", HTMLFormElement).addEventListener("submit", event => {
      event.preventDefault();
      if (this.#busy) events.onStop();
      else this.#send();
    });
    onEnter(this.#prompt, () => {
      if (!this.#busy) this.#send();
    });
    this.#prompt.addEventListener("input", () => {
      this.#draw();
      events.onDraft(this.#prompt.value);
    });
    growing(this.#prompt);
    this.#draw();
  }

  /** Whether a model can answer, and whether it is answering. */
  update(state: { ready: boolean; busy: boolean }): void {
    this.#ready = state.ready;
    this.#busy = state.busy;
    this.#draw();
  }

  get text(): string {
    return this.#prompt.value;
  }

  /** Puts a text into the field, as if a person had written it. */
  set text(text: string) {
    this.#prompt.value = text;
    this.#prompt.dispatchEvent(new Event("input"));
  }

  focus(): void {
    this.#prompt.focus();
  }

  #send(): void {
    const text = this.#prompt.value.trim();
    if (!this.#ready || text === "") return;
    this.text = "";
    this.#onSend(text);
  }

  #draw(): void {
    const kind = this.#busy ? "stop" : "send";
    this.#action.disabled = !this.#busy && (!this.#ready || this.#prompt.value.trim() === "");
    if (this.#action.dataset.testid === kind) return;
    this.#action.dataset.testid = kind;
    this.#action.replaceChildren(icon(kind));
    const label = this.#busy ? "Stop (Esc)" : "Send (Enter)";
    this.#action.setAttribute("aria-label", label);
    this.#action.title = label;
  }
}
