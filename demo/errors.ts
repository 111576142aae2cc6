/** Every failure as a person should read it: what happened, to which model, what to do next, and a button where one can do it. */
import { IntabError } from "intab";
import { shownAddress } from "./address.ts";
import { BUILT_IN, isFrom, type Source } from "./catalog.ts";
import { WORDS, type Words } from "./error-words.ts";
import { bytes, integer } from "./format.ts";
import type { Remedy } from "./remedies.ts";

export interface Explained {
  /** `IntabError.code`, or `unexpected`. */
  code: string;
  title: string;
  /** Which model, and which file of it; absent or empty where that is not known. */
  subject?: string;
  /** What happened, with values: the engine's own words. */
  message: string;
  /** What to do next. */
  advice: string;
  remedies: readonly Remedy[];
}

/** What the failure is about. */
export interface Circumstances {
  /** What was being loaded, or answers. */
  source?: Source | undefined;
  /** The model that was in use before, and still is. */
  goesOn?: Source | null;
}

export function explain(error: unknown, { source, goesOn = null }: Circumstances = {}): Explained {
  const subject = source ? subjectOf(source) : "";
  if (!(error instanceof IntabError)) {
    return {
      code: "unexpected",
      title: "Something unexpected went wrong",
      subject,
      message: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
      advice: "Try again; if it comes back, reload the page. Stored models stay.",
      remedies: ["retry", "reload-page"],
    };
  }
  const { code, message, details } = error;
  const [title, advice, ...remedies] = fitted(wordsOf(error), code, source);
  const kept = Number(details.storedBytes ?? 0);
  const { tokens, contextLength } = details;
  const sentences = [
    code === "prompt-too-long" &&
      `It takes ${integer(Number(tokens))} tokens, and ${integer(Number(contextLength))} fit.`,
    advice,
    kept > 0 && `What was downloaded is kept (${bytes(kept)}): the next attempt goes on from there.`,
    goesOn && `Until then, ${goesOn.title} goes on answering.`,
  ];
  return {
    code,
    title,
    subject,
    message,
    advice: sentences.filter(Boolean).join(" "),
    remedies: remedies.filter(remedy => remedy !== "built-in" || !isBuiltIn(goesOn)),
  };
}

const UNKNOWN: Words = ["The model could not be used", "Try again.", "retry", "built-in"];

function wordsOf({ code, details }: IntabError): Words {
  if (code === "http-status") return explainStatus(details.status);
  if (code !== "option") return WORDS[code] ?? UNKNOWN;
  if (details.option === "source") return WORDS.address ?? UNKNOWN;
  if (details.option === "token") {
    return ["The access token cannot be used", "Copy it again: it starts with hf_.", "access-token", "retry"];
  }
  const [title, ...rest] = WORDS.option ?? UNKNOWN;
  return [
    typeof details.option === "string" ? `The setting ${details.option} cannot be used` : title,
    ...rest,
  ];
}

/** An answer of a server in words: what it means and what helps differ too much for one text. */
function explainStatus(status: unknown): Words {
  if (status === 404 || status === 410) {
    return [
      "There is no file at this address",
      "Check the address for typing errors.",
      "show-address",
      "built-in",
    ];
  }
  if (status === 401 || status === 403) {
    const advice =
      "A model behind a login cannot be loaded by its address: download it, then pick the file here.";
    return ["The server does not give this file to everyone", advice, "other-file", "built-in"];
  }
  return [
    `The server answered with an error${typeof status === "number" ? ` (${status})` : ""}`,
    "It may be busy or out of order. Try again in a while.",
    "retry",
    "built-in",
  ];
}

/** What makes no sense for this kind of source is left out, or said otherwise. */
function fitted(words: Words, code: string, source: Source | undefined): Words {
  const [title, advice, ...remedies] = words;
  if (!source) return words;
  if (typeof source.from !== "string") {
    const damaged = remedies.includes("download-again");
    const text = damaged
      ? "The file on this device is damaged or incomplete: get it again from where it came from, then choose it anew."
      : advice;
    // "other-file" is among the remedies of all damage but that of stored data, which a file has none of.
    return [title, text, ...remedies.filter(remedy => remedy !== "download-again")];
  }
  if (!isBuiltIn(source)) return words;
  // Served with the page: neither a typing error nor another file is what went wrong.
  const missing = code === "http-status" || code === "network";
  const text = missing
    ? "The built-in model is served with this page. Try again; if it comes back, load another model."
    : advice;
  const useful = remedies.filter(remedy => !["built-in", "show-address", "other-file"].includes(remedy));
  if (!remedies.includes("built-in")) return [title, text, ...useful];
  return [title, text, ...(useful.length > 0 ? useful : (["retry"] as const)), "show-gallery"];
}

function isBuiltIn(source: Source | null | undefined): boolean {
  return isFrom(BUILT_IN, source?.from);
}

/** "SmolLM2-135M: hf:owner/repo", "tiny.gguf (12.7 MB)". */
function subjectOf({ from, title }: Source): string {
  if (typeof from === "string") {
    const address = shownAddress(from);
    return address === "" || address.endsWith(`/${title}`) ? address || title : `${title}: ${address}`;
  }
  const files = from instanceof File ? [from] : from;
  return files.map(({ name, size }) => `${name} (${bytes(size)})`).join(", ");
}
