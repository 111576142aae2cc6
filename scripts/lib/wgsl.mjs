// Shaders travel without comments and indentation: they are for people who read the repository.

/**
 * Lines stay lines, since `#import` and directives are found line by line. WGSL has no string literals, so that a
 * comment mark is always one; block comments nest.
 * @param {string} source
 * @returns {string}
 */
export function minifyWgsl(source) {
  let text = "";
  let depth = 0;
  for (let i = 0; i < source.length; ) {
    const pair = source.slice(i, i + 2);
    if (pair === "/*") {
      depth++;
      i += 2;
    } else if (depth > 0 && pair === "*/") {
      depth--;
      i += 2;
      text += " "; // what it stood between stays apart
    } else if (depth > 0) {
      if (source[i] === "\n") text += "\n";
      i++;
    } else if (pair === "//") {
      while (i < source.length && source[i] !== "\n") i++;
    } else {
      text += source[i];
      i++;
    }
  }
  const lines = text.split("\n").map(line => line.trim().replace(/\s+/g, " "));
  return lines
    .filter(line => line !== "")
    .map(line => (line.startsWith("#") ? line : line.replace(/ ?([{}();,:]) ?/g, "$1")))
    .join("\n");
}
