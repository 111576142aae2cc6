/** How a model's address is written: as a key, for a request, as a lock's name, as a file's name, in messages. */
import { InputError } from "../errors.ts";

/** Parameters that sign a request or carry a token: of S3, Google, Azure, CloudFront, Alibaba, Tencent, Akamai, and plain ones. */
const SIGNATURE =
  /^(x-(amz|goog|oss)-.*|(google|aws|oss)access(key)?id|q-(sign|ak|key|header|url).*|sig(nature)?|key-pair-id|hdn[a-z]+|__token__|((access|auth|security|api|id)[-_]?)?token|api[-_]?key)$/i;
/** Parameters that belong to a signature where there is one, and may mean anything where there is none. */
const BESIDE_SIGNATURE =
  /^(policy|expire[sd]?|expiry|keyname|hash-algorithm|x-id|token_path|s[eptvrs]|srt|spr|ses|sip|sdd|si|sk(oid|tid|[tesv])|saoid|suoid|scid)$/i;
/** What a message shows of an address. Characters. */
const MAX_SHOWN = 300;

export interface Address {
  /** What is fetched: without fragment, user and password. */
  readonly url: string;
  /** The same without what signs it: as the cache knows it. */
  readonly key: string;
  /** User and password as an `Authorization`: `fetch` takes no URL that has them. */
  readonly authorization: string | null;
}

/** @throws InputError `option` where it is no absolute http(s) URL */
export function addressOf(text: string): Address {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "https:" && url?.protocol !== "http:") {
    throw new InputError(
      "option",
      `"${shownUrl(text)}" is no absolute http or https URL. Give one such as https://example.org/model.gguf, or a File.`,
      { details: { url: shownUrl(text) } },
    );
  }
  const login = url.username + url.password && `${decoded(url.username)}:${decoded(url.password)}`;
  url.username = url.password = url.hash = "";
  const { href } = url;
  const parameters = url.search.slice(1).split("&");
  const named = (parameter: string): string => [...new URLSearchParams(parameter).keys()][0] ?? "";
  const signed = parameters.some(parameter => SIGNATURE.test(named(parameter)));
  const kept = parameters.filter(
    parameter => !SIGNATURE.test(named(parameter)) && !(signed && BESIDE_SIGNATURE.test(named(parameter))),
  );
  if (signed) url.search = kept.join("&");
  const authorization = login && `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(login)))}`;
  return { url: href, key: url.href, authorization: authorization || null };
}

/**
 * The address as the cache knows it: absolute, without fragment, user, password and signature.
 * @throws InputError `option` where it is no absolute http(s) URL.
 */
export const cacheKey = (url: string): string => addressOf(url).key;

/** A page's relative address made absolute; `null` for what is none, and for an empty one, which would be the page itself. */
export function absoluteUrl(address: string | URL): string | null {
  const base = globalThis.document?.baseURI ?? globalThis.location?.href;
  const given = String(address).trim();
  return given !== "" && !given.startsWith("#") && URL.canParse(given, base)
    ? new URL(given, base).href
    : null;
}

export const lockName = (key: string): string => `intab-download ${key}`;

/** The last part of the path, decoded where it can be. */
export function fileName(url: string): string {
  const { pathname, hostname } = new URL(url);
  return decoded(pathname.split("/").pop() || hostname);
}

/** Decoded where it can be: a lone "%" stays as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    return text;
  }
}

/** An address, or what was meant to be one, for messages: user, password and query may be secrets. */
export function shownUrl(address: string): string {
  let shown = address.replace(/\/\/.*@/s, "//").replace(/[?#].*/s, "");
  if (URL.canParse(address)) {
    const url = new URL(address);
    url.username = url.password = url.search = url.hash = "";
    shown = url.href;
  }
  return shown.length > MAX_SHOWN ? `${shown.slice(0, MAX_SHOWN)}…` : shown;
}

/**
 * The caller's headers, checked. Values may be secrets: no error repeats one.
 * @throws InputError `option`
 */
export function checkHeaders(headers: Readonly<Record<string, string>> = {}): Headers {
  const checked = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    try {
      checked.set(name, value);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw new InputError(
        "option",
        `The option "headers" has an entry "${name}" whose name or value HTTP does not allow.`,
        { details: { option: "headers", name } },
      );
    }
  }
  return checked;
}
