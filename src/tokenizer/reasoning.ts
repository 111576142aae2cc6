/**
 * Tells a model's reasoning from its answer. Two forms are in use: a pair of marks at the start of the answer, such as
 * `<think>...</think>`, and harmony (gpt-oss), where each message of the answer names its channel.
 */

/** Pairs that models put around their reasoning, as their templates spell them. */
const pairs: readonly (readonly [open: string, close: string])[] = [
  ["<think>", "</think>"],
  ["[THINK]", "[/THINK]"],
  ["<|START_THINKING|>", "<|END_THINKING|>"],
  ["<seed:think>", "</seed:think>"],
  ["<|channel>thought", "<channel|>"],
  ["<|inner_prefix|>", "<|inner_suffix|>"],
  ["<thought>", "</thought>"],
  ["<thinking>", "</thinking>"],
  ["<reasoning>", "</reasoning>"],
  ["◁think▷", "◁/think▷"],
];

const channel = "<|channel|>";
const message = "<|message|>";
const start = "<|start|>";

export type ReasoningMarks =
  | {
      kind: "pair";
      open: string;
      close: string /** The prompt ends inside of the reasoning. */;
      opened: boolean;
    }
  | { kind: "harmony" /** What of the answer's first message is in the prompt. */; begun: string };

/** Reasoning and answer, of which one is mostly empty. */
export interface AnswerParts {
  text: string;
  reasoning: string;
}

export interface ReasoningSplitter {
  push(text: string): AnswerParts;
  flush(): AnswerParts;
}

/** What the answer to `prompt` will mark its reasoning with, by the template that made the prompt. */
export function reasoningMarks(template: string, prompt: string): ReasoningMarks | null {
  if (template.includes(channel) && template.includes(message)) {
    const at = prompt.lastIndexOf(start);
    return { kind: "harmony", begun: at < 0 ? "" : prompt.slice(at) };
  }
  const pair = pairs.find(([open, close]) => template.includes(open) || template.includes(close));
  if (!pair) return null;
  const [open, close] = pair;
  return { kind: "pair", open, close, opened: prompt.trimEnd().endsWith(open) };
}

export function createReasoningSplitter(marks: ReasoningMarks): ReasoningSplitter {
  return marks.kind === "pair" ? pairSplitter(marks) : harmonySplitter(marks.begun);
}

/** White space around either part belongs to the marks. */
function pairSplitter({ open, close, opened }: ReasoningMarks & { kind: "pair" }): ReasoningSplitter {
  let state: "start" | "reasoning" | "gap" | "answer" = opened ? "reasoning" : "start";
  let held = "";
  let reasoned = false;

  const step = (text: string, last: boolean): AnswerParts => {
    held += text;
    const parts = { text: "", reasoning: "" };
    if (state === "start") {
      const lead = held.trimStart();
      if (lead.startsWith(open)) {
        held = lead.slice(open.length);
        state = "reasoning";
      } else if (!last && open.startsWith(lead)) return parts;
      else state = "answer";
    }
    if (state === "reasoning") {
      const end = held.indexOf(close);
      // up to the mark, or to what may become it; white space before it is not given away either
      const certain = end >= 0 ? end : last ? held.length : held.length - overlap(held, close);
      let piece = end >= 0 || last ? held.slice(0, certain).trimEnd() : trimmedEnd(held, certain);
      held = end >= 0 ? held.slice(end + close.length) : held.slice(piece.length);
      if (!reasoned) piece = piece.trimStart();
      reasoned ||= piece !== "";
      parts.reasoning = piece;
      if (end >= 0) state = "gap";
      else if (last) held = "";
    }
    if (state === "gap") {
      held = held.trimStart();
      if (held !== "") state = "answer";
    }
    if (state === "answer") {
      parts.text = held;
      held = "";
    }
    return parts;
  };
  return { push: text => step(text, false), flush: () => step("", true) };
}

/** Messages `<|channel|>NAME<|message|>TEXT<|end|>`: `analysis` is reasoning; one to a recipient, a call, stays as it is. */
function harmonySplitter(begun: string): ReasoningSplitter {
  let header = "";
  let state: "header" | "reasoning" | "answer" | "call" = "header";
  let held = "";
  const ends = ["<|end|>", start];

  const step = (text: string, last: boolean): AnswerParts => {
    held += text;
    const parts = { text: "", reasoning: "" };
    for (;;) {
      if (state === "header") {
        const at = held.indexOf(message);
        if (at < 0) {
          // a model that leaves the format out is answering
          if (last && !held.includes(channel) && header === "")
            parts.text += held.slice(held.startsWith(begun) ? begun.length : 0);
          return parts;
        }
        header = held.slice(0, at);
        held = held.slice(at + message.length);
        const name = /<\|channel\|>\s*(\w+)/.exec(header)?.[1] ?? "final";
        state = / to=/.test(header) ? "call" : name === "analysis" ? "reasoning" : "answer";
        if (state === "call") parts.text += header.replace(/^<\|start\|>\w*/, "") + message;
      }
      const found = ends.map(end => held.indexOf(end)).filter(at => at >= 0);
      const end = found.length > 0 ? Math.min(...found) : -1;
      const certain =
        end >= 0
          ? end
          : last
            ? held.length
            : held.length - Math.max(...ends.map(mark => overlap(held, mark)));
      parts[state === "reasoning" ? "reasoning" : "text"] += held.slice(0, certain);
      held = held.slice(certain);
      if (end < 0) return parts;
      if (held.startsWith("<|end|>")) held = held.slice("<|end|>".length);
      state = "header";
    }
  };
  step(begun, false);
  return { push: text => step(text, false), flush: () => step("", true) };
}

/** Length of the longest end of `text` that `mark` begins with. */
function overlap(text: string, mark: string): number {
  for (let length = Math.min(text.length, mark.length - 1); length > 0; length--) {
    if (text.endsWith(mark.slice(0, length))) return length;
  }
  return 0;
}

/** `text` up to `end`, without the white space before it. */
function trimmedEnd(text: string, end: number): string {
  return text.slice(0, end).trimEnd();
}
