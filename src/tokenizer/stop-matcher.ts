/**
 * Finds the first stop string in text that arrives in pieces, and says how much of the text could still become one.
 * One Knuth-Morris-Pratt automaton per stop string: constant work per character whatever the pieces, and the answer
 * does not depend on where they were cut.
 */
import { InputError } from "../errors.ts";

export interface StopMatch {
  stop: string;
  /** Characters of the piece that were read, the last of the stop string included. */
  read: number;
}

export interface StopMatcher {
  /** Reads a piece, up to the first stop string that is complete; of several that end there, the longest. */
  read(piece: string): StopMatch | null;
  /** Length of the longest end of the text so far that a stop string starts with. */
  readonly pending: number;
}

/** Throws `InputError` `option` for an empty stop string, which would match everywhere. */
export function createStopMatcher(stops: readonly string[]): StopMatcher {
  const empty = stops.indexOf("");
  if (empty >= 0) {
    throw new InputError(
      "option",
      `Stop string ${empty} is empty. Leave it out, or give at least one character.`,
      {
        details: { option: "stop", index: empty },
      },
    );
  }
  const patterns = [...stops].sort((a, b) => b.length - a.length);
  const borders = patterns.map(bordersOf);
  const states = new Int32Array(patterns.length);
  let pending = 0;
  return {
    get pending() {
      return pending;
    },
    read(piece) {
      for (let i = 0; i < piece.length; i++) {
        const code = piece.charCodeAt(i);
        for (let p = 0; p < patterns.length; p++) {
          const pattern = patterns[p]!;
          let state = states[p]!;
          while (state > 0 && pattern.charCodeAt(state) !== code) state = borders[p]![state - 1]!;
          if (pattern.charCodeAt(state) === code) state++;
          if (state === pattern.length) return { stop: pattern, read: i + 1 };
          states[p] = state;
        }
      }
      pending = states.reduce((most, state) => Math.max(most, state), 0);
      return null;
    },
  };
}

export interface StopFilter {
  /** The text that is certain now: before any stop string, and nothing that could become one. After one: `""`. */
  push(text: string): string;
  /** The text that was held back. */
  flush(): string;
  /** The stop string that ended the text; `null` as long as none did. */
  readonly stopped: string | null;
}

/** Passes text on up to the first stop string. Throws as `createStopMatcher`. */
export function createStopFilter(stops: readonly string[]): StopFilter {
  const matcher = createStopMatcher(stops);
  let held = "";
  let stopped: string | null = null;
  return {
    get stopped() {
      return stopped;
    },
    push(text) {
      if (stopped !== null) return "";
      const match = matcher.read(text);
      const all = held + text;
      const end = match ? held.length + match.read - match.stop.length : all.length - matcher.pending;
      held = match ? "" : all.slice(end);
      stopped = match?.stop ?? null;
      return all.slice(0, end);
    },
    flush() {
      const rest = held;
      held = "";
      return rest;
    },
  };
}

/** For each prefix of `pattern`, the length of its longest proper border. */
function bordersOf(pattern: string): Int32Array {
  const borders = new Int32Array(pattern.length);
  for (let i = 1, length = 0; i < pattern.length; i++) {
    while (length > 0 && pattern[i] !== pattern[length]) length = borders[length - 1]!;
    if (pattern[i] === pattern[length]) length++;
    borders[i] = length;
  }
  return borders;
}
