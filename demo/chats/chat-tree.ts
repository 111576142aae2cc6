/**
 * The messages of a chat as a tree: an edited question and an answer that is given again are further children of the same
 * parent. One branch shows, from the root to `leaf`.
 */
import type { ChatMessage } from "intab";
import { type Answer, type ChatData, type Message, merged, newChat, type Question } from "./chat-data.ts";

/** Where a message stands: what can be done with it depends on that. */
export interface Place {
  /** The messages in its place, itself included. */
  siblings: readonly Message[];
  /** Nothing follows it in the branch that shows. */
  last: boolean;
}

export class ChatTree {
  #data: ChatData;
  readonly #byId = new Map<string, Message>();
  /** By parent, in the order of their making. */
  readonly #children = new Map<string | null, Message[]>();

  constructor(data: ChatData = newChat()) {
    this.#data = data;
    this.#index();
  }

  get data(): ChatData {
    return this.#data;
  }

  get empty(): boolean {
    return this.#data.messages.length === 0;
  }

  /** The branch that shows, from its first message on. */
  get path(): Message[] {
    return this.#upTo(this.#data.leaf);
  }

  get(id: string): Message | undefined {
    return this.#byId.get(id);
  }

  /** The messages in the place of this one, itself included, in the order of their making. */
  siblings({ parent }: Message): readonly Message[] {
    return this.#childrenOf(parent);
  }

  /** Adds a question at the end of the branch. */
  ask(text: string): Question {
    const last = this.path.at(-1);
    // after a question that nobody answered comes another one in its place
    return this.#addQuestion(text, last?.role === "user" ? last.parent : (last?.id ?? null));
  }

  /** The question in other words: another branch, or the same message if nothing was answered to it. */
  edit(question: Question, text: string): Question {
    const answered = this.#childrenOf(question.id).some(answer => answer.text !== "");
    if (answered) return this.#addQuestion(text, question.parent);
    this.touch(question, { text });
    return question;
  }

  /** An answer to be given: a new one, or the one that came to nothing. */
  answer(question: Question, model: string): Answer {
    const nothing = this.#childrenOf(question.id).find(({ text }) => text === "");
    const begun = { reasoning: "", state: "answering", model, figures: null, problem: "" } as const;
    if (nothing?.role === "assistant") {
      this.touch(nothing, begun);
      this.#data.leaf = nothing.id;
      return nothing;
    }
    return this.#add({ ...this.#node("", question.id), role: "assistant", ...begun });
  }

  /** The question of an answer. */
  questionOf({ parent }: Answer): Question {
    const question = this.#byId.get(parent ?? "");
    if (question?.role !== "user") throw new Error("An answer without a question.");
    return question;
  }

  /** Shows the branch through this message: of what follows it, always the newest. */
  select(id: string): void {
    let leaf = id;
    for (let next = this.#childrenOf(leaf).at(-1); next; next = this.#childrenOf(leaf).at(-1)) leaf = next.id;
    this.#data.leaf = leaf;
  }

  /** Changes a message, and its date. */
  touch<T extends Message>(message: T, change: Partial<T>): void {
    Object.assign(message, change, { changed: Date.now() });
    this.#data.updated = message.changed;
  }

  /** Takes over what another tab has stored. The branch stays, and goes on where it ends there. */
  absorb(stored: ChatData): void {
    const { title, system, leaf } = stored;
    const mine = this.#data.leaf;
    this.#data = { ...merged(this.#data, stored), title, system };
    this.#index();
    if (mine === null || this.#upTo(leaf).some(({ id }) => id === mine)) this.#data.leaf = leaf;
  }

  /**
   * What the model gets to see before this message: of an answer, its question comes last. Questions that never got an
   * answer are left out: roles must alternate.
   */
  messagesBefore({ parent }: Message, system: string): ChatMessage[] {
    const path = this.#upTo(parent);
    const messages: ChatMessage[] = system.trim() === "" ? [] : [{ role: "system", content: system.trim() }];
    for (const [index, { role, text }] of path.entries()) {
      const next = path[index + 1];
      if (next && (role === "user" ? next.text : text) === "") continue;
      messages.push({ role, content: text });
    }
    return messages;
  }

  #upTo(id: string | null): Message[] {
    const path: Message[] = [];
    for (let at = id; at !== null; at = path.at(-1)!.parent) {
      const message = this.#byId.get(at);
      if (!message) break;
      path.push(message);
    }
    return path.reverse();
  }

  #childrenOf(id: string | null): readonly Message[] {
    return this.#children.get(id) ?? [];
  }

  #index(): void {
    this.#byId.clear();
    this.#children.clear();
    for (const message of this.#data.messages) this.#enter(message);
  }

  #enter(message: Message): void {
    this.#byId.set(message.id, message);
    const siblings = this.#children.get(message.parent);
    if (siblings) siblings.push(message);
    else this.#children.set(message.parent, [message]);
  }

  #addQuestion(text: string, parent: string | null): Question {
    return this.#add({ ...this.#node(text, parent), role: "user" });
  }

  #node(text: string, parent: string | null) {
    return { id: crypto.randomUUID() as string, parent, text, changed: Date.now() };
  }

  #add<T extends Message>(message: T): T {
    this.#data.messages.push(message);
    this.#enter(message);
    this.#data.leaf = message.id;
    this.#data.updated = message.changed;
    return message;
  }
}
