/**
 * Keeps control tokens that somebody wrote into a message from being read as such. A character that stands for nothing is
 * put behind the first letter of each, before the template sees them, and is taken out again once the text around it has
 * been searched for control tokens. What the template itself writes is searched as ever.
 */

/** Unicode keeps these 32 for a program's own use inside of itself: no text is to contain them. */
const NONCHARACTERS = Array.from({ length: 32 }, (_, index) => String.fromCharCode(0xfdd0 + index));

export interface Guarded<T> {
  data: T;
  /** What was put in. */
  mark: string;
}

/** @param controls texts of the control tokens */
export function createGuard(controls: readonly string[]): <T>(data: T) => Guarded<T> {
  const long = controls.filter(text => text.length > 1);
  if (long.length === 0) return data => ({ data, mark: NONCHARACTERS[0]! });
  const whole = new RegExp(
    long
      .sort((a, b) => b.length - a.length)
      .map(text => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
      .join("|"),
    "g",
  );
  const beginnings = new Set(long.flatMap(text => Array.from(text, (_, end) => text.slice(0, end)).slice(1)));
  const longest = Math.max(...long.map(text => text.length));

  const guardText = (text: string, mark: string): string => {
    // parts that a template joins: what begins a control token at the end of one may be completed by the next
    const end = text.trimEnd().length;
    let begun = Math.min(longest - 1, end);
    while (begun > 0 && !beginnings.has(text.slice(end - begun, end))) begun--;
    const joined = begun > 0 ? text.slice(0, end) + mark + text.slice(end) : text;
    // again, since one control token may begin inside of another
    let before = "";
    let after = joined;
    while (after !== before) {
      before = after;
      after = before.replace(whole, found => found[0] + mark + found.slice(1));
    }
    return after;
  };
  const guard = (value: unknown, mark: string): unknown => {
    if (typeof value === "string") return guardText(value, mark);
    if (Array.isArray(value)) return value.map(item => guard(item, mark));
    if (typeof value !== "object" || value === null || value instanceof Date) return value;
    return Object.fromEntries(
      // a template composes tokens of roles, and roles are checked
      Object.entries(value).map(([key, field]) =>
        key === "role" ? [key, field] : [guardText(key, mark), guard(field, mark)],
      ),
    );
  };
  return <T>(data: T) => {
    const text = JSON.stringify(data) ?? "";
    const mark = NONCHARACTERS.find(character => !text.includes(character)) ?? NONCHARACTERS[0]!;
    return { data: guard(data, mark) as T, mark };
  };
}
