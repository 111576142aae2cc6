/** The conversation on the page. Text is drawn at most once per frame, and the page follows it only from the end. */
import type { Timings } from "intab";
import type { Turn } from "./conversation.ts";
import { copyButton } from "./copy-button.ts";
import { announce, byId, h, setText } from "./dom.ts";
import { errorCard, type RemedyHandler } from "./error-card.ts";
import { explain } from "./errors.ts";
import { Follower } from "./follower.ts";
import { milliseconds, plural, rate } from "./format.ts";
import { icon } from "./icons.ts";
import { MarkdownView } from "./markdown.ts";

export interface TurnView {
  /** The answer, or the reasoning before it, has grown. */
  grow(turn: Turn): void;
  finish(turn: Turn, facts: { contextFull: boolean }): void;
  fail(turn: Turn, error: unknown): void;
}

export class ChatView {
  readonly #transcript = byId("transcript", HTMLElement);
  readonly #follower = new Follower(byId("scroller", HTMLElement), byId("to-end", HTMLButtonElement));
  readonly #onAgain: () => void;
  readonly #onRemedy: RemedyHandler;
  #last: AnswerView | null = null;

  constructor(events: { onAgain: () => void; onRemedy: RemedyHandler }) {
    this.#onAgain = events.onAgain;
    this.#onRemedy = events.onRemedy;
  }

  addTurn(question: string): TurnView {
    this.#last?.settle();
    this.#transcript.append(
      h(
        "div",
        { class: "question", "data-testid": "question" },
        h("span", { class: "visually-hidden" }, "You: "),
        question,
      ),
    );
    return this.#startAnswer();
  }

  /** Removes the last answer, for another one in its place. */
  restartTurn(): TurnView {
    this.#last?.element.remove();
    return this.#startAnswer();
  }

  /** A line between turns, such as the name of the model that answers from here on. */
  addNote(text: string): void {
    this.#transcript.append(h("p", { class: "note" }, text));
    this.#follower.follow();
  }

  clear(): void {
    this.#transcript.replaceChildren();
    this.#last = null;
    this.#follower.reset();
  }

  #startAnswer(): TurnView {
    this.#last = new AnswerView(() => this.#follower.follow(), this.#onAgain, this.#onRemedy);
    this.#transcript.append(this.#last.element);
    this.#follower.toEnd();
    announce("Answering");
    return this.#last;
  }
}

class AnswerView implements TurnView {
  readonly element = h("article", {
    class: "answer answering",
    "aria-label": "Answer",
    "data-testid": "answer",
    "data-state": "answering",
  });
  readonly #text = h("div", { class: "markdown", "data-testid": "answer-text" });
  readonly #markdown = new MarkdownView(this.#text);
  readonly #reasoning = new ReasoningView();
  readonly #onGrown: () => void;
  readonly #onAgain: () => void;
  readonly #onRemedy: RemedyHandler;
  #pending = { answer: "", reasoning: "" };
  #frame = 0;

  constructor(onGrown: () => void, onAgain: () => void, onRemedy: RemedyHandler) {
    this.#onGrown = onGrown;
    this.#onAgain = onAgain;
    this.#onRemedy = onRemedy;
    this.element.append(this.#reasoning.element, this.#text);
  }

  grow({ answer, reasoning }: Turn): void {
    this.#pending = { answer, reasoning };
    this.#frame ||= requestAnimationFrame(() => this.#draw(false));
  }

  finish(turn: Turn, { contextFull }: { contextFull: boolean }): void {
    this.#end(turn);
    if (contextFull) {
      const full = {
        code: "context-full",
        title: "The context is full",
        message:
          "The conversation takes up all the positions that the model can see, so the answer ends here.",
        advice: "Start a new chat to go on.",
        remedies: ["new-chat"] as const,
      };
      this.element.append(errorCard(full, this.#onRemedy));
    }
    this.#onGrown();
    announce(turn.state === "abort" ? "Stopped." : `Answer: ${this.#text.textContent}`);
  }

  fail(turn: Turn, error: unknown): void {
    this.#end(turn);
    if (turn.answer === "") this.element.querySelector("footer")?.remove();
    this.element.append(errorCard(explain(error), this.#onRemedy));
    this.#onGrown();
  }

  /** Takes the buttons away that only make sense on the last answer. */
  settle(): void {
    this.element.querySelector("[data-testid=again]")?.remove();
    this.element.querySelector(".error-actions")?.remove();
  }

  #end(turn: Turn): void {
    this.#pending = turn;
    this.element.classList.remove("answering");
    // An answer that was cut off may end in half a construct, as a streaming one does.
    this.#draw(turn.state === "stop");
    this.element.dataset.state = turn.state;
    const again = h(
      "button",
      {
        type: "button",
        class: "tool",
        "aria-label": "Answer again",
        title: "Answer again",
        "data-testid": "again",
        onclick: this.#onAgain,
      },
      icon("again"),
    );
    const tools = h(
      "div",
      { class: "tools" },
      turn.answer !== "" && copyButton("Copy answer", () => turn.answer),
      again,
    );
    this.element.append(
      h("footer", {}, tools, h("p", { class: "figures", "data-testid": "figures" }, figures(turn))),
    );
  }

  #draw(final: boolean): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const { answer, reasoning } = this.#pending;
    this.#reasoning.show(reasoning, answer === "" && this.element.classList.contains("answering"));
    this.#markdown.render(answer, final);
    this.#onGrown();
  }
}

/** What the model thinks aloud: open while it does, then folded away unless the reader opened or closed it. */
class ReasoningView {
  readonly #text = h("p", { "data-testid": "reasoning-text" });
  readonly #title = h("summary", {
    onclick: () => {
      this.#touched = true;
    },
  });
  readonly element = h(
    "details",
    { class: "reasoning", "data-testid": "reasoning", hidden: true },
    this.#title,
    this.#text,
  );
  #touched = false;

  show(text: string, thinking: boolean): void {
    if (text === "") return;
    this.element.hidden = false;
    setText(this.#title, thinking ? "Reasoning …" : "Reasoning");
    setText(this.#text, text);
    if (!this.#touched) this.element.open = thinking;
  }
}

function figures({ state, timings, answer }: Turn): string {
  const parts: string[] = [];
  if (state === "abort") parts.push("Stopped");
  if (state === "length") parts.push("Ended at the length limit");
  if (state === "stop" && answer === "") parts.push("The model had nothing to say");
  if (timings) parts.push(...timingParts(timings));
  return parts.join(" · ");
}

function timingParts(timings: Timings): string[] {
  const parts = [
    plural(timings.generatedTokens, "token"),
    `first after ${milliseconds(timings.timeToFirstTokenMs)}`,
  ];
  if (timings.decodeTokensPerSecond > 0) parts.push(rate(timings.decodeTokensPerSecond));
  return parts;
}
