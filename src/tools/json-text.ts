/** JSON as text: its parts are cut out of it, so that a number keeps all of its digits. */

/** Between values of a list, fields of an object, and calls of some models. */
const BETWEEN = /[\s,:;]*/y;
const SCALAR = /[\w.+-]+/y;

/** Whether a text is one JSON value. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false; // JSON.parse fails in no other way
  }
}

/** The texts of JSON values one after the other, with white space, commas, colons or semicolons between; `null` where one is none. */
export function valuesOf(text: string): string[] | null {
  const values: string[] = [];
  for (let at = skip(BETWEEN, text, 0); at < text.length; ) {
    const end = valueEnd(text, at);
    const value = text.slice(at, end);
    if (!isJson(value)) return null;
    values.push(value);
    at = skip(BETWEEN, text, end);
  }
  return values;
}

/** The texts of an object's fields by their names; `null` for what is no object. */
export function fieldsOf(text: string): Map<string, string> | null {
  const bare = text.trim();
  if (!bare.startsWith("{") || !isJson(bare)) return null;
  const parts = valuesOf(bare.slice(1, -1)) ?? [];
  return new Map(
    parts.flatMap((part, index) => (index % 2 ? [] : [[JSON.parse(part) as string, parts[index + 1]!]])),
  );
}

/** Where the value that begins at `at` ends; the text's end, if it does not. */
export function valueEnd(text: string, at: number): number {
  let depth = 0;
  for (let index = at; index < text.length; index++) {
    const letter = text[index]!;
    if (letter === '"') {
      for (index++; index < text.length && text[index] !== '"'; index++) if (text[index] === "\\") index++;
      if (depth === 0) return index + 1;
    } else if (letter === "{" || letter === "[") depth++;
    else if (letter === "}" || letter === "]") {
      if (--depth <= 0) return index + 1;
    } else if (depth === 0) return Math.max(skip(SCALAR, text, index), index + 1);
  }
  return text.length;
}

function skip(what: RegExp, text: string, at: number): number {
  what.lastIndex = at;
  return what.test(text) ? what.lastIndex : at;
}
