import { describe, expect, test } from "vitest";
import { createAnswerStream, createTokenizer } from "../../src/tokenizer/index.ts";
import {
  createReasoningSplitter,
  type ReasoningMarks,
  reasoningMarks,
} from "../../src/tokenizer/reasoning.ts";
import { byteLevel, type TokenSpec, types } from "./support/tokenizer-files.ts";

/** The whole, cut into pieces of every size: the parts may not depend on it. */
function split(marks: ReasoningMarks, answer: string) {
  const results = [1, 2, 3, 7, answer.length].map(size => {
    const splitter = createReasoningSplitter(marks);
    const whole = { text: "", reasoning: "" };
    const add = ({ text, reasoning }: typeof whole) => {
      whole.text += text;
      whole.reasoning += reasoning;
    };
    for (let i = 0; i < answer.length; i += size) add(splitter.push(answer.slice(i, i + size)));
    add(splitter.flush());
    return whole;
  });
  for (const result of results) expect(result).toEqual(results[0]);
  return results[0];
}

const think = (opened: boolean): ReasoningMarks => ({
  kind: "pair",
  open: "<think>",
  close: "</think>",
  opened,
});
const harmony: ReasoningMarks = { kind: "harmony", begun: "<|start|>assistant" };

describe("a pair of marks", () => {
  test("parts reasoning from answer, without the white space around the marks", () => {
    expect(split(think(false), "<think>\nI am.\n\n</think>\n\nYes.\n")).toEqual({
      reasoning: "I am.",
      text: "Yes.\n",
    });
    expect(split(think(true), "\nI am. < \n</think>Yes")).toEqual({ reasoning: "I am. <", text: "Yes" });
  });

  test("an answer without reasoning, or about the marks, is an answer", () => {
    expect(split(think(false), " Use <think> so.</think>")).toEqual({
      reasoning: "",
      text: " Use <think> so.</think>",
    });
    expect(split(think(false), "<thi")).toEqual({ reasoning: "", text: "<thi" });
    expect(split(think(false), "<think>\n\n</think>\n\nHi")).toEqual({ reasoning: "", text: "Hi" });
  });

  test("reasoning that is cut off is reasoning", () => {
    expect(split(think(false), "<think>I am </thi")).toEqual({ reasoning: "I am </thi", text: "" });
  });
});

describe("harmony", () => {
  test("takes the analysis channel for reasoning and the final one for the answer", () => {
    const answer =
      "<|channel|>analysis<|message|>Think.<|end|><|start|>assistant<|channel|>final<|message|>Hello <|b|>.";
    expect(split(harmony, answer)).toEqual({ reasoning: "Think.", text: "Hello <|b|>." });
  });

  test("leaves a call as it is, and an answer without the format", () => {
    const call = "<|channel|>commentary to=functions.f <|constrain|>json<|message|>{}";
    expect(split(harmony, `<|channel|>analysis<|message|>T<|end|><|start|>assistant${call}`)).toEqual({
      reasoning: "T",
      text: call,
    });
    expect(split(harmony, "Hello")).toEqual({ reasoning: "", text: "Hello" });
  });
});

test("the marks are known by the template, and whether the prompt opened them by its end", () => {
  expect(reasoningMarks("{{ m.split('</think>')[-1] }}", "...<think>\n")).toEqual(think(true));
  expect(reasoningMarks("{{ '<think>' }}", "<think>\n\n</think>\n\n")).toEqual(think(false));
  expect(reasoningMarks("[THINK]", "x")).toMatchObject({ open: "[THINK]" });
  expect(reasoningMarks("<|channel|>analysis<|message|>", "a<|start|>assistant")).toEqual(harmony);
  expect(reasoningMarks("{{ messages }}", "x")).toBe(null);
});

test("marks that are control tokens count, and stop strings end the answer alone", () => {
  const specs: TokenSpec[] = [..."abc"].map(letter => [letter]);
  const tokenizer = createTokenizer(
    byteLevel([...specs, ["[THINK]", types.control], ["[/THINK]", types.control]], []),
  );
  const marks: ReasoningMarks = { kind: "pair", open: "[THINK]", close: "[/THINK]", opened: false };
  const stream = createAnswerStream(tokenizer, marks, { stop: ["b"] });
  const parts = [3, 0, 1, 4, 2, 1, 0].map(id => stream.push(id)).concat(stream.flush());
  expect(parts.map(part => part.reasoning).join("")).toBe("ab");
  expect(parts.map(part => part.text).join("")).toBe("c");
  expect(stream.stopped).toBe("b");
});
