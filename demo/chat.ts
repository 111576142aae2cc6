/** Sends questions to the model and the answer's pieces to the view. */
import type { GenerateOptions, Model } from "intab";
import type { Settings } from "./catalog.ts";
import type { ChatView, TurnView } from "./chat-view.ts";
import { promptTokens } from "./context-use.ts";
import { Conversation, type Turn } from "./conversation.ts";

export interface ChatEvents {
  /** An answer begins or has ended. */
  onBusy: (busy: boolean) => void;
  /** Context positions taken. */
  onContext: (used: number) => void;
  /** The model reads a prompt of so many tokens; null when its answer begins or nothing is asked any more. */
  onReading: (tokens: number | null) => void;
  /** Tokens per second of the answer that streams; null when none does. */
  onSpeed: (tokensPerSecond: number | null) => void;
}

/** A rate over fewer tokens than this says nothing. */
const TOKENS_BEFORE_SPEED = 4;

export class Chat {
  readonly #conversation = new Conversation();
  readonly #view: ChatView;
  readonly #events: ChatEvents;
  #abort: AbortController | null = null;
  #running: Promise<void> = Promise.resolve();
  /** Context positions taken, as of the last complete answer. */
  #used = 0;

  constructor(view: ChatView, events: ChatEvents) {
    this.#view = view;
    this.#events = events;
  }

  get busy(): boolean {
    return this.#abort !== null;
  }

  get empty(): boolean {
    return this.#conversation.turns.length === 0;
  }

  send(text: string, model: Model, settings: Settings): void {
    if (this.busy) return;
    const turn = this.#conversation.add(text);
    this.#start(turn, this.#view.addTurn(text), model, settings);
  }

  /** Answers the last question once more. */
  again(model: Model, settings: Settings): void {
    if (this.busy) return;
    const turn = this.#conversation.again();
    if (turn) this.#start(turn, this.#view.restartTurn(), model, settings);
  }

  stop(): void {
    this.#abort?.abort();
  }

  /** Ends the answer, if any, and forgets the conversation. */
  async clear(): Promise<void> {
    this.stop();
    await this.#running;
    this.#conversation.clear();
    this.#view.clear();
    this.#used = 0;
    this.#events.onContext(0);
  }

  #start(turn: Turn, view: TurnView, model: Model, settings: Settings): void {
    this.#abort = new AbortController();
    this.#running = this.#answer(turn, view, model, settings, this.#abort.signal).finally(() => {
      this.#abort = null;
      this.#events.onReading(null);
      this.#events.onSpeed(null);
      this.#events.onBusy(false);
    });
    this.#events.onBusy(true);
  }

  /** Counts anew what the conversation takes, with the model that answers from here on. */
  async recount(model: Model, settings: Settings): Promise<void> {
    const tokens = await promptTokens(model, this.#conversation.messages(settings.system), settings);
    if (tokens === null || this.busy) return;
    this.#used = tokens;
    this.#events.onContext(tokens);
  }

  async #answer(
    turn: Turn,
    view: TurnView,
    model: Model,
    settings: Settings,
    signal: AbortSignal,
  ): Promise<void> {
    const { system, ...sampling } = settings;
    const messages = this.#conversation.messagesFor(turn, system);
    let tokens = 0;
    let prompt = this.#used;
    void promptTokens(model, messages, settings).then(count => {
      if (count === null || turn.state !== "answering") return;
      prompt = count;
      this.#events.onContext(prompt + tokens);
      if (tokens === 0) this.#events.onReading(prompt);
    });
    let firstAt = 0;
    let firstTokens = 0;
    try {
      const run = model.chat(messages, { ...defined(sampling), signal });
      for await (const { text, reasoning = "", ids } of run) {
        turn.answer += text;
        turn.reasoning += reasoning;
        view.grow(turn);
        tokens += ids.length;
        this.#events.onContext(prompt + tokens);
        const now = performance.now();
        if (firstAt === 0) {
          firstAt = now;
          this.#events.onReading(null);
          firstTokens = tokens;
        } else if (tokens - firstTokens >= TOKENS_BEFORE_SPEED) {
          this.#events.onSpeed(((tokens - firstTokens) * 1000) / (now - firstAt));
        }
      }
      const result = await run;
      turn.answer = result.text;
      turn.reasoning = result.reasoning ?? "";
      turn.state = result.finishReason;
      turn.timings = result.timings;
      this.#used = result.promptIds.length + result.ids.length;
      this.#events.onContext(this.#used);
      view.finish(turn, {
        contextFull: result.finishReason === "length" && this.#used >= model.info.contextLength - 1,
      });
    } catch (error) {
      turn.state = signal.aborted ? "abort" : "failed";
      if (signal.aborted) view.finish(turn, { contextFull: false });
      else view.fail(turn, error);
    }
  }
}

/** Without the settings that are left to the model. */
function defined(options: Omit<Settings, "system">): GenerateOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
