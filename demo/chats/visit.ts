/** What a reload of this tab keeps: which chat shows, and what stands unsent in the field. */

const CURRENT = "intab.chat";
const draftKey = (id: string) => `intab.draft.${id}`;

export function readCurrent(): string | null {
  return sessionStorage.getItem(CURRENT);
}

export function writeCurrent(id: string): void {
  sessionStorage.setItem(CURRENT, id);
}

export function readDraft(id: string): string {
  return sessionStorage.getItem(draftKey(id)) ?? "";
}

export function writeDraft(id: string, text: string): void {
  try {
    if (text === "") sessionStorage.removeItem(draftKey(id));
    else sessionStorage.setItem(draftKey(id), text);
  } catch (error) {
    // megabytes of pasted text: they stay in the field, but a reload loses them
    if (!(error instanceof DOMException && error.name === "QuotaExceededError")) throw error;
    sessionStorage.removeItem(draftKey(id));
  }
}
