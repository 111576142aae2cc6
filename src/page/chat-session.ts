import { check, known, plain, refused } from "../options.ts";
import type {
  ChatMessage,
  ChatOptions,
  GenerateResult,
  PreparedPrompt,
  PrepareOptions,
  SavedSession,
  SessionOptions,
  TemplateOptions,
} from "../types.ts";
import { Generation } from "./generation.ts";
import { fields } from "./opening.ts";
import { chatNames, sessionNames, templateNames } from "./option-names.ts";

/** A message, the text of a user's message, or several messages. */
export type ChatInput = string | ChatMessage | readonly ChatMessage[];

/** Of a chat's options what a conversation does not hold itself. */
export type TurnOptions = Omit<ChatOptions, keyof TemplateOptions>;

const turnNames = chatNames.filter(
  name => !(templateNames as readonly string[]).includes(name),
) as (keyof TurnOptions)[];

/** What a conversation needs of its model. */
interface Answering {
  chat(messages: readonly ChatMessage[], options: ChatOptions): Generation;
  prepare(messages: readonly ChatMessage[], options: PrepareOptions): Promise<PreparedPrompt>;
}

/** What is stored with what was computed. */
export interface SavedPage {
  messages: readonly ChatMessage[];
  template: TemplateOptions;
}

type Save = (name: string, ids: readonly number[], page: SavedPage) => Promise<SavedSession>;

/**
 * A conversation: it keeps the messages, and of each turn only what is new is computed, as long as the model's cache has room.
 * Turns run one after the other. Forks share what was computed before them.
 */
export class ChatSession {
  readonly #model: Answering;
  readonly #template: TemplateOptions;
  readonly #save: Save;
  #messages: readonly ChatMessage[];
  /** As the model read and wrote them last. */
  #ids: readonly number[];
  #turn: Promise<unknown> = Promise.resolve();

  /**
   * Made by `model.session()`, `model.restore()` and `fork()`.
   * @internal
   */
  constructor(
    model: Answering,
    save: Save,
    { messages, template, ids }: SavedPage & { ids: readonly number[] },
  ) {
    this.#model = model;
    this.#save = save;
    this.#messages = messages;
    this.#template = template;
    this.#ids = ids;
  }

  /** The conversation so far, answers included. */
  get messages(): readonly ChatMessage[] {
    return this.#messages;
  }

  /**
   * Adds messages and answers them; the answer becomes the next message, as far as it came where it was broken off. A turn that fails
   * leaves the conversation as it was. Failures as with `model.chat`.
   */
  chat(input: ChatInput, options: TurnOptions = {}): Generation {
    const early = new AbortController();
    return new Generation(
      deliver =>
        this.#inTurn(async () => {
          early.signal.throwIfAborted();
          const { signal, ...rest } = known(options, turnNames);
          const messages = [...this.#messages, ...toMessages(input)];
          const either = signal ? AbortSignal.any([signal, early.signal]) : early.signal;
          const answer = this.#model.chat(messages, { ...rest, ...this.#template, signal: either });
          for await (const chunk of answer) deliver(chunk);
          const result = await answer;
          this.#messages = [...messages, asMessage(result)];
          this.#ids = [...result.promptIds, ...result.ids];
          return result;
        }),
      () => early.abort(),
      error => early.signal.aborted && error === early.signal.reason,
    );
  }

  /** Adds messages without an answer, and computes them ahead of the next turn. @throws (as rejection) as `model.prepare` */
  append(input: ChatInput, options: { signal?: AbortSignal } = {}): Promise<PreparedPrompt> {
    return this.#inTurn(async () => {
      const { signal } = known(options, ["signal"]);
      const messages = [...this.#messages, ...toMessages(input)];
      const prepared = await this.#model.prepare(messages, {
        ...this.#template,
        ...(signal && { signal }),
      });
      this.#messages = messages;
      this.#ids = prepared.promptIds;
      return prepared;
    });
  }

  /** The same conversation once more, to go on in another way; takes no memory of its own until then. Waits for a turn under way. */
  fork(): Promise<ChatSession> {
    return this.#inTurn(
      async () => new ChatSession(this.#model, this.#save, { ...this.#page(), ids: this.#ids }),
    );
  }

  /**
   * Keeps messages and what was computed of them in IndexedDB, for `model.restore(name)` after a reload. Replaces what has that name.
   * @throws (as rejection) InputError `option`, StorageError; DisposedError
   */
  save(name: string): Promise<SavedSession> {
    return this.#inTurn(() => this.#save(name, this.#ids, this.#page()));
  }

  #page(): SavedPage {
    return { messages: this.#messages, template: this.#template };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }
}

/** @throws InputError `option` */
export function readSessionOptions(options: SessionOptions): SavedPage & { ids: readonly number[] } {
  const { messages = [], ...template } = known(options, sessionNames);
  check("messages", messages, [Array.isArray, "a list of messages"]);
  return {
    messages: plain(messages, "messages") as ChatMessage[],
    template: fields(template),
    ids: [],
  };
}

function toMessages(input: ChatInput): readonly ChatMessage[] {
  if (typeof input === "string") return [{ role: "user", content: input }];
  if (typeof input !== "object" || input === null)
    throw refused("input", input, "a text, a message or a list of messages");
  const messages = plain(input, "input");
  return Array.isArray(messages) ? messages : [messages as ChatMessage];
}

function asMessage({ text, reasoning }: GenerateResult): ChatMessage {
  return { role: "assistant", content: text, ...(reasoning && { reasoning_content: reasoning }) };
}
