/** Tells the calls of tools from the text of an answer while it is written. */
import type { ParsedCall, ToolFormat, ToolSchemas } from "./format.ts";

export type ToolEvent = { text: string } | { call: ParsedCall };

export interface ToolStream {
  /** Takes a piece of the answer, cut anywhere; returns what is certain now. A call comes when it is complete. */
  push(piece: string): ToolEvent[];
  /** Ends the answer. */
  flush(): ToolEvent[];
}

/** What only looks like a call is text. White space around calls belongs to their marks. */
export function createToolStream(format: ToolFormat, schemas: ToolSchemas): ToolStream {
  const { opens, close, bare, ignored = [] } = format;
  const marks = [...opens, ...ignored];
  const ends = close === null ? opens : [close];
  let held = "";
  /** The mark that the call under way began with; empty where the answer began as one. */
  let open: string | null = null;
  let started = false;
  let called = false;
  /** White space that is part of the text if more text comes. */
  let spaces = "";
  /** Ends of the call up to here were looked at. */
  let from = 0;
  let events: ToolEvent[] = [];

  const say = (text: string): void => {
    const all = spaces + text;
    const certain = all.trimEnd();
    spaces = all.slice(certain.length);
    if (certain !== "") events.push({ text: certain });
  };
  const read = (body: string, last: boolean): boolean => {
    const calls = format.read(body, schemas, last);
    if (!calls || (open === "" && !calls.every(({ name }) => schemas.has(name)))) return false;
    for (const call of calls) events.push({ call });
    called = true;
    spaces = "";
    return true;
  };

  /** @returns whether there is more to look at */
  const textStep = (last: boolean): boolean => {
    if (!started) {
      const lead = held.trimStart();
      if (lead === "" && !last) return false;
      started = true;
      if (bare !== undefined && lead.startsWith(bare)) {
        [open, from] = ["", 0];
        return true;
      }
    }
    const found = first(held, marks, 0);
    if (!found) {
      const kept = last ? 0 : Math.max(...marks.map(mark => overlap(held, mark)));
      say(held.slice(0, held.length - kept));
      held = held.slice(held.length - kept);
      return false;
    }
    say(held.slice(0, found.at));
    held = held.slice(found.at + found.mark.length);
    if (!ignored.includes(found.mark)) [open, from] = [found.mark, 0];
    return true;
  };

  /** @returns whether there is more to look at */
  const callStep = (last: boolean): boolean => {
    for (let found = first(held, ends, from); found && open !== ""; found = first(held, ends, from)) {
      from = found.at + 1;
      if (!read(held.slice(0, found.at), false)) continue;
      held = held.slice(close === null ? found.at : found.at + found.mark.length);
      open = null;
      return true;
    }
    from = Math.max(from, held.length - Math.max(...ends.map(({ length }) => length)) + 1);
    if (!last) return false;
    const whole = held.slice(0, held.length - Math.max(...ends.map(end => overlap(held, end))));
    if (!read(whole, true)) say(open + held);
    [held, open] = ["", null];
    return false;
  };

  const step = (piece: string, last: boolean): ToolEvent[] => {
    held += piece;
    events = [];
    while (open === null ? textStep(last) : callStep(last));
    if (last && !called && spaces !== "") events.push({ text: spaces });
    return events;
  };
  return { push: piece => step(piece, false), flush: () => step("", true) };
}

/** The first of some marks in a text. */
function first(text: string, marks: readonly string[], from: number): { at: number; mark: string } | null {
  let best: { at: number; mark: string } | null = null;
  for (const mark of marks) {
    const at = text.indexOf(mark, from);
    if (at >= 0 && (!best || at < best.at)) best = { at, mark };
  }
  return best;
}

/** Length of the longest end of `text` that `mark` begins with. */
function overlap(text: string, mark: string): number {
  for (let length = Math.min(text.length, mark.length - 1); length > 0; length--)
    if (text.endsWith(mark.slice(0, length))) return length;
  return 0;
}
