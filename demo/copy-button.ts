import { announce, h } from "./dom.ts";
import { icon } from "./icons.ts";

/** A button that copies what `read` returns and says so for a moment. */
export function copyButton(label: string, read: () => string): HTMLButtonElement {
  const button = h(
    "button",
    { type: "button", class: "tool", "aria-label": label, title: label, "data-testid": "copy" },
    icon("copy"),
  );
  let timer = 0;
  button.addEventListener("click", async () => {
    const copied = await copy(read());
    button.replaceChildren(icon(copied ? "check" : "close"));
    announce(copied ? "Copied" : "The browser did not allow copying. Select the text and copy it by hand.");
    clearTimeout(timer);
    timer = window.setTimeout(() => button.replaceChildren(icon("copy")), 1500);
  });
  return button;
}

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch (error) {
    if (error instanceof DOMException && error.name === "NotAllowedError") return false;
    throw error;
  }
}
