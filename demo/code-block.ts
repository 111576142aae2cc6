/** A block of code: its language, a button that copies it, and colours once it is complete. */
import { copyButton } from "./copy-button.ts";
import { h, setText } from "./dom.ts";

/** Longer code stays in one colour: the grammars are regular expressions, and take their time. In UTF-16 units. */
const MAX_HIGHLIGHTED = 50_000;

export function codeBlock(text: string, language: string): HTMLElement {
  const code = h("code", {}, text);
  const head = h(
    "figcaption",
    {},
    h("span", { class: "language" }, language || "text"),
    copyButton("Copy code", () => code.textContent ?? ""),
  );
  // tabindex: a long line scrolls, and the keyboard has to reach it.
  return h(
    "figure",
    { class: "code", "data-testid": "code-block" },
    head,
    h("pre", { tabindex: 0, role: "group", "aria-label": "Code" }, code),
  );
}

export function updateCodeBlock(figure: HTMLElement, text: string, language: string): void {
  setText(figure.querySelector("code")!, text);
  setText(figure.querySelector(".language")!, language || "text");
}

/** Colours the code in a node that is complete. It is readable meanwhile, and stays so where no grammar can be had. */
export function highlightIn(node: Node): void {
  if (!(node instanceof HTMLElement)) return;
  const figures = node.matches("figure.code") ? [node] : node.querySelectorAll("figure.code");
  for (const figure of figures) void highlight(figure);
}

async function highlight(figure: Element): Promise<void> {
  const code = figure.querySelector("code")!;
  const text = code.textContent ?? "";
  const language = figure.querySelector(".language")!.textContent ?? "";
  if (text.length > MAX_HIGHLIGHTED) return;
  const colour = await loadHighlighter();
  const nodes = colour?.(text, language);
  if (nodes && code.textContent === text) code.replaceChildren(...nodes);
}

/** Fetches the grammars, in a file of their own. `null` where that fails: without a network, mostly. */
export async function loadHighlighter(): Promise<((text: string, language: string) => Node[] | null) | null> {
  try {
    return (await import("./highlight.ts")).highlighted;
  } catch (error) {
    // what browsers throw when a module cannot be fetched; a fault inside of it is another class
    if (!(error instanceof TypeError)) throw error;
    console.info("Code stays in one colour.", error);
    return null;
  }
}
