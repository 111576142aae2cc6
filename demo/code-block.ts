import { copyButton } from "./copy-button.ts";
import { h, setText } from "./dom.ts";

/** A block of code with its language and a copy button. */
export function codeBlock(text: string, language: string): HTMLElement {
  const code = h("code", {}, text);
  const head = h(
    "figcaption",
    {},
    h("span", { class: "language" }, language || "text"),
    copyButton("Copy code", () => code.textContent ?? ""),
  );
  // tabindex: a long line scrolls, and the keyboard has to reach it.
  return h("figure", { class: "code", "data-testid": "code-block" }, head, h("pre", { tabindex: 0 }, code));
}

export function updateCodeBlock(figure: HTMLElement, text: string, language: string): void {
  setText(figure.querySelector("code")!, text);
  setText(figure.querySelector(".language")!, language || "text");
}
