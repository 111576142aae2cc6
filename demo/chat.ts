/** One chat: sends its questions to the model, and the answer's pieces to the tree and the view. */
import { type ChatMessage, type Generation, InputError, type Model } from "intab";
import type { Settings } from "./catalog.ts";
import type { ChatView } from "./chat-view.ts";
import type { Answer, ChatData, Question } from "./chats/chat-data.ts";
import { ChatTree } from "./chats/chat-tree.ts";
import { continued, conversationTokens, defined } from "./continuation.ts";

/** Who answers, and how. */
export interface Answerer {
  model: Model;
  title: string;
  settings: Settings;
}

export interface ChatEvents {
  /** `null` = no model is in use. */
  answerer: () => Answerer | null;
  /** An answer begins or has ended. */
  onBusy: () => void;
  /** Context positions taken. */
  onContext: (used: number) => void;
  /** Tokens per second of the answer that streams; null when none does. */
  onSpeed: (tokensPerSecond: number | null) => void;
  /** There is something to store: at once after each act, and about once a second while an answer grows. */
  onChange: (chat: ChatData) => void;
}

/** A rate over fewer tokens than this says nothing. */
const TOKENS_BEFORE_SPEED = 4;
/** Milliseconds of an answer that a crash may cost. */
const SAVE_PERIOD = 1000;

export class Chat {
  readonly #view: ChatView;
  readonly #events: ChatEvents;
  #tree = new ChatTree();
  #abort: AbortController | null = null;
  #running: Promise<void> = Promise.resolve();
  /** Counts what is measured, so that a late figure does not replace a newer one. */
  #measured = 0;

  constructor(view: ChatView, events: ChatEvents) {
    this.#view = view;
    this.#events = events;
  }

  get busy(): boolean {
    return this.#abort !== null;
  }

  get empty(): boolean {
    return this.#tree.empty;
  }

  get data(): ChatData {
    return this.#tree.data;
  }

  /** Ends the answer, if any, and shows another chat. */
  async open(data: ChatData): Promise<void> {
    await this.halt();
    this.#tree = new ChatTree(data);
    this.#view.clear();
    this.#view.show(this.#tree);
    this.#view.toEnd();
    void this.measure();
  }

  /** Shows what another tab has added to this chat. Not while an answer streams: its messages are in use. */
  absorb(data: ChatData): void {
    this.#tree.absorb(data);
    this.#view.show(this.#tree);
  }

  async send(text: string): Promise<void> {
    await this.halt();
    if (this.#events.answerer()) this.#answerTo(this.#tree.ask(text));
  }

  /** Asks the question in other words. */
  async edit(id: string, text: string): Promise<void> {
    await this.halt();
    const question = this.#tree.get(id);
    if (question?.role === "user" && this.#events.answerer()) this.#answerTo(this.#tree.edit(question, text));
  }

  /** Answers the question of this answer once more, or that of the last one. */
  async again(id: string | undefined = this.#tree.path.at(-1)?.id): Promise<void> {
    await this.halt();
    const answer = this.#tree.get(id ?? "");
    if (answer?.role === "assistant" && this.#events.answerer())
      this.#answerTo(this.#tree.questionOf(answer));
  }

  /** Goes on with an answer that was cut off. */
  async goOn(id: string): Promise<void> {
    await this.halt();
    const answer = this.#tree.get(id);
    if (answer?.role === "assistant") this.#start(answer);
  }

  async select(id: string): Promise<void> {
    await this.halt();
    this.#tree.select(id);
    this.#view.show(this.#tree);
    this.#events.onChange(this.data);
    void this.measure();
  }

  /** `null` = the one of the settings. */
  setSystem(system: string | null): void {
    this.data.system = system;
    this.#events.onChange(this.data);
  }

  stop(): void {
    this.#abort?.abort();
  }

  /** Stops the answer, if any, and waits for its end. What is there of it is kept. */
  async halt(): Promise<void> {
    this.stop();
    await this.#running;
  }

  /** Says how much of the context the conversation takes, for the model in use. */
  async measure(): Promise<void> {
    const answerer = this.#events.answerer();
    const order = ++this.#measured;
    const messages = answerer && !this.empty ? this.#messages(this.#tree.path.at(-1), answerer) : [];
    const used = answerer && messages.length > 0 ? await conversationTokens(answerer.model, messages) : 0;
    if (order === this.#measured) this.#events.onContext(used);
  }

  /** What was said up to this message, itself included. */
  #messages(last: Answer | Question | undefined, { settings }: Answerer): ChatMessage[] {
    if (!last) return [];
    const system = this.data.system ?? settings.system;
    const before = this.#tree.messagesBefore(last, system);
    return last.text === "" ? before : [...before, { role: last.role, content: last.text }];
  }

  #answerTo(question: Question): void {
    const answerer = this.#events.answerer();
    if (answerer) this.#start(this.#tree.answer(question, answerer.title));
  }

  #start(answer: Answer): void {
    const answerer = this.#events.answerer();
    if (!answerer || this.busy) return;
    this.#abort = new AbortController();
    this.#view.show(this.#tree);
    this.#events.onBusy();
    this.#view.begin(answer);
    this.#running = this.#answer(answer, answerer, this.#abort.signal).finally(() => {
      this.#abort = null;
      this.#events.onSpeed(null);
      this.#events.onChange(this.data);
      this.#events.onBusy();
    });
    this.#events.onChange(this.data);
  }

  async #answer(answer: Answer, answerer: Answerer, signal: AbortSignal): Promise<void> {
    const { model, settings } = answerer;
    const { text: before, reasoning: thought, figures } = answer;
    const messages = this.#tree.messagesBefore(answer, this.data.system ?? settings.system);
    try {
      const { run } = await this.#begin(messages, before, answerer, signal);
      await this.#stream(run, answer, model, messages);
      const { text, reasoning = "", finishReason, timings, promptIds, ids } = await run;
      const used = promptIds.length + ids.length;
      this.#tree.touch(answer, {
        text: before + text,
        reasoning: thought + reasoning,
        state: finishReason,
        figures: {
          tokens: (before === "" ? 0 : (figures?.tokens ?? 0)) + timings.generatedTokens,
          firstTokenMs: timings.timeToFirstTokenMs,
          tokensPerSecond: timings.decodeTokensPerSecond,
        },
      });
      this.#measured++;
      this.#events.onContext(used);
      this.#view.finish(answer, {
        contextFull: finishReason === "length" && used >= model.info.contextLength - 1,
      });
    } catch (error) {
      if (signal.aborted) {
        this.#tree.touch(answer, { state: "abort" });
        this.#view.finish(answer, { contextFull: false });
        return;
      }
      const problem = error instanceof Error ? error.message : String(error);
      this.#tree.touch(answer, { state: "failed", problem });
      this.#view.fail(answer, error);
      // what is to be shortened is at hand
      if (error instanceof InputError && error.code === "prompt-too-long")
        this.#view.edit(this.#tree.questionOf(answer).id);
    }
  }

  /** In an object: a generation is a promise, and would be awaited here. */
  async #begin(
    messages: ChatMessage[],
    before: string,
    { model, settings }: Answerer,
    signal: AbortSignal,
  ): Promise<{ run: Generation }> {
    const { system: _, ...options } = settings;
    const given = { ...defined(options), signal };
    return before === "" ? { run: model.chat(messages, given) } : continued(model, messages, before, given);
  }

  async #stream(run: Generation, answer: Answer, model: Model, messages: ChatMessage[]): Promise<void> {
    let tokens = 0;
    let firstAt = 0;
    let firstTokens = 0;
    let savedAt = performance.now();
    let prompt = 0;
    const order = ++this.#measured;
    const before = answer.text === "" ? [] : [{ role: "assistant", content: answer.text }];
    void conversationTokens(model, [...messages, ...before]).then(count => {
      prompt = count;
      if (order === this.#measured) this.#events.onContext(prompt + tokens);
    });
    for await (const { text, reasoning = "", ids } of run) {
      this.#tree.touch(answer, { text: answer.text + text, reasoning: answer.reasoning + reasoning });
      this.#view.grow(answer);
      tokens += ids.length;
      if (prompt > 0) this.#events.onContext(prompt + tokens);
      const now = performance.now();
      if (firstAt === 0) {
        firstAt = now;
        firstTokens = tokens;
      } else if (tokens - firstTokens >= TOKENS_BEFORE_SPEED) {
        this.#events.onSpeed(((tokens - firstTokens) * 1000) / (now - firstAt));
      }
      if (now - savedAt < SAVE_PERIOD) continue;
      savedAt = now;
      this.#events.onChange(this.data);
    }
  }
}
