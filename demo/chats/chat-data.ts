/** A chat as plain data: what is stored, exported and sent between tabs. */
import type { FinishReason } from "intab";

interface Node {
  /** Unique among the messages of its chat. */
  id: string;
  /** The message that it follows; `null` = it begins the conversation. */
  parent: string | null;
  text: string;
  /** When it last changed, in milliseconds since 1970. Of two versions the later one counts. */
  changed: number;
}

export interface Question extends Node {
  role: "user";
}

export interface Answer extends Node {
  role: "assistant";
  /** What the model thought aloud before it; never shown to it again. */
  reasoning: string;
  /** `failed` = an error ended it. */
  state: "answering" | FinishReason | "failed";
  /** Title of the model that gave it. */
  model: string;
  figures: Figures | null;
  /** What went wrong, in the engine's words; empty unless it failed. */
  problem: string;
}

export interface Figures {
  tokens: number;
  /** From the question to the first token, in milliseconds. */
  firstTokenMs: number;
  /** 0 with fewer than two tokens. */
  tokensPerSecond: number;
}

export type Message = Question | Answer;

export interface ChatData {
  id: string;
  /** What a person called it; `null` = named after its first question. */
  title: string | null;
  /** Its system prompt; `null` = the one of the settings. */
  system: string | null;
  /** The message at the end of the branch that shows; `null` = there are none. */
  leaf: string | null;
  /** When something was last said, in milliseconds since 1970. */
  updated: number;
  /** All branches, parents before their children. */
  messages: Message[];
}

/** Names no longer than this, in UTF-16 units: a line of the list shows about 40. */
export const MAX_TITLE = 120;

export function newChat(): ChatData {
  return {
    id: crypto.randomUUID(),
    title: null,
    system: null,
    leaf: null,
    updated: Date.now(),
    messages: [],
  };
}

export function titleOf({ title, messages }: ChatData): string {
  if (title !== null) return title;
  const words = messages
    .find(({ role }) => role === "user")
    ?.text.replace(/\s+/g, " ")
    .trim();
  if (!words) return "New chat";
  return words.length <= 60 ? words : `${words.slice(0, 59).trimEnd()}…`;
}

/** Whether there is anything to keep. */
export function isBlank({ messages, system, title }: ChatData): boolean {
  return messages.length === 0 && system === null && title === null;
}

/**
 * Two versions of one chat as one: the messages of both, of each the later version; name, system prompt and branch of
 * `mine`. So tabs that write the same chat lose nothing that was said.
 */
export function merged(mine: ChatData, other: ChatData): ChatData {
  const messages = new Map(other.messages.map(message => [message.id, message]));
  for (const message of mine.messages) {
    const stored = messages.get(message.id);
    if (!stored || stored.changed <= message.changed) messages.set(message.id, message);
  }
  return { ...mine, messages: [...messages.values()], updated: Math.max(mine.updated, other.updated) };
}
