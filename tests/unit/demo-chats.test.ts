/** The demo's chats as data: the tree, the file, the store. */
import "fake-indexeddb/auto";
import { createStore, set } from "idb-keyval";
import { beforeEach, describe, expect, test } from "vitest";
import { type ChatData, type Message, merged, newChat, titleOf } from "../../demo/chats/chat-data.ts";
import {
  ChatFileError,
  checkChat,
  exportText,
  parseChats,
  readChatFile,
} from "../../demo/chats/chat-file.ts";
import { ChatStore } from "../../demo/chats/chat-store.ts";
import { ChatTree } from "../../demo/chats/chat-tree.ts";

/** Asks and answers, with texts. */
function say(tree: ChatTree, question: string, text: string): void {
  tree.touch(tree.answer(tree.ask(question), "tiny"), { text, state: "stop" });
}

function talk(): ChatTree {
  const tree = new ChatTree(newChat());
  say(tree, "one?", "One.");
  say(tree, "two?", "Two.");
  return tree;
}

const texts = (tree: ChatTree) => tree.path.map(({ text }) => text);
const at = (tree: ChatTree, index: number): Message => tree.path[index]!;

function question(tree: ChatTree, index: number) {
  const message = at(tree, index);
  if (message.role !== "user") throw new Error("No question.");
  return message;
}

describe("the tree", () => {
  test("an edit and a second answer are siblings, and what follows is seen in its own branch alone", () => {
    const tree = talk();
    const first = question(tree, 0);
    tree.touch(tree.answer(tree.edit(first, "uno?"), "tiny"), { text: "Uno." });
    expect(texts(tree)).toEqual(["uno?", "Uno."]);
    expect(tree.siblings(first)).toHaveLength(2);
    tree.touch(tree.answer(first, "tiny"), { text: "One, again." });
    expect(texts(tree)).toEqual(["one?", "One, again."]);
    tree.select(tree.siblings(at(tree, 1))[0]!.id);
    expect(texts(tree)).toEqual(["one?", "One.", "two?", "Two."]);
  });

  test("a question that came to nothing is replaced, not kept as a version", () => {
    const tree = talk();
    tree.touch(tree.answer(tree.ask("too long"), "tiny"), { state: "failed", problem: "Too long." });
    const failed = question(tree, 4);
    const again = tree.answer(tree.edit(failed, "short"), "other");
    expect(texts(tree)).toEqual(["one?", "One.", "two?", "Two.", "short", ""]);
    expect(tree.siblings(failed)).toHaveLength(1);
    expect(again).toMatchObject({ state: "answering", problem: "", model: "other" });
  });

  test("the model sees the branch up to the answer, without questions that nobody answered", () => {
    const tree = talk();
    tree.touch(tree.answer(tree.ask("nothing?"), "tiny"), { state: "abort" });
    const answer = tree.answer(tree.ask("three?"), "tiny");
    expect(tree.messagesBefore(answer, " Be brief. ").map(({ role, content }) => [role, content])).toEqual([
      ["system", "Be brief."],
      ["user", "one?"],
      ["assistant", "One."],
      ["user", "two?"],
      ["assistant", "Two."],
      ["user", "three?"],
    ]);
  });

  test("two versions of a chat together lose nothing, and the later text of a message counts", () => {
    const here = talk();
    const there = new ChatTree(structuredClone(here.data));
    say(here, "here?", "Here.");
    say(there, "there?", "There.");
    const shared = there.get(at(here, 1).id)!;
    Object.assign(shared, { text: "One, later.", changed: shared.changed + 1 });
    const both = merged(here.data, there.data);
    expect(both.messages.map(({ text }) => text).sort()).toEqual(
      ["one?", "One, later.", "two?", "Two.", "here?", "Here.", "there?", "There."].sort(),
    );
    expect(() => checkChat(both, "Both")).not.toThrow();
    here.absorb(there.data);
    expect(texts(here).at(-1)).toBe("Here.");
    expect(here.siblings(at(here, 4))).toHaveLength(2);
  });

  test("a branch that another tab has gone on with goes on here", () => {
    const here = talk();
    const there = new ChatTree(structuredClone(here.data));
    say(there, "three?", "Three.");
    here.absorb(there.data);
    expect(texts(here).at(-1)).toBe("Three.");
  });
});

describe("the file", () => {
  const good = () => JSON.parse(exportText([talk().data]));

  test("what goes out comes in as it was, and nothing besides", () => {
    const { data } = talk();
    const file = JSON.parse(exportText([data]));
    file.chats[0].more = "x";
    const text = JSON.stringify(file).replace('"role":', '"__proto__":{"polluted":true},"role":');
    const chats = parseChats(text);
    expect(chats).toEqual([data]);
    expect(chats[0]!.messages[0]).not.toHaveProperty("polluted");
    expect(titleOf(data)).toBe("one?");
  });

  test.each<[string, (chat: Record<string, never> & ChatData) => unknown, RegExp]>([
    ["a message before its parent", chat => chat.messages.reverse(), /follows a message that is not before/],
    ["two messages of one id", chat => (chat.messages[2]!.id = chat.messages[0]!.id), /id of another one/],
    [
      "an answer to an answer",
      chat => (chat.messages[3]!.parent = chat.messages[1]!.id),
      /cannot stand there/,
    ],
    ["an answer at the root", chat => (chat.messages[1]!.parent = null), /cannot stand there/],
    ["an id that is a path", chat => (chat.id = "../x"), /no id/],
    ["another role", chat => Object.assign(chat.messages[0]!, { role: "system" }), /role/],
    ["another state", chat => Object.assign(chat.messages[1]!, { state: "x" }), /state/],
    ["a text that is none", chat => Object.assign(chat.messages[0]!, { text: {} }), /“text” is not a text/],
    ["a text without end", chat => (chat.messages[0]!.text = "x".repeat(2_000_001)), /2000000 are read/],
    ["a title without end", chat => (chat.title = "x".repeat(121)), /120 are read/],
    ["a date that is none", chat => Object.assign(chat, { updated: "now" }), /no number/],
    ["no messages", chat => Object.assign(chat, { messages: {} }), /not a list/],
  ])("%s is refused, with its place", (_, spoil, words) => {
    const file = good();
    spoil(file.chats[0]);
    expect(() => parseChats(JSON.stringify(file))).toThrow(ChatFileError);
    expect(() => parseChats(JSON.stringify(file))).toThrow(words);
    expect(() => parseChats(JSON.stringify(file))).toThrow(/Chat 1/);
  });

  test("a date in the future does not win over what comes later", () => {
    const file = good();
    file.chats[0].messages[0].changed = 9e15;
    expect(parseChats(JSON.stringify(file))[0]!.messages[0]!.changed).toBeLessThanOrEqual(Date.now());
  });

  test("a file that is too large is not read", async () => {
    const file = new Blob(["x"]);
    Object.defineProperty(file, "size", { value: 65_000_000 });
    Object.defineProperty(file, "text", { value: () => Promise.reject(new Error("It was read.")) });
    await expect(readChatFile(file)).rejects.toThrow(/64 MB are read at most/);
  });

  test.each(["", "[]", "null", '{"format":"intab-chats-2","chats":[]}', '{"format":"intab-chats-1"}'])(
    "%j is refused",
    text => expect(() => parseChats(text)).toThrow(ChatFileError),
  );
});

describe("the store", () => {
  const open = (heard: string[] = []) => new ChatStore(id => heard.push(id));

  beforeEach(async () => {
    const store = open();
    for (const { id } of await store.all()) await store.remove(id);
  });

  test("two tabs that write the same chat lose nothing", async () => {
    const [one, other] = [open(), open()];
    const here = talk();
    await one.save(here.data);
    const there = new ChatTree((await other.read(here.data.id))!);
    say(here, "here?", "Here.");
    say(there, "there?", "There.");
    await Promise.all([one.save(here.data), other.save(there.data)]);
    const stored = (await one.read(here.data.id))!;
    expect(stored.messages).toHaveLength(8);
  });

  test("a chat that another tab has deleted is not written again, unless it is put back", async () => {
    const heard: string[] = [];
    const [one, other] = [open(heard), open()];
    const { data } = talk();
    expect(await one.save(data)).toBe(true);
    await other.remove(data.id);
    expect(await one.save(data)).toBe(false);
    expect(await one.read(data.id)).toBeNull();
    await other.add(data);
    expect(await one.save(data)).toBe(true);
    await expect.poll(() => heard).toEqual([data.id, data.id]);
  });

  test("a chat without anything in it leaves no record", async () => {
    const store = open();
    expect(await store.save(newChat())).toBe(false);
    expect((await store.list()).chats).toEqual([]);
  });

  test("a record that cannot be read is counted and left alone", async () => {
    const store = open();
    const { data } = talk();
    await store.save(data);
    await set("strange", { id: "strange" }, createStore("intab-chats", "chats"));
    expect(await store.list()).toEqual({
      chats: [{ id: data.id, title: "one?", updated: data.updated }],
      unreadable: 1,
    });
    expect(await store.read("strange")).toBeNull();
  });
});
