/** What a server's reply or its absence means, in words with a next step. */
import { DownloadError, type IntabError, ModelFormatError } from "../errors.ts";
import { shownUrl } from "./names.ts";

/** Whom a request went to. */
export interface Asked {
  readonly url: string;
  /** The hub, where the URL is one of its own. */
  readonly hub?: { readonly base: string; readonly token: string | null } | undefined;
}

/** A failure that may pass: tried again, and thrown as `error` when it stays. */
export class TransientFailure {
  constructor(
    readonly error: IntabError,
    /** The server asks for this pause. Milliseconds. */
    readonly waitMs = 0,
  ) {}
}

/** A longer `Retry-After` is not waited for: the person should hear of it instead. Milliseconds. */
const MAX_RETRY_AFTER_MS = 30_000;

/** The failure that a status other than 206 stands for. */
export function statusFailure({ url, hub }: Asked, response: Response): TransientFailure | IntabError {
  const { status } = response;
  if (status === 200) return wholeFileReply(url, response);
  const refused = hub && hubRefusal(url, hub, response);
  if (refused) return refused;
  const error = new DownloadError(
    "http-status",
    `The server answered ${status}${response.statusText ? ` (${response.statusText})` : ""} for ${shownUrl(url)}. ${remedyFor(status)}`,
    { details: { status, url: shownUrl(url) } },
  );
  if (status < 500 && status !== 408 && status !== 429) return error;
  const seconds = Number(response.headers.get("retry-after") ?? 0);
  const waitMs = Number.isFinite(seconds) ? Math.min(seconds * 1000, MAX_RETRY_AFTER_MS) : 0;
  return new TransientFailure(error, waitMs);
}

/** What the hub means by 401, 403 and 404; `null` for anything else, and for the store that it redirects to. */
function hubRefusal(url: string, hub: NonNullable<Asked["hub"]>, response: Response): DownloadError | null {
  const { status } = response;
  const [owner = "", name = ""] = shownUrl(url)
    .slice(hub.base.length + 1)
    .replace(/^api\/models\//, "")
    .split("/");
  const repo = `${owner}/${name}`;
  if (response.url !== "" && new URL(response.url).origin !== new URL(hub.base).origin) return null;
  const hubCode = response.headers.get("x-error-code") ?? "";
  const details = { status, url: shownUrl(url), repo, hubCode, tokenGiven: hub.token !== null };
  const page = `${hub.base}/${repo}`;
  if (status === 404) {
    const missing =
      hubCode === "RevisionNotFound"
        ? "has no such revision"
        : hubCode === "RepoNotFound"
          ? "is not there"
          : "has no such file";
    const what = `The repository ${repo} ${missing} (404, ${shownUrl(url)}).`;
    return new DownloadError("hub-not-found", `${what} See what there is at ${page}/tree/main.`, { details });
  }
  if (status !== 401 && status !== 403) return null;
  const gated = hubCode === "GatedRepo";
  const why =
    hub.token === null
      ? `${repo} is ${gated ? "gated: its licence has to be accepted first" : "private, gated, or not there at all"}`
      : gated || status === 403
        ? `the access token's account may not read ${repo}, or the token does not cover it`
        : `the access token is not valid, or ${repo} is private or not there at all`;
  const remedy =
    hub.token === null
      ? `Check the name, open ${page} and accept the licence if it asks for that, and give an access token of your account: load(source, { token: "hf_..." }).`
      : `Open ${page} with the token's account and accept the licence if it asks for that; the token needs the right to read gated repositories.`;
  return new DownloadError("hub-access", `The Hub refuses the file (${status}): ${why}. ${remedy}`, {
    details,
  });
}

function remedyFor(status: number): string {
  if (status === 401 || status === 403) {
    return 'The file needs a permission: accept the model\'s licence on its site, and give the access token with `headers: { Authorization: "Bearer ..." }`.';
  }
  if (status === 404 || status === 410) return "Check the URL: there is no file at that address.";
  if (status === 416) return "The file is empty or shorter than its server said before: check it there.";
  if (status === 429) return "Too many requests: wait some minutes, then load again.";
  if (status >= 500) return "The server has a problem: load again later.";
  return "Check the URL in a browser tab.";
}

/** 200 to a request for a range: a web page in place of the file, or a server that cannot send parts. */
function wholeFileReply(url: string, response: Response): IntabError {
  if (response.headers.get("content-type")?.startsWith("text/html")) {
    return new ModelFormatError(
      "not-gguf",
      `${shownUrl(url)} is a web page, not a model file: check the URL ` +
        "(on the Hugging Face Hub, take the link with /resolve/, not /blob/).",
      { details: { url: shownUrl(url) } },
    );
  }
  return new DownloadError(
    "no-ranges",
    `The server of ${shownUrl(url)} sends the whole file only (status 200 to a range request), so a broken download ` +
      'could not go on. Use a server with "Accept-Ranges: bytes", or download the file and pick it from disk.',
    { details: { status: 200, url: shownUrl(url) } },
  );
}

export function noSize(url: string): DownloadError {
  return new DownloadError(
    "no-size",
    `The server of ${shownUrl(url)} does not tell this page how large the file is. ` +
      'Let it send "Access-Control-Expose-Headers: Content-Range, ETag", or download the file and pick it from disk.',
    { details: { url: shownUrl(url) } },
  );
}

export function networkFailure(url: string, offset: number, cause: unknown): TransientFailure {
  const why = (cause instanceof Error ? cause.message : String(cause)).replaceAll(url, shownUrl(url));
  return new TransientFailure(
    new DownloadError(
      "network",
      `No connection to ${shownUrl(url)} at byte ${offset} (${why}). Either the network or the server is down, or the ` +
        "server does not let this page read the file (CORS: it must send Access-Control-Allow-Origin). When that is " +
        "mended, load again.",
      { cause, details: { url: shownUrl(url), offset } },
    ),
  );
}

/** The same failure of a download, with what is stored of it where something is. */
export function keeping(error: unknown, storedBytes: number): unknown {
  if (!(error instanceof DownloadError) || error.code === "changed-on-server" || storedBytes === 0)
    return error;
  const { code, message, details, cause } = error;
  return new DownloadError(
    code,
    `${message} What was downloaded is stored, ${storedBytes} bytes: the next load goes on from there.`,
    { details: { ...details, storedBytes }, cause },
  );
}

export function badRange(url: string, what: string, details: Record<string, string | number>): DownloadError {
  return new DownloadError(
    "bad-range",
    `The server of ${shownUrl(url)} answers range requests wrongly: ${what}. ` +
      "Take the file from another server, or download it and pick it from disk.",
    { details: { url: shownUrl(url), ...details } },
  );
}

export function changedOnServer(url: string, difference: string): DownloadError {
  return new DownloadError(
    "changed-on-server",
    `The file at ${shownUrl(url)} changed during its download (${difference}). Its parts do not fit together and were ` +
      "removed: load again to get the new file from the start.",
    { details: { url: shownUrl(url), difference } },
  );
}
