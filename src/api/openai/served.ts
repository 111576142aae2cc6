/** What is served, and what all endpoints need. */
import type { Model } from "../../page/model.ts";
import type { Fields } from "./fields.ts";

/** What of a model the endpoints use. */
export type ServedModel = Pick<
  Model,
  "info" | "chat" | "generate" | "embed" | "rerank" | "tokenize" | "detokenize" | "renderChat"
>;

/** A request that was read. */
export interface Call {
  /** The name that the request has for the model. */
  name: string;
  model: ServedModel;
  fields: Fields;
  /** The caller's signal, or the end of whoever reads a stream. */
  signal: AbortSignal;
}

const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

export function randomId(prefix: string, length = 24): string {
  const numbers = crypto.getRandomValues(new Uint8Array(length));
  return prefix + Array.from(numbers, number => LETTERS[number % LETTERS.length]).join("");
}

/** Seconds since 1970. */
export const now = (): number => Math.floor(Date.now() / 1000);
