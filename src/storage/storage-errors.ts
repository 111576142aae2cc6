import { StorageError } from "../errors.ts";

export function unavailable(why: string, cause: unknown): StorageError {
  return new StorageError(
    "storage-unavailable",
    `Models cannot be stored here: ${why}. Private windows, blocked cookies and sandboxed frames switch storage off: ` +
      "use a normal window, allow storage for this site, or load the model from a File, which needs no storage.",
    { cause, details: { why } },
  );
}

export function blocked(waitedMs: number): StorageError {
  return new StorageError(
    "blocked",
    `The database of stored models did not open within ${waitedMs / 1000} s: something else is deleting or changing it, and waits for ` +
      "a tab or worker that has it open. Close this site's other tabs, then try again; nothing that is stored is lost by this wait.",
    { details: { waitedMs } },
  );
}
