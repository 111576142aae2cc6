import { transferHandlers } from "comlink";
import { type ErrorDetails, errorClasses, IntabError } from "../errors.ts";

/** An error as plain data. */
interface PlainError {
  name: string;
  message: string;
  stack: string | undefined;
  code?: string;
  details?: ErrorDetails;
  cause?: PlainError | { value: string };
}

/** Causes further down than this say nothing new, and a circle would never end. */
const MAX_DEPTH = 4;

function toPlain(error: unknown, depth = 0): PlainError | { value: string } {
  if (!(error instanceof Error) && !(error instanceof DOMException)) {
    const { message } = Object(error) as { message?: unknown }; // a GPUError is no Error
    return { value: typeof message === "string" ? message : String(error) };
  }
  const { name, message, stack } = error;
  const plain: PlainError = { name, message, stack };
  if (error instanceof IntabError) {
    plain.code = error.code;
    plain.details = error.details;
  }
  if (error.cause !== undefined && depth < MAX_DEPTH) plain.cause = toPlain(error.cause, depth + 1);
  return plain;
}

function revive(plain: PlainError | { value: string }): unknown {
  if (!("message" in plain)) return plain.value;
  const { name, message, code, details, stack } = plain;
  const cause = plain.cause === undefined ? undefined : revive(plain.cause);
  const Named = Object.hasOwn(errorClasses, name) ? errorClasses[name] : undefined;
  if (Named && code !== undefined) {
    const error = new Named(code, message, { details: details ?? {}, cause });
    if (stack) error.stack = stack;
    return error;
  }
  if (name === "AbortError" || name === "TimeoutError") return new DOMException(message, name);
  const error = new Error(message, cause === undefined ? undefined : { cause });
  error.name = name;
  if (stack) error.stack = stack;
  return error;
}

/**
 * Comlink's own handler for thrown values keeps name, message and stack and drops the rest. This one keeps class,
 * `code`, `details` and `cause`. To be called on both sides before the first message.
 */
export function reviveErrors(): void {
  const known = transferHandlers.get("throw");
  if (!known) throw new Error("Comlink has no throw handler to replace");
  transferHandlers.set("throw", {
    canHandle: known.canHandle,
    serialize: ({ value }: { value: unknown }) => [toPlain(value), []],
    deserialize: (plain: PlainError | { value: string }) => {
      throw revive(plain);
    },
  });
}
