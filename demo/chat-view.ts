/** The branch of a chat that shows, on the page. Messages that stay keep their elements, selection and focus included. */
import { AnswerView } from "./answer-view.ts";
import type { Direction } from "./branch-switch.ts";
import type { Answer, Message } from "./chats/chat-data.ts";
import type { ChatTree } from "./chats/chat-tree.ts";
import { announce, byId, h } from "./dom.ts";
import type { RemedyHandler } from "./error-card.ts";
import type { Explained } from "./errors.ts";
import { Follower } from "./follower.ts";
import { QuestionView } from "./question-view.ts";

export interface ChatViewEvents {
  onEdit: (id: string, text: string) => void;
  onAgain: (id: string) => void;
  onContinue: (id: string) => void;
  /** Another branch is to be shown: the one through this message. */
  onSelect: (id: string) => Promise<void>;
  onRemedy: RemedyHandler;
  /** A failure in words, about the model that answers. */
  explain: (error: unknown) => Explained;
}

export class ChatView {
  readonly #transcript = byId("transcript", HTMLElement);
  readonly #follower = new Follower(byId("scroller", HTMLElement), byId("to-end", HTMLButtonElement));
  /** Sends, but stops while an answer is given. */
  readonly #stop = byId("action", HTMLButtonElement);
  readonly #events: ChatViewEvents;
  #ready = false;
  #views: (QuestionView | AnswerView)[] = [];

  constructor(events: ChatViewEvents) {
    this.#events = events;
  }

  show(tree: ChatTree): void {
    const { path } = tree;
    let kept = 0;
    while (kept < path.length && this.#views[kept]?.message === path[kept]) kept++;
    for (const view of this.#views.splice(kept)) view.element.remove();
    for (const message of path.slice(kept)) this.#append(message);
    for (const [index, view] of this.#views.entries())
      view.place({ siblings: tree.siblings(view.message), last: index === path.length - 1 });
    this.#follower.follow();
  }

  /** Whether there is a model to answer. Without one, nothing is to be pressed that would do nothing. */
  update({ ready }: { ready: boolean }): void {
    this.#ready = ready;
    for (const view of this.#views) view.update({ ready });
  }

  toEnd(): void {
    if (this.#views.length > 0) this.#follower.toEnd();
  }

  clear(): void {
    this.#views = [];
    this.#transcript.replaceChildren();
    this.#follower.reset();
  }

  /** The answer is about to be given, or to go on. What was pressed for it goes away: "Stop" has the focus then. */
  begin(answer: Answer): void {
    const { activeElement } = document;
    if (activeElement === document.body || this.#transcript.contains(activeElement)) this.#stop.focus();
    this.#answer(answer)?.begin();
    this.#follower.toEnd();
    announce("Answering");
  }

  grow(answer: Answer): void {
    this.#answer(answer)?.grow();
  }

  finish(answer: Answer, { contextFull }: { contextFull: boolean }): void {
    const view = this.#answer(answer);
    view?.finish(contextFull);
    if (document.activeElement === this.#stop) view?.focus();
    this.#follower.follow();
    announce(answer.state === "abort" ? "Stopped." : `Answer: ${view?.shownText ?? ""}`);
  }

  fail(answer: Answer, error: unknown): void {
    const view = this.#answer(answer);
    view?.fail(error);
    if (document.activeElement === this.#stop) view?.focus();
    this.#follower.follow();
  }

  /** Opens a question for editing, as its button does. */
  edit(id: string): void {
    const view = this.#views.find(({ message }) => message.id === id);
    if (view instanceof QuestionView) view.edit();
  }

  #append(message: Message): void {
    const view =
      message.role === "user"
        ? new QuestionView(message, {
            onEdit: text => this.#events.onEdit(message.id, text),
            onSelect: (sibling, direction) => this.#select(sibling, direction),
          })
        : new AnswerView(message, {
            note: this.#noteBefore(message),
            onGrown: () => this.#follower.follow(),
            onAgain: () => this.#events.onAgain(message.id),
            onContinue: () => this.#events.onContinue(message.id),
            onSelect: (sibling, direction) => this.#select(sibling, direction),
            onRemedy: this.#events.onRemedy,
            explain: this.#events.explain,
          });
    view.update({ ready: this.#ready });
    this.#views.push(view);
    this.#transcript.append(view.element);
  }

  /** Where another model begins to answer, its name. */
  #noteBefore({ model }: Answer): HTMLElement | null {
    const before = this.#views.findLast(view => view instanceof AnswerView)?.message.model;
    if (before === undefined || before === model) return null;
    return h("p", { class: "note" }, `${model} answers from here on.`);
  }

  #answer(answer: Answer): AnswerView | undefined {
    return this.#views.find((view): view is AnswerView => view.message === answer);
  }

  /** The focus stays on the same button, of the message that took this one's place. */
  async #select(id: string, direction: Direction): Promise<void> {
    await this.#events.onSelect(id);
    const view = this.#views.find(({ message }) => message.id === id);
    view?.branches.focus(direction);
    view?.element.scrollIntoView({ block: "nearest" });
  }
}
