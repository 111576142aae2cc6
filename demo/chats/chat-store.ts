/**
 * The chats in IndexedDB, one record each, in a database of their own. Tabs do not lock each other out: a write merges
 * with what is stored in one transaction (`merged`), and a chat that another tab has deleted is not written again.
 */
import { createStore, del, get, promisifyRequest, set, values } from "idb-keyval";
import { type ChatData, isBlank, merged, titleOf } from "./chat-data.ts";
import { ChatFileError, checkChat } from "./chat-file.ts";

/** A line of the list. */
export interface ChatSummary {
  id: string;
  title: string;
  /** When something was last said, in milliseconds since 1970. */
  updated: number;
}

export class ChatStore {
  readonly #store = createStore("intab-chats", "chats");
  readonly #channel = new BroadcastChannel("intab-chats");
  /** Chats that are known to have been stored: one of these that is gone was deleted. */
  readonly #stored = new Set<string>();

  /** @param onForeign another tab stored or deleted this chat */
  constructor(onForeign: (id: string) => void) {
    this.#channel.addEventListener("message", ({ data }) => {
      if (typeof data === "string") onForeign(data);
    });
  }

  /** All chats, and how many records could not be read. */
  async list(): Promise<{ chats: ChatSummary[]; unreadable: number }> {
    const { chats, records } = await this.#readAll();
    for (const { id } of chats) this.#stored.add(id);
    const summaries = chats.map(chat => ({ id: chat.id, title: titleOf(chat), updated: chat.updated }));
    return { chats: summaries, unreadable: records - chats.length };
  }

  async all(): Promise<ChatData[]> {
    return (await this.#readAll()).chats;
  }

  async read(id: string): Promise<ChatData | null> {
    const record = await get<unknown>(id, this.#store);
    if (record !== undefined) this.#stored.add(id);
    return record === undefined ? null : readRecord(record);
  }

  /**
   * Stores a chat, merged with what another tab has stored of it.
   * @returns whether it is stored now: one without anything in it leaves no record, nor does one that was deleted
   */
  async save(chat: ChatData): Promise<boolean> {
    if (isBlank(chat) && !this.#stored.has(chat.id)) return false;
    // a copy: the chat goes on growing while the transaction waits for its turn
    const mine = structuredClone(chat);
    const written = await this.#store("readwrite", async store => {
      const old: unknown = await promisifyRequest(store.get(mine.id));
      if (old === undefined && this.#stored.has(mine.id)) return false;
      const stored = old === undefined ? null : readRecord(old);
      await promisifyRequest(store.put(stored ? merged(mine, stored) : mine, mine.id));
      return true;
    });
    if (!written) return false;
    this.#stored.add(mine.id);
    this.#channel.postMessage(mine.id);
    return true;
  }

  /** Stores a chat that is new here, or one again that was deleted. */
  async add(chat: ChatData): Promise<void> {
    await set(chat.id, chat, this.#store);
    this.#stored.add(chat.id);
    this.#channel.postMessage(chat.id);
  }

  async remove(id: string): Promise<void> {
    await del(id, this.#store);
    this.#stored.add(id);
    this.#channel.postMessage(id);
  }

  async #readAll(): Promise<{ chats: ChatData[]; records: number }> {
    const records = await values<unknown>(this.#store);
    const chats = records.map(record => readRecord(record)).filter(record => record !== null);
    return { chats, records: records.length };
  }
}

/** `null` for what another version wrote, or a person: it is left where it is. */
function readRecord(record: unknown): ChatData | null {
  try {
    return checkChat(record, "A stored chat");
  } catch (error) {
    if (error instanceof ChatFileError) return null;
    throw error;
  }
}
