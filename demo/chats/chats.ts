/** The chats of this browser: which one shows, what is stored, and what can be done with the others. */
import type { Chat } from "../chat.ts";
import type { Composer } from "../composer.ts";
import { h } from "../dom.ts";
import { type ChatData, MAX_TITLE, newChat, titleOf } from "./chat-data.ts";
import { ChatFileError, exportText, readChatFile } from "./chat-file.ts";
import { ChatList } from "./chat-list.ts";
import { ChatStore, type ChatSummary } from "./chat-store.ts";
import { readCurrent, readDraft, writeCurrent, writeDraft } from "./visit.ts";

export class Chats {
  readonly #chat: Chat;
  readonly #composer: Composer;
  /** Another chat shows. */
  readonly #onOpened: () => void;
  readonly #store = new ChatStore(id => this.#guard(() => this.#foreign(id)));
  readonly #list: ChatList;
  readonly #summaries = new Map<string, ChatSummary>();
  #removed: ChatData | null = null;
  /** Another tab has changed the chat that shows while it was answering here. */
  #missed = false;
  /** Writes happen one after the other. */
  #saving: Promise<void> = Promise.resolve();

  constructor(chat: Chat, composer: Composer, onOpened: () => void) {
    this.#chat = chat;
    this.#composer = composer;
    this.#onOpened = onOpened;
    this.#list = new ChatList({
      onOpen: id => this.#guard(() => this.#open(id)),
      onRename: (id, title) => this.#guard(() => this.#rename(id, title)),
      onExport: id => this.#guard(() => this.#export(id)),
      onRemove: id => this.#guard(() => this.#remove(id)),
      onUndo: () => this.#guard(() => this.#undo()),
      onExportAll: () => this.#guard(() => this.#exportAll()),
      onImport: file => this.#guard(() => this.#import(file)),
    });
  }

  /** Shows the chat of this tab's visit so far, as it was before a reload; else a new one. */
  async start(): Promise<void> {
    this.#draw();
    await this.#guard(async () => {
      const { chats, unreadable } = await this.#store.list();
      for (const chat of chats) this.#summaries.set(chat.id, chat);
      if (unreadable > 0)
        this.#list.showProblem(`${unreadable} of the stored chats cannot be read; they were left alone.`);
    });
    const id = readCurrent();
    const stored = id === null ? null : await this.#guard(() => this.#store.read(id));
    // a chat without a message is not stored, but its draft goes by its id
    const typed = this.#composer.text;
    await this.#show(stored ?? (id === null ? newChat() : { ...newChat(), id }));
    if (typed !== "") this.#composer.text = typed; // by a person who was faster than the storage
  }

  async startNew(): Promise<void> {
    this.#settle();
    await this.#show(newChat());
  }

  /** The chat that shows has changed. */
  changed(chat: ChatData): void {
    const summary = { id: chat.id, title: titleOf(chat), updated: chat.updated };
    this.#saving = this.#saving.then(async () => {
      const stored = await this.#guard(() => this.#store.save(chat));
      if (!stored) return;
      this.#summaries.set(chat.id, summary);
      this.#draw();
      if (this.#missed && !this.#chat.busy) await this.#guard(() => this.#foreign(this.#chat.data.id));
    });
  }

  keepDraft(text: string): void {
    writeDraft(this.#chat.data.id, text);
  }

  async #show(data: ChatData): Promise<void> {
    await this.#chat.open(data);
    writeCurrent(data.id);
    this.#composer.text = readDraft(data.id);
    this.#draw();
    this.#onOpened();
  }

  /** What was said about the last act is out of date, and what it deleted is gone. */
  #settle(): void {
    this.#list.showProblem("");
    this.#removed = null;
  }

  async #open(id: string): Promise<void> {
    this.#settle();
    const data = await this.#store.read(id);
    if (data) await this.#show(data);
    else await this.#forget(id);
  }

  async #rename(id: string, title: string): Promise<void> {
    const data = id === this.#chat.data.id ? this.#chat.data : await this.#store.read(id);
    if (!data) return this.#forget(id);
    data.title = title.slice(0, MAX_TITLE);
    await this.#store.save(data);
    this.#summarise(data);
  }

  async #remove(id: string): Promise<void> {
    // what is still on its way into the storage comes back with "Undo"
    if (id === this.#chat.data.id) await this.#chat.halt();
    await this.#saving;
    const data = await this.#store.read(id);
    if (!data) return this.#forget(id);
    await this.#store.remove(id);
    this.#list.showProblem("");
    this.#removed = data;
    await this.#forget(id);
    this.#list.focusUndo();
  }

  async #undo(): Promise<void> {
    const data = this.#removed;
    if (!data) return;
    await this.#store.add(data);
    this.#removed = null;
    this.#summarise(data);
    this.#list.focus(data.id);
  }

  async #export(id: string): Promise<void> {
    const data = id === this.#chat.data.id ? this.#chat.data : await this.#store.read(id);
    if (data) download([data], titleOf(data));
  }

  async #exportAll(): Promise<void> {
    download(await this.#store.all(), "all chats");
  }

  /** Chats of the file become chats of their own: none that is here is changed, and none comes twice. */
  async #import(file: File): Promise<void> {
    const chats = await readChatFile(file);
    const known = new Map((await this.#store.all()).map(chat => [chat.id, JSON.stringify(chat)]));
    const added = chats
      .filter(chat => known.get(chat.id) !== JSON.stringify(chat))
      .map(chat => (known.has(chat.id) ? { ...chat, id: crypto.randomUUID() } : chat));
    for (const chat of added) await this.#store.add(chat);
    for (const chat of added) this.#summarise(chat);
    const here = chats.length - added.length;
    const parts = [`${added.length} imported`, here > 0 && `${here} already here`];
    this.#list.say(`Chats: ${parts.filter(Boolean).join(", ")}.`);
  }

  /** Another tab has stored or deleted this chat. */
  async #foreign(id: string): Promise<void> {
    const data = await this.#store.read(id);
    if (!data) return this.#forget(id);
    this.#summarise(data);
    if (id !== this.#chat.data.id) return;
    this.#missed = this.#chat.busy;
    if (!this.#missed) this.#chat.absorb(data);
  }

  /** It is not stored any more. */
  async #forget(id: string): Promise<void> {
    this.#summaries.delete(id);
    if (id === this.#chat.data.id) await this.#show(newChat());
    this.#draw();
  }

  #summarise(data: ChatData): void {
    this.#summaries.set(data.id, { id: data.id, title: titleOf(data), updated: data.updated });
    this.#draw();
  }

  #draw(): void {
    const chats = [...this.#summaries.values()].sort((one, other) => other.updated - one.updated);
    const removed = this.#removed && titleOf(this.#removed);
    this.#list.update({ chats, current: this.#chat.data.id, removed });
  }

  /** Storage and files fail in ways that a person can be told; the page goes on without. `null` then. */
  async #guard<T>(work: () => Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof ChatFileError) this.#list.showProblem(error.message);
      else if (error instanceof DOMException) this.#list.showProblem(storageProblem(error));
      else throw error;
      return null;
    }
  }
}

function storageProblem({ name, message }: DOMException): string {
  if (name === "QuotaExceededError")
    return "The browser's storage is full: this chat is not kept. Remove stored models or chats.";
  return `The browser does not store chats here: they last as long as this page. (${message || name})`;
}

function download(chats: readonly ChatData[], name: string): void {
  const address = URL.createObjectURL(new Blob([exportText(chats)], { type: "application/json" }));
  const plain = name
    .replace(/[^\p{L}\p{N}]+/gu, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 60);
  h("a", { href: address, download: `intab-${plain || "chat"}.json` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000); // the browser reads it after this turn
}
