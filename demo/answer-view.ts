/** What a model said: its reasoning, the text as it comes, how it ended, and what can be done with it. */
import { BranchSwitch, type Direction } from "./branch-switch.ts";
import type { Answer } from "./chats/chat-data.ts";
import type { Place } from "./chats/chat-tree.ts";
import { copyButton } from "./copy-button.ts";
import { h, setText } from "./dom.ts";
import { errorCard, type RemedyHandler } from "./error-card.ts";
import type { Explained } from "./errors.ts";
import { milliseconds, plural, rate } from "./format.ts";
import { icon } from "./icons.ts";
import { MarkdownView } from "./markdown.ts";
import { PacedDrawing } from "./paced-drawing.ts";
import { ReasoningView } from "./reasoning-view.ts";

export interface AnswerViewOptions {
  /** A line above it. */
  note: HTMLElement | null;
  onGrown: () => void;
  onAgain: () => void;
  onContinue: () => void;
  onSelect: (id: string, direction: Direction) => void;
  onRemedy: RemedyHandler;
  /** A failure in words, about the model that answers. */
  explain: (error: unknown) => Explained;
}

const CONTEXT_FULL: Explained = {
  code: "context-full",
  title: "The context is full",
  message: "The conversation takes up all the positions that the model can see, so the answer ends here.",
  advice: "Start a new chat to go on, or load the model with a longer context.",
  remedies: ["new-chat", "longer-context"],
};

export class AnswerView {
  readonly message: Answer;
  readonly element = h("article", { class: "answer", "aria-label": "Answer", "data-testid": "answer" });
  readonly branches: BranchSwitch;
  readonly #options: AnswerViewOptions;
  readonly #text = h("div", { class: "markdown", "data-testid": "answer-text" });
  readonly #markdown = new MarkdownView(this.#text);
  readonly #reasoning = new ReasoningView();
  readonly #drawing = new PacedDrawing(() => this.#draw(false));
  readonly #copy: HTMLButtonElement;
  readonly #again: HTMLButtonElement;
  readonly #continue: HTMLButtonElement;
  readonly #figures = h("p", { class: "figures", "data-testid": "figures" });
  readonly #footer: HTMLElement;
  #card: HTMLElement | null = null;
  #live = false;
  #last = true;
  #contextFull = false;
  /** The date of the version that shows: another tab may have gone on with it. */
  #shown = 0;

  constructor(message: Answer, options: AnswerViewOptions) {
    this.message = message;
    this.#options = options;
    this.branches = new BranchSwitch(message, options.onSelect);
    this.#copy = copyButton("Copy answer", () => this.message.text);
    this.#again = h(
      "button",
      {
        type: "button",
        class: "tool",
        "aria-label": "Answer again",
        title: "Answer again",
        "data-testid": "again",
        onclick: options.onAgain,
      },
      icon("again"),
    );
    this.#continue = h(
      "button",
      { type: "button", class: "button small", "data-testid": "continue", onclick: options.onContinue },
      "Continue",
    );
    this.#footer = h(
      "footer",
      {},
      this.branches.element,
      h("div", { class: "tools" }, this.#copy, this.#again),
      this.#continue,
      this.#figures,
    );
    this.element.append(options.note ?? "", this.#reasoning.element, this.#text, this.#footer);
    this.#settle();
  }

  /** The text as it is read, without marks. */
  get shownText(): string {
    return this.#text.textContent ?? "";
  }

  place({ siblings, last }: Place): void {
    this.#last = last;
    this.branches.update(this.message, siblings);
    if (!this.#live && this.#shown !== this.message.changed) this.#settle();
    this.#drawTools();
  }

  update({ ready }: { ready: boolean }): void {
    this.#again.disabled = !ready;
    this.#continue.disabled = !ready;
  }

  begin(): void {
    this.#live = true;
    this.#showCard(null);
    this.element.classList.add("answering");
    this.element.dataset.state = "answering";
    this.#footer.hidden = true;
    this.#draw(false);
  }

  grow(): void {
    this.#drawing.request();
  }

  finish(contextFull: boolean): void {
    this.#live = false;
    this.#contextFull = contextFull;
    this.#settle();
    if (contextFull) this.#showCard(CONTEXT_FULL);
  }

  fail(error: unknown): void {
    this.#live = false;
    this.#settle();
    this.#showCard(this.#options.explain(error));
  }

  /** Puts the focus where one can go on from a complete answer. */
  focus(): void {
    this.#again.focus({ preventScroll: true });
  }

  /** Draws an answer that does not grow here. */
  #settle(): void {
    this.#drawing.cancel();
    const { state, problem, changed } = this.message;
    this.#shown = changed;
    this.element.classList.remove("answering");
    // one that was being given when the page went away was stopped by that
    this.element.dataset.state = state === "answering" ? "abort" : state;
    // An answer that was cut off may end in half a construct, as a streaming one does.
    this.#draw(state === "stop");
    this.#footer.hidden = false;
    this.#drawTools();
    this.#showCard(state === "failed" ? failedBefore(problem) : null);
  }

  #draw(final: boolean): void {
    const { text, reasoning } = this.message;
    this.#reasoning.show(reasoning, text === "" && this.#live);
    this.#markdown.render(text, final);
    this.#options.onGrown();
  }

  #drawTools(): void {
    const { text, reasoning, state } = this.message;
    this.#copy.hidden = text === "";
    // reasoning that was cut off cannot be gone on with: the prompt has no place for it
    const cutOff = state === "length" || state === "abort" || state === "answering";
    this.#continue.hidden = !this.#last || !cutOff || text === "" || reasoning !== "" || this.#contextFull;
    setText(this.#figures, figures(this.message));
    const actions = this.#card?.querySelector<HTMLElement>(".error-actions");
    if (actions) actions.hidden = !this.#last;
  }

  #showCard(explained: Explained | null): void {
    this.#card?.remove();
    this.#card = explained && errorCard(explained, this.#options.onRemedy);
    if (this.#card) this.element.append(this.#card);
    this.#drawTools();
  }
}

/** An error of an earlier visit: its remedies may no longer be any, asking again always is. */
function failedBefore(message: string): Explained {
  return {
    code: "failed",
    title: "This answer failed",
    message,
    advice: "Try again, or edit the message.",
    remedies: ["retry"],
  };
}

function figures({ state, figures, text }: Answer): string {
  const parts: string[] = [];
  if (state === "abort" || state === "answering") parts.push("Stopped");
  if (state === "length") parts.push("Ended at the length limit");
  if (state === "stop" && text === "") parts.push("The model had nothing to say");
  if (figures) {
    parts.push(plural(figures.tokens, "token"), `first after ${milliseconds(figures.firstTokenMs)}`);
    if (figures.tokensPerSecond > 0) parts.push(rate(figures.tokensPerSecond));
  }
  return parts.join(" · ");
}
