/** The turns of a chat as data, and what of them the model gets to see. */
import type { ChatMessage, FinishReason, Timings } from "intab";

export interface Turn {
  user: string;
  answer: string;
  /** What the model thought aloud before it; never shown to it again. */
  reasoning: string;
  /** `failed` = an error ended it. */
  state: "answering" | FinishReason | "failed";
  timings: Timings | null;
}

export class Conversation {
  readonly turns: Turn[] = [];

  add(user: string): Turn {
    const turn: Turn = { user, answer: "", reasoning: "", state: "answering", timings: null };
    this.turns.push(turn);
    return turn;
  }

  /** The last turn, ready to be answered once more. */
  again(): Turn | undefined {
    const turn = this.turns.at(-1);
    if (turn) Object.assign(turn, { answer: "", reasoning: "", state: "answering", timings: null });
    return turn;
  }

  clear(): void {
    this.turns.length = 0;
  }

  /** Messages of all turns so far. */
  messages(system: string): ChatMessage[] {
    return this.#before(undefined, system);
  }

  /** Messages up to and with the question of `turn`. */
  messagesFor(turn: Turn, system: string): ChatMessage[] {
    return [...this.#before(turn, system), { role: "user", content: turn.user }];
  }

  /** Turns that never got an answer are left out: roles must alternate. */
  #before(turn: Turn | undefined, system: string): ChatMessage[] {
    const messages: ChatMessage[] = system.trim() === "" ? [] : [{ role: "system", content: system.trim() }];
    for (const earlier of this.turns) {
      if (earlier === turn) break;
      if (earlier.answer === "") continue;
      messages.push({ role: "user", content: earlier.user }, { role: "assistant", content: earlier.answer });
    }
    return messages;
  }
}
