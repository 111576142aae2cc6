/**
 * Chats as a JSON file, out and in. What comes in may be anything: it is bounded and checked field by field before any of
 * it is used, and so is what the browser's storage holds.
 */
import { type Answer, type ChatData, type Figures, MAX_TITLE, type Message } from "./chat-data.ts";

const FORMAT = "intab-chats-1";

/** Bytes. Some 40 times the longest book; as text and as objects it takes a few times that memory. */
export const MAX_FILE = 64_000_000;
/** The list shows them all, without a search. */
const MAX_CHATS = 2000;
/** Of one chat: years of a conversation, or a loop in whatever wrote the file. */
const MAX_MESSAGES = 20_000;
/** UTF-16 units of one text: more than any context holds, little enough to lay out. */
const MAX_TEXT = 2_000_000;
const ID = /^[\w-]{1,64}$/;
const STATES: readonly string[] = [
  "answering",
  "stop",
  "length",
  "abort",
  "failed",
] satisfies Answer["state"][];

/** A file that holds no chats, or chats that cannot be right. The message says where, in words for the page. */
export class ChatFileError extends Error {
  override name = "ChatFileError";
}

export function exportText(chats: readonly ChatData[]): string {
  return `${JSON.stringify({ format: FORMAT, exported: new Date().toISOString(), chats }, null, 1)}\n`;
}

/** @throws ChatFileError */
export async function readChatFile(file: Blob): Promise<ChatData[]> {
  if (file.size > MAX_FILE)
    throw new ChatFileError(
      `The file has ${Math.ceil(file.size / 1e6)} MB; ${MAX_FILE / 1e6} MB are read at most.`,
    );
  return parseChats(await file.text());
}

/** @throws ChatFileError */
export function parseChats(text: string): ChatData[] {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new ChatFileError("This is not a JSON file. Choose one that “Export” wrote.", { cause: error });
  }
  const { format, chats } = fieldsOf(file, "The file");
  if (format !== FORMAT)
    throw new ChatFileError(`This file holds no chats of intab: its “format” is not “${FORMAT}”.`);
  const list = listOf(chats, "“chats”", MAX_CHATS).map((chat, index) => checkChat(chat, `Chat ${index + 1}`));
  if (new Set(list.map(({ id }) => id)).size < list.length)
    throw new ChatFileError("Two chats of the file have the same id.");
  return list;
}

/**
 * @param name how an error calls it
 * @returns a copy that holds what a chat has, and nothing else
 * @throws ChatFileError
 */
export function checkChat(value: unknown, name: string): ChatData {
  const { id, title, system, leaf, updated, messages } = fieldsOf(value, name);
  const known = new Map<string, Message>();
  for (const [index, item] of listOf(messages, `${name}: “messages”`, MAX_MESSAGES).entries()) {
    const where = `${name}, message ${index + 1}`;
    const message = checkMessage(item, where);
    if (known.has(message.id)) throw new ChatFileError(`${where} has the id of another one.`);
    checkParent(message, known, where);
    known.set(message.id, message);
  }
  const last = [...known.keys()].at(-1) ?? null;
  return {
    id: idOf(id, name),
    title: title === null ? null : textOf(title, `${name}: “title”`, MAX_TITLE),
    system: system === null ? null : textOf(system, `${name}: “system”`, MAX_TEXT),
    leaf: typeof leaf === "string" && known.has(leaf) ? leaf : last,
    updated: timeOf(updated, name),
    messages: [...known.values()],
  };
}

/** Parents come first, so that there are no circles; questions follow answers, answers follow questions. */
function checkParent({ parent, role }: Message, known: ReadonlyMap<string, Message>, where: string): void {
  const before = parent === null ? undefined : known.get(parent);
  if (parent !== null && !before)
    throw new ChatFileError(`${where} follows a message that is not before it.`);
  if ((before?.role ?? "assistant") === role)
    throw new ChatFileError(`${where}: a ${role} message cannot stand there.`);
}

function checkMessage(value: unknown, where: string): Message {
  const fields = fieldsOf(value, where);
  const { role, parent } = fields;
  const node = {
    id: idOf(fields.id, where),
    parent: parent === null ? null : idOf(parent, `${where}: “parent”`),
    text: textOf(fields.text, `${where}: “text”`, MAX_TEXT),
    changed: timeOf(fields.changed, where),
  };
  if (role === "user") return { ...node, role };
  if (role !== "assistant")
    throw new ChatFileError(`${where} has neither “user” nor “assistant” as its role.`);
  const state = STATES.find(known => known === fields.state);
  if (state === undefined) throw new ChatFileError(`${where} has an unknown “state”.`);
  return {
    ...node,
    role,
    reasoning: textOf(fields.reasoning, `${where}: “reasoning”`, MAX_TEXT),
    state: state as Answer["state"],
    model: textOf(fields.model, `${where}: “model”`, 1000),
    figures: fields.figures === null ? null : figuresOf(fields.figures, where),
    problem: textOf(fields.problem, `${where}: “problem”`, 10_000),
  };
}

function figuresOf(value: unknown, where: string): Figures {
  const { tokens, firstTokenMs, tokensPerSecond } = fieldsOf(value, `${where}: “figures”`);
  return {
    tokens: numberOf(tokens, where),
    firstTokenMs: numberOf(firstTokenMs, where),
    tokensPerSecond: numberOf(tokensPerSecond, where),
  };
}

function fieldsOf(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new ChatFileError(`${name} is not an object.`);
  return value as Record<string, unknown>;
}

function listOf(value: unknown, name: string, most: number): unknown[] {
  if (!Array.isArray(value)) throw new ChatFileError(`${name} is not a list.`);
  if (value.length > most)
    throw new ChatFileError(`${name} has ${value.length} entries; ${most} are read at most.`);
  return value;
}

function textOf(value: unknown, name: string, most: number): string {
  if (typeof value !== "string") throw new ChatFileError(`${name} is not a text.`);
  if (value.length > most)
    throw new ChatFileError(`${name} has ${value.length} characters; ${most} are read at most.`);
  return value;
}

function idOf(value: unknown, name: string): string {
  if (typeof value !== "string" || !ID.test(value))
    throw new ChatFileError(`${name} has no id that can be used.`);
  return value;
}

function numberOf(value: unknown, name: string): number {
  if (typeof value !== "number" || !Number.isFinite(value) || value < 0)
    throw new ChatFileError(`${name} has a figure that is no number from 0 up.`);
  return value;
}

/** A date in the future would win over every later change: it becomes now. */
function timeOf(value: unknown, name: string): number {
  return Math.min(numberOf(value, name), Date.now());
}
