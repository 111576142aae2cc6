/** Text fields that are as high as their text, and send it with Enter. */

/** Keeps the height at what the text needs; the style sheet bounds it. */
export function growing(field: HTMLTextAreaElement): void {
  field.addEventListener("input", () => fitHeight(field));
  fitHeight(field);
}

/** Sets the height to what the text needs now: after it was set by a program, or came into sight. */
export function fitHeight(field: HTMLTextAreaElement): void {
  field.style.height = "auto";
  // the border is not part of the scroll height
  field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
}

/** Enter sends; Shift+Enter breaks the line, and Enter that ends an input method's composition is not meant for us. */
export function onEnter(field: HTMLTextAreaElement, send: () => void): void {
  field.addEventListener("keydown", event => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  });
}
