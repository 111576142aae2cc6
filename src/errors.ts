/**
 * Every failure that intab names. Each error has a stable `code`, says what happened with which values, and what to
 * do next; `details` carries the same values as plain data. Class, `code`, `details` and `cause` survive the way from
 * the worker to the page (see `boundary/errors.ts`).
 *
 * A cancelled call is not in this list: `load()`, `logits()` and the like reject with the signal's own reason (a
 * `DOMException` named `AbortError` unless the caller gave another), as `fetch` does; a generation does not fail, its
 * result says `finishReason: "abort"`.
 */

/** Plain data that explains an error: numbers, strings, lists of them. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;

export interface ErrorFields {
  details?: ErrorDetails;
  cause?: unknown;
}

/** Base of all errors that intab throws on purpose. */
export class IntabError extends Error {
  override name = "IntabError";
  /** Stable, machine-readable reason, such as `"quota-exceeded"`. */
  readonly code: string;
  readonly details: ErrorDetails;

  constructor(code: string, message: string, { details = {}, cause }: ErrorFields = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
  }
}

/** No usable WebGPU: `no-webgpu`, `no-adapter`, `no-device`, `no-timestamps`; no browser at all: `no-worker`. */
export class GpuUnavailableError extends IntabError {
  override name = "GpuUnavailableError";
}

/** The GPU went away or failed in mid-work: `device-lost`, `gpu-error`. Load the model again. */
export class DeviceLostError extends IntabError {
  override name = "DeviceLostError";
}

/** The model does not fit: `gpu-memory`, `adapter-limit`. Raised before the download where possible. */
export class DoesNotFitError extends IntabError {
  override name = "DoesNotFitError";
}

/** The bytes are not a sound GGUF file: `not-gguf`, `bad-gguf`, `truncated`, `corrupt`, `file-unreadable`; its weights
 * give `not-finite` numbers; of a model in several files:
 * `split-missing`, `split-duplicate`, `split-mismatch`. */
export class ModelFormatError extends IntabError {
  override name = "ModelFormatError";
}

/** A sound file that this version cannot run: `architecture`, `tensor-type`, `tokenizer`, `gguf-version`, `shape`,
 * `rope-scaling`. */
export class UnsupportedModelError extends IntabError {
  override name = "UnsupportedModelError";
}

/** The network or the server failed: `http-status`, `network`, `no-ranges`, `no-size`, `bad-range`, `changed-on-server`;
 * of the Hugging Face Hub: `hub-access`, `hub-not-found`, `no-gguf`, `no-such-quant`. */
export class DownloadError extends IntabError {
  override name = "DownloadError";
}

/** Browser storage failed: `quota-exceeded`, `storage-unavailable`, `blocked` (its database is being deleted), `in-use`. */
export class StorageError extends IntabError {
  override name = "StorageError";
}

/**
 * The caller's input cannot be used: `option`, `prompt-too-long`, `token-id`, `chat-template`, `messages`,
 * `not-generative`, `not-a-reranker`; of what was saved: `not-saved`, `other-model`, `not-restorable`.
 */
export class InputError extends IntabError {
  override name = "InputError";
}

/** The model was disposed: `disposed`; or its worker died or could not start: `worker-failed`. */
export class DisposedError extends IntabError {
  override name = "DisposedError";
}

/** The classes by name, for reviving an error that crossed the worker boundary. */
export const errorClasses: Readonly<
  Record<string, new (code: string, message: string, fields?: ErrorFields) => IntabError>
> = {
  IntabError,
  GpuUnavailableError,
  DeviceLostError,
  DoesNotFitError,
  ModelFormatError,
  UnsupportedModelError,
  DownloadError,
  StorageError,
  InputError,
  DisposedError,
};
