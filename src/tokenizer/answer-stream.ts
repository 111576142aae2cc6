/** The ids of an answer to its text, with the reasoning apart where the model marks it. */
import { type AnswerParts, createReasoningSplitter, type ReasoningMarks } from "./reasoning.ts";
import { createStopFilter } from "./stop-matcher.ts";
import { createTextStream, type TextStreamOptions } from "./text-stream.ts";
import type { Tokenizer } from "./tokenizer.ts";

export interface AnswerStream {
  push(id: number): AnswerParts;
  flush(): AnswerParts;
  /** The stop string that ended the answer; `null` as long as none did. */
  readonly stopped: string | null;
}

/** Stop strings end the answer; the reasoning may hold them. */
export function createAnswerStream(
  tokenizer: Tokenizer,
  marks: ReasoningMarks | null,
  options: TextStreamOptions = {},
): AnswerStream {
  if (!marks) {
    const stream = createTextStream(tokenizer, options);
    return {
      get stopped() {
        return stream.stopped;
      },
      push: id => ({ text: stream.push(id), reasoning: "" }),
      flush: () => ({ text: stream.flush(), reasoning: "" }),
    };
  }
  const stream = createTextStream(tokenizer, { ...options, stop: [] });
  const filter = createStopFilter(options.stop ?? []);
  const splitter = createReasoningSplitter(marks);
  const filtered = ({ text, reasoning }: AnswerParts): AnswerParts => ({
    text: filter.push(text),
    reasoning,
  });
  // in some vocabularies the marks are control tokens, which text does not show
  const isMark = (id: number): boolean =>
    marks.kind === "pair" &&
    tokenizer.isControl(id) &&
    [marks.open, marks.close].includes(tokenizer.tokenText(id));
  return {
    get stopped() {
      return filter.stopped;
    },
    push: id => filtered(splitter.push(isMark(id) ? tokenizer.tokenText(id) : stream.push(id))),
    flush() {
      const [rest, end] = [filtered(splitter.push(stream.flush())), filtered(splitter.flush())];
      return { text: rest.text + end.text + filter.flush(), reasoning: rest.reasoning + end.reasoning };
    },
  };
}
