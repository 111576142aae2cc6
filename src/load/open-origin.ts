/** From what a caller gave to one source of bytes and one checked header: resolves `hf:` addresses, joins split models. */
import type { AddressSettings, PlainOrigin } from "../boundary/protocol.ts";
import { DownloadError, ModelFormatError } from "../errors.ts";
import { type GgufFile, parseGguf } from "../gguf/gguf.ts";
import { joinParts, splitCount } from "../gguf/split.ts";
import { refused } from "../options.ts";
import { openFile } from "../storage/file-source.ts";
import { type Hub, hubOf, resolveHubAddress } from "../storage/hub.ts";
import { isHubAddress } from "../storage/hub-address.ts";
import { JoinedSource } from "../storage/joined-source.ts";
import { freeBytes } from "../storage/memory.ts";
import { cacheKey, checkHeaders, shownUrl } from "../storage/names.ts";
import { openUrl, peekUrl } from "../storage/open-url.ts";
import { partUrls } from "../storage/part-names.ts";
import { headerProgress } from "../storage/progress.ts";
import type { ModelSource } from "../storage/source.ts";
import { type PullBytes, StreamSource } from "../storage/stream-source.ts";
import type { LoadProgress } from "../types.ts";

/** `headerOnly`: nothing is waited for and nothing in the cache is changed, and no more than the header is to be read. */
export type OpenSettings = AddressSettings & {
  headerOnly?: boolean;
};

export interface OpenHooks {
  signal: AbortSignal;
  onProgress(progress: LoadProgress): void;
}

export interface OpenedOrigin {
  source: ModelSource;
  /** Of all parts; offsets count in `source`. */
  file: GgufFile;
}

/**
 * Opens a model and reads its header, of a split one the headers of all parts. Close the source when done.
 * @throws InputError `option`, ModelFormatError, UnsupportedModelError `gguf-version` or `tensor-type`, DownloadError,
 *   StorageError; the signal's reason
 */
export async function openOrigin(
  from: PlainOrigin,
  settings: OpenSettings,
  hooks: OpenHooks,
): Promise<OpenedOrigin> {
  if (typeof from === "function") return openStream(from, hooks);
  const opener = new PartOpener(settings, hooks);
  try {
    const [head, ...others] = await opener.files(Array.isArray(from) ? from : [from as string | Blob]);
    const first = await opener.open(head!);
    // A name may only look like a part's: the header decides.
    const whole =
      opener.isGiven(head!) && !others.some(file => opener.isGiven(file)) && splitCount(first.file) === 1;
    for (const file of whole ? [] : others) await opener.open(file);
    const { file, parts } = joinParts(opener.parts);
    const sources = parts.map(({ source }) => source);
    const source = sources.length === 1 ? sources[0]! : new JoinedSource(sources, hooks.onProgress);
    return { source, file };
  } catch (error) {
    opener.close();
    throw error;
  }
}

async function openStream(pull: PullBytes, hooks: OpenHooks): Promise<OpenedOrigin> {
  const source = new StreamSource(pull, hooks);
  try {
    const file = await readHeader(source, hooks);
    source.endsAt(file.fileBytes);
    return { source, file: joinParts([{ name: "The stream", file }]).file };
  } catch (error) {
    source.close();
    throw error;
  }
}

interface Part {
  name: string;
  source: ModelSource;
  file: GgufFile;
}

class PartOpener {
  readonly parts: Part[] = [];
  readonly #openUrl: typeof openUrl;
  readonly #hub: Hub;
  readonly #headers: Headers;
  readonly #hooks: OpenHooks;
  readonly #cacheKey: string | undefined;
  /** What the cache knows the files at these addresses by, where the caller says so. */
  #keys = new Map<string, string>();
  /** What the Hub's list of files led to. */
  readonly #chosen = new Set<string>();
  /** Addresses that follow from a part's name: nobody has said that there is a file. */
  #derived = new Set<string>();

  constructor({ headers, token, hubUrl, cacheKey, headerOnly }: OpenSettings, hooks: OpenHooks) {
    this.#openUrl = headerOnly ? peekUrl : openUrl;
    this.#hub = hubOf({ token, hubUrl });
    this.#headers = checkHeaders(headers);
    this.#cacheKey = checkCacheKey(cacheKey);
    this.#hooks = hooks;
  }

  /** Every file of the model. Addresses are in the same order whoever asks, so that two loads never wait for each other. */
  async files(from: readonly (string | Blob)[]): Promise<(string | Blob)[]> {
    const files: (string | Blob)[] = [];
    for (const file of from) files.push(typeof file === "string" ? await this.#url(file) : file);
    const [only] = files;
    if (files.length === 1 && typeof only === "string") {
      const parts = partUrls(only);
      this.#derived = new Set(parts.filter(url => url !== only));
      this.#nameKeys(parts);
      return parts;
    }
    // by their keys: a signature must not decide the order, nor make two files of one
    const byKey = new Map<string, string>();
    for (const url of files) {
      if (typeof url !== "string") continue;
      const key = cacheKey(url);
      if (byKey.has(key)) {
        throw new ModelFormatError(
          "split-duplicate",
          `The address ${shownUrl(url)} is given twice. Give each part once.`,
          { details: { url: shownUrl(url) } },
        );
      }
      byKey.set(key, url);
    }
    const urls = [...byKey.keys()].sort().map(key => byKey.get(key)!);
    this.#nameKeys(urls);
    return [...urls, ...files.filter(file => typeof file !== "string")];
  }

  #nameKeys(urls: readonly string[]): void {
    const first = this.#cacheKey;
    if (first === undefined) return;
    for (const [index, url] of urls.entries())
      this.#keys.set(url, index === 0 ? first : `${first} (${index + 1})`);
  }

  /** Whether the caller named this file. */
  isGiven(file: string | Blob): boolean {
    return typeof file !== "string" || !this.#derived.has(file);
  }

  async open(file: string | Blob): Promise<Part> {
    const source = typeof file === "string" ? await this.#openAddress(file) : openFile(file, this.#hooks);
    const part: Part = {
      name: source.name,
      source,
      file: await readHeader(source, this.#hooks).catch(closing(source)),
    };
    this.parts.push(part);
    return part;
  }

  close(): void {
    for (const { source } of this.parts) source.close();
  }

  async #url(address: string): Promise<string> {
    const { signal, onProgress } = this.#hooks;
    if (!isHubAddress(address)) {
      cacheKey(address); // checks it
      return new URL(address).href;
    }
    const { url, chosen } = await resolveHubAddress(address, this.#hub, {
      headers: this.#headers,
      signal,
      onRetry: retry => onProgress(headerProgress(0, retry)),
    });
    if (chosen) this.#chosen.add(url);
    return url;
  }

  async #openAddress(url: string): Promise<ModelSource> {
    const { signal, onProgress } = this.#hooks;
    const before = this.parts.reduce((sum, { source }) => sum + source.size, 0);
    try {
      return await this.#openUrl(url, {
        headers: this.#headers,
        key: this.#keys.get(url),
        chosen: this.#chosen.has(url),
        hub: this.#hub,
        signal,
        // Opening reports only while another tab downloads this part; how large the parts after it are is not known yet.
        onProgress: progress =>
          onProgress({
            ...progress,
            loadedBytes: before + progress.loadedBytes,
            totalBytes: before + progress.totalBytes,
          }),
      });
    } catch (cause) {
      const gone = cause instanceof DownloadError && cause.details.status === 404;
      if (!gone || !this.#derived.has(url)) throw cause;
      throw new ModelFormatError(
        "split-missing",
        `The model comes in ${this.#derived.size + 1} files, and one of them is not there: ${cause.message} Load it from ` +
          "where all parts are, or give the addresses of all parts as a list.",
        { cause, details: { url: String(cause.details.url), parts: this.#derived.size + 1 } },
      );
    }
  }
}

/** An address is kept as the cache would write it: a signature in it is no more welcome there. */
function checkCacheKey(key: string | undefined): string | undefined {
  if (key === undefined || (typeof key === "string" && key.trim() !== ""))
    return key && /^https?:/i.test(key) ? cacheKey(key) : key;
  throw refused("cacheKey", key, "a text that is not empty");
}

function closing(source: ModelSource): (error: unknown) => never {
  return error => {
    source.close();
    throw error;
  };
}

async function readHeader(source: ModelSource, { signal, onProgress }: OpenHooks): Promise<GgufFile> {
  onProgress(headerProgress(Number.isFinite(source.size) ? source.size : 0));
  // a vocabulary takes megabytes, which would stay until some later garbage collection, beside the weights' pieces
  let last: Uint8Array = new Uint8Array(0);
  try {
    return await parseGguf(async (offset, length) => {
      freeBytes(last);
      last = await source.read(offset, length, { signal });
      return last;
    }, source.size);
  } finally {
    freeBytes(last);
  }
}
