/** On narrow screens the panel is a drawer: it opens over the chat, keeps the focus inside and closes with Escape. */
import { byId } from "./dom.ts";
import { icon } from "./icons.ts";

/** Same width as in layout.css. */
const WIDE = matchMedia("(min-width: 1000px)");

export class Drawer {
  readonly #panel = byId("panel", HTMLElement);
  readonly #main = byId("main", HTMLElement);
  readonly #backdrop = byId("backdrop", HTMLElement);
  readonly #opener = byId("panel-open", HTMLButtonElement);
  readonly #closer = byId("panel-close", HTMLButtonElement);
  #open = false;

  constructor() {
    this.#opener.append(icon("panel"));
    this.#closer.append(icon("close"));
    this.#opener.addEventListener("click", () => this.open());
    this.#closer.addEventListener("click", () => this.close());
    this.#backdrop.addEventListener("click", () => this.close());
    this.#panel.addEventListener("keydown", event => event.key === "Escape" && this.close());
    WIDE.addEventListener("change", () => this.#draw());
    this.#draw();
  }

  open(): void {
    this.#open = true;
    this.#draw();
    if (!WIDE.matches) this.#closer.focus();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#draw();
    if (!WIDE.matches) this.#opener.focus();
  }

  #draw(): void {
    const over = this.#open && !WIDE.matches;
    this.#panel.classList.toggle("open", over);
    this.#panel.inert = !WIDE.matches && !this.#open;
    this.#main.inert = over;
    this.#backdrop.hidden = !over;
    this.#opener.setAttribute("aria-expanded", String(over));
  }
}
