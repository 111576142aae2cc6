/** The message field: Enter sends, Shift+Enter breaks the line, one button sends or stops. */
import { byId } from "./dom.ts";
import { icon } from "./icons.ts";

export interface ComposerEvents {
  onSend: (text: string) => void;
  onStop: () => void;
}

export class Composer {
  readonly #prompt = byId("prompt", HTMLTextAreaElement);
  readonly #action = byId("action", HTMLButtonElement);
  #ready = false;
  #busy = false;

  constructor(events: ComposerEvents) {
    byId("composer", HTMLFormElement).addEventListener("submit", event => {
      event.preventDefault();
      if (this.#busy) events.onStop();
      else this.#send(events.onSend);
    });
    this.#prompt.addEventListener("keydown", event => {
      // Enter that ends an input method's composition is not meant for us.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      if (!this.#busy) this.#send(events.onSend);
    });
    this.#prompt.addEventListener("input", () => this.#draw());
    this.#draw();
  }

  /** Whether a model can answer, and whether it is answering. */
  update(state: { ready: boolean; busy: boolean }): void {
    this.#ready = state.ready;
    this.#busy = state.busy;
    this.#draw();
  }

  focus(): void {
    this.#prompt.focus();
  }

  #send(onSend: (text: string) => void): void {
    const text = this.#prompt.value.trim();
    if (!this.#ready || text === "") return;
    this.#prompt.value = "";
    onSend(text);
    this.#draw();
  }

  #draw(): void {
    this.#prompt.style.height = "auto";
    this.#prompt.style.height = `${this.#prompt.scrollHeight}px`;
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
