/** The Hugging Face Hub, or a mirror of it: from `hf:` addresses to URLs, and who gets the access token. */

import { delay } from "../abort.ts";
import { DownloadError, InputError, StorageError } from "../errors.ts";
import { refused } from "../options.ts";
import type { Retry } from "../types.ts";
import { networkFailure, statusFailure, TransientFailure } from "./http-errors.ts";
import { type HubAddress, hubFileUrl, parseHubAddress } from "./hub-address.ts";
import { DEFAULT_QUANTS, fileOf, modelFiles } from "./hub-files.ts";
import { HUB, type StoredFiles, storedFiles } from "./hub-stored.ts";
import { shownUrl } from "./names.ts";
import { DEFAULT_TUNING, type Tuning } from "./tuning.ts";

/** A listing of files. The largest repositories have some ten thousand, at about 100 bytes each. Characters. */
const MAX_LISTING = 8 * 1024 * 1024;

export interface Hub {
  /** Address without a slash at its end. */
  readonly base: string;
  readonly token: string | null;
}

/** @throws InputError `option`, which does not repeat the token */
export function hubOf({ token, hubUrl }: { token?: string | undefined; hubUrl?: string | undefined }): Hub {
  const base = hubUrl ?? HUB;
  const parsed = URL.canParse(base) ? new URL(base) : null;
  const more = parsed && parsed.search + parsed.hash + parsed.username + parsed.password;
  if (!parsed || !/^https?:$/.test(parsed.protocol) || more !== "") {
    throw refused("hubUrl", shownUrl(base), `like ${HUB}`);
  }
  const given = token?.trim() ?? "";
  if (!/^[\x21-\x7e]*$/.test(given)) {
    throw new InputError(
      "option",
      'The option "token" has characters that no access token has. Copy it again from the settings of your account; it starts with "hf_".',
      { details: { option: "token" } },
    );
  }
  return { base: parsed.href.replace(/\/+$/, ""), token: given === "" ? null : given };
}

/** Whether a URL is one of the hub's own: only there the token goes. (Where the hub redirects to, it does not.) */
export const isOnHub = (hub: Hub, url: string): boolean => new URL(url).origin === new URL(hub.base).origin;

/**
 * Headers for a request to `url`: the caller's, and the token where the URL is the hub's. `fetch` itself takes
 * `Authorization` off when it follows a redirect to another origin, as the Fetch Standard has it.
 */
export function hubHeaders(hub: Hub, url: string, headers: Headers): Headers {
  const all = new Headers(headers);
  if (hub.token !== null && isOnHub(hub, url)) all.set("authorization", `Bearer ${hub.token}`);
  return all;
}

export interface ResolveOptions {
  headers: Headers;
  signal: AbortSignal;
  /** Told before each wait for another try. */
  onRetry?: ((retry: Retry) => void) | undefined;
  tuning?: Partial<Tuning> | undefined;
}

export interface ResolvedAddress {
  readonly url: string;
  /** The hub's list of files led to it, with no quantisation asked for: the cache notes it, and the next load asks nobody. */
  readonly chosen: boolean;
}

/**
 * The URL that an `hf:` address stands for. The hub is not asked where the cache holds a whole model of the quantisation
 * that is asked for, or the one that was chosen last time; where the hub cannot be reached, whichever file of the repository
 * the cache has is taken.
 * @throws InputError `option`; DownloadError `network`, `http-status`, `hub-access`, `hub-not-found`, `no-gguf`,
 *   `no-such-quant`; the signal's reason
 */
export async function resolveHubAddress(
  address: string,
  hub: Hub,
  options: ResolveOptions,
): Promise<ResolvedAddress> {
  const parsed = parseHubAddress(address);
  const at = (file: string, chosen = false): ResolvedAddress => ({
    url: hubFileUrl(hub.base, parsed, file),
    chosen,
  });
  if (parsed.file !== null) return at(parsed.file);
  const quants = parsed.quant === null ? DEFAULT_QUANTS : [parsed.quant];
  const { files: cached, chosen } = await filesInCache(hub, parsed);
  const known = fileOf(cached, quants.slice(0, 1)) ?? (parsed.quant === null ? chosen : undefined);
  if (known !== undefined) return at(known);
  let files: string[];
  try {
    files = modelFiles(await listFiles(hub, parsed, cached.length > 0 ? 1 : undefined, options));
  } catch (error) {
    const offline = error instanceof DownloadError && error.code === "network";
    const instead = offline ? fileOf(cached, quants) : undefined;
    if (instead === undefined) throw error;
    return at(instead);
  }
  const file = fileOf(files, quants) ?? (parsed.quant === null ? files[0] : undefined);
  if (file !== undefined) return at(file, parsed.quant === null);
  throw files.length === 0 ? noGguf(hub, parsed) : noSuchQuant(parsed, files);
}

/** Nothing where there is no storage: a header can be read without. */
async function filesInCache(hub: Hub, address: HubAddress): Promise<StoredFiles> {
  try {
    return await storedFiles(hub.base, address, true);
  } catch (error) {
    if (error instanceof StorageError) return { files: [], chosen: undefined };
    throw error;
  }
}

async function listFiles(
  hub: Hub,
  { repo, revision }: HubAddress,
  tries: number | undefined,
  { headers, signal, onRetry, tuning }: ResolveOptions,
): Promise<string[]> {
  const url = `${hub.base}/api/models/${repo}/revision/${encodeURIComponent(revision)}`;
  const { tries: usual, retryMs, stallMs } = { ...DEFAULT_TUNING, ...tuning };
  const attempts = tries ?? usual;
  for (let attempt = 1; ; attempt++) {
    try {
      return await list(hub, url, headers, AbortSignal.any([signal, AbortSignal.timeout(stallMs)]));
    } catch (failure) {
      signal.throwIfAborted();
      if (!(failure instanceof TransientFailure)) throw failure;
      if (attempt >= attempts) throw failure.error;
      const waitMs = Math.max(retryMs * 2 ** (attempt - 1), failure.waitMs);
      onRetry?.({ attempt: attempt + 1, attempts, waitMs, reason: failure.error.message });
      await delay(waitMs, signal);
    }
  }
}

async function list(hub: Hub, url: string, headers: Headers, signal: AbortSignal): Promise<string[]> {
  let text: string;
  try {
    const response = await fetch(url, { headers: hubHeaders(hub, url, headers), signal });
    if (!response.ok) throw statusFailure({ url, hub }, response);
    text = await textOf(response);
  } catch (error) {
    if (error instanceof TypeError || (error instanceof DOMException && error.name === "TimeoutError"))
      throw networkFailure(url, 0, error);
    throw error;
  }
  const files = filesIn(text);
  if (files) return files;
  throw new DownloadError(
    "hub-not-found",
    `${shownUrl(url)} answered with something else than a list of files. Check the option "hubUrl", or give the file's own address.`,
    { details: { url } },
  );
}

/** The body's text; nothing of one that is too long to be a listing. */
async function textOf(response: Response): Promise<string> {
  const reader = response.body?.getReader(); // Safari cannot iterate over a stream
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { value, done } = (await reader?.read()) ?? { value: undefined, done: true };
    if (done) return text + decoder.decode();
    text += decoder.decode(value, { stream: true });
    if (text.length <= MAX_LISTING) continue;
    await reader?.cancel();
    return "";
  }
}

function filesIn(text: string): string[] | null {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  const { siblings } = Object(answer) as { siblings?: unknown };
  if (!Array.isArray(siblings)) return null;
  const names = siblings.map(entry => (Object(entry) as { rfilename?: unknown }).rfilename);
  return names.filter(name => typeof name === "string");
}

function noGguf(hub: Hub, { repo, revision }: HubAddress): DownloadError {
  return new DownloadError(
    "no-gguf",
    `${repo} has no .gguf file in its revision ${revision}. Take a repository whose name ends in GGUF: search for the ` +
      `model at ${hub.base}/models?library=gguf.`,
    { details: { repo, revision } },
  );
}

function noSuchQuant({ repo, quant }: HubAddress, files: readonly string[]): DownloadError {
  const shown = files.slice(0, 20);
  const more = files.length > shown.length ? `, and ${files.length - shown.length} more` : "";
  return new DownloadError(
    "no-such-quant",
    `${repo} has no file of the quantisation ${quant}. It has: ${shown.join(", ")}${more}. Ask for one of these, such as ` +
      `hf:${repo}/${files[0]}.`,
    { details: { repo, quant, files } },
  );
}
