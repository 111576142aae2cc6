/**
 * Makes the unfinished end of a streamed Markdown text look as it will when finished, so that nothing flickers: an
 * emphasis is closed before its end has come, a marker without content is held back. Code is left alone.
 */
export function healTail(text: string): string {
  const held = holdBack(text);
  if (insideFence(held)) return held;
  const start = held.lastIndexOf("\n\n") + 1;
  return held.slice(0, start) + closeInline(held.slice(start));
}

/** Leaves out a last line that is only a marker: "-" below a paragraph would make it a heading for a moment. */
function holdBack(text: string): string {
  const start = text.lastIndexOf("\n") + 1;
  return /^[ \t]*(?:[-=+*_#>|`~:]+|\d+[.)]?)[ \t]*$/.test(text.slice(start)) ? text.slice(0, start) : text;
}

function insideFence(text: string): boolean {
  let open = "";
  for (const line of text.split("\n")) {
    const fence = /^ {0,3}(`{3,}|~{3,})(.*)$/.exec(line);
    if (!fence) continue;
    const [, marks = "", rest = ""] = fence;
    if (open === "") open = marks;
    else if (marks[0] === open[0] && marks.length >= open.length && rest.trim() === "") open = "";
  }
  return open !== "";
}

function closeInline(block: string): string {
  // The address of a link is shown once it is complete; until then its text stands alone.
  let text = block.replace(/!?\[([^\]\n]*)\]\([^)\n]*$/, "$1").replace(/!?\[([^\]\n]*)$/, "$1");
  if ((text.match(/`/g)?.length ?? 0) % 2 === 1) return text.endsWith("`") ? text.slice(0, -1) : `${text}\``;
  const withoutCode = text.replace(/`[^`]*`/g, "");
  if ((withoutCode.match(/\*\*/g)?.length ?? 0) % 2 === 1) {
    if (/\*\*\s*$/.test(text)) return text.replace(/\*\*\s*$/, "");
    // "**bold*": the first half of the closing pair has come.
    return `${text.replace(/\*?\s*$/, "")}**`;
  }
  // A star between spaces is a sign or a bullet, not emphasis.
  const single = withoutCode.replace(/\*\*/g, "").replace(/(?<=^|\s)\*(?=\s|$)/g, "");
  if ((single.match(/\*/g)?.length ?? 0) % 2 === 1) {
    text = /\*\s*$/.test(text) ? text.replace(/\*\s*$/, "") : `${text.trimEnd()}*`;
  }
  return text;
}
