/** Marks of tool calls that a vocabulary has as control tokens: they are among a chunk's ids and not in its text. */
import { marksOf, type ToolFormat } from "../../tools/format.ts";
import type { GenerateChunk } from "../../types.ts";
import type { ServedModel } from "./served.ts";

/** By id. */
export type HiddenMarks = ReadonlyMap<number, string>;

export async function hiddenMarks(model: ServedModel, format: ToolFormat): Promise<HiddenMarks> {
  const hidden = new Map<number, string>();
  for (const mark of marksOf(format)) {
    const ids = await model.tokenize(mark, { parseSpecial: true });
    const plain = await model.tokenize(mark);
    // one token only if it is asked for: control
    if (ids.length === 1 && (plain.length !== 1 || plain[0] !== ids[0])) hidden.set(ids[0]!, mark);
  }
  return hidden;
}

/** A chunk's text with the marks in their places. */
export async function withMarks(
  model: ServedModel,
  { text, ids }: GenerateChunk,
  hidden: HiddenMarks,
): Promise<string> {
  let [before, after] = [text, ""];
  let end = ids.length;
  for (let at = ids.length - 1; at >= 0; at--) {
    const mark = hidden.get(ids[at]!);
    if (mark === undefined) continue;
    // a character that is not complete yet comes in a later chunk; a leading space may be left out
    const behind = at + 1 < end ? await model.detokenize(ids.slice(at + 1, end)) : "";
    const tail = behind.replace(/\uFFFD+$/, "").trimStart();
    const place = tail === "" ? before.length : before.lastIndexOf(tail);
    const cut = place < 0 ? 0 : place;
    after = mark + before.slice(cut) + after;
    before = before.slice(0, cut);
    end = at;
  }
  return before + after;
}
