// Shaders travel without comments, indentation and long names: these are for people who read the repository.

/**
 * Lines stay lines, since `#import` and directives are found line by line. WGSL has no string literals, so that a
 * comment mark is always one; block comments nest.
 * @param {string} source
 * @param {ReadonlyMap<string, string>} [names] shorter ones, from `shortNames`
 * @returns {string}
 */
export function minifyWgsl(source, names = new Map()) {
  const lines = withoutComments(source)
    .split("\n")
    .map(line => line.trim().replace(/\s+/g, " "));
  return lines
    .filter(line => line !== "")
    .map(line => (line.startsWith("#") ? line : line.replace(/ ?([{}();,:]) ?/g, "$1")))
    .map(line =>
      /^#(import|insert)\b/.test(line) ? line : line.replace(WORD, word => names.get(word) ?? word),
    )
    .join("\n");
}

/** `a#i` is a name and the counter of its repetition. */
const WORD = /[A-Za-z_]\w*/g;
const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/**
 * A short name for every function, parameter, variable and constant that the shaders declare, the same in all of them, since a
 * variant may be made of any parts. WGSL's own names stay, and those that the TypeScript side says: overrides, struct fields and their structs, sizes of repetitions,
 * constants that are read from the text, the entry point.
 * @param {readonly string[]} sources all shaders
 * @param {ReadonlySet<string>} said words that the TypeScript side has in quotation marks
 * @returns {Map<string, string>}
 */
export function shortNames(sources, said) {
  const texts = sources.map(source => withoutComments(source));
  /** @param {RegExp} pattern */
  const found = pattern => texts.flatMap(text => [...text.matchAll(pattern)]);
  const inside = (/** @type {RegExp} */ pattern) =>
    found(pattern).flatMap(([, body = ""]) => [...body.matchAll(/(\w+)\s*:/g)].map(([, name = ""]) => name));
  const functions = new Set(found(/\bfn (\w+)/g).map(([, name = ""]) => name));
  const called = found(/\b(\w+)(?=\()/g).map(([, name = ""]) => name);
  const kept = new Set([
    ...called.filter(name => !functions.has(name)),
    ...said,
    "main",
    ...found(/@(\w+)/g).map(([, name = ""]) => name),
    ...found(/@builtin\((\w+)\)/g).map(([, name = ""]) => name),
    ...found(/\b(?:override|struct) (\w+)/g).map(([, name = ""]) => name),
    ...inside(/\bstruct \w+\s*\{([^}]*)\}/g),
    ...found(/#repeat (\w+) (\w+)/g).flatMap(([, counter = "", size = ""]) => [counter, size]),
  ]);
  const declared = new Set([
    ...found(/\b(?:let|const|alias|fn|var(?:<[^>]*>)?)\s+(\w+)/g).map(([, name = ""]) => name),
    ...inside(/\bfn \w+\(([^{;]*?)\)\s*(?:->|\{)/g),
  ]);
  /** @type {Map<string, number>} */
  const uses = new Map();
  for (const [word] of found(WORD)) uses.set(word, (uses.get(word) ?? 0) + 1);
  const often = [...declared]
    .filter(name => name.length > 2 && !kept.has(name))
    .sort((a, b) => (uses.get(b) ?? 0) - (uses.get(a) ?? 0) || (a < b ? -1 : 1));
  const free = [
    ...LETTERS,
    ...[...LETTERS].flatMap(a => [...LETTERS, ..."0123456789"].map(b => a + b)),
  ].filter(name => !uses.has(name) && !KEYWORDS.has(name));
  return new Map(often.map((name, at) => [name, free[at] ?? name]));
}

/** Of one or two letters, in WGSL or reserved there. */
const KEYWORDS = new Set(["as", "do", "fn", "if", "in", "is", "of", "or"]);

/** @param {string} source */
function withoutComments(source) {
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
  return text;
}
