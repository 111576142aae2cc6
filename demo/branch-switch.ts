/** "‹ 2/3 ›": which of the versions of a message shows, and the way to the others. After the last comes the first. */
import type { Message } from "./chats/chat-data.ts";
import { announce, h, setText } from "./dom.ts";
import { icon } from "./icons.ts";

export type Direction = -1 | 1;

export class BranchSwitch {
  readonly #count = h("span", { "data-testid": "branch" });
  readonly #buttons: Record<Direction, HTMLButtonElement>;
  readonly element: HTMLElement;
  #siblings: readonly Message[] = [];

  constructor(message: Message, onSelect: (id: string, direction: Direction) => void) {
    const button = (direction: Direction, label: string) =>
      h(
        "button",
        {
          type: "button",
          class: "tool",
          "aria-label": label,
          title: label,
          "data-testid": direction === 1 ? "branch-next" : "branch-previous",
          onclick: () => {
            const count = this.#siblings.length;
            const next = (this.#siblings.indexOf(message) + direction + count) % count;
            announce(`Version ${next + 1} of ${count}`);
            onSelect(this.#siblings[next]!.id, direction);
          },
        },
        icon(direction === 1 ? "next" : "previous"),
      );
    this.#buttons = { [-1]: button(-1, "Previous version"), 1: button(1, "Next version") };
    this.element = h(
      "div",
      { class: "branches", role: "group", "aria-label": "Versions", hidden: true },
      this.#buttons[-1],
      this.#count,
      this.#buttons[1],
    );
  }

  update(message: Message, siblings: readonly Message[]): void {
    this.#siblings = siblings;
    this.element.hidden = siblings.length < 2;
    setText(this.#count, `${siblings.indexOf(message) + 1}/${siblings.length}`);
  }

  focus(direction: Direction): void {
    this.#buttons[direction].focus();
  }
}
