/** How a model's URL is written as a key, a lock name, a file name. */
import { InputError } from "../errors.ts";

/**
 * The URL as the cache knows it: absolute, without fragment.
 * @throws InputError `option` where it is no absolute http(s) URL.
 */
export function cacheKey(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol !== "https:" && parsed?.protocol !== "http:") {
    throw new InputError(
      "option",
      `"${url}" is no absolute http or https URL. Give one such as https://example.org/model.gguf, or a File.`,
      { details: { url } },
    );
  }
  parsed.hash = "";
  return parsed.href;
}

export const lockName = (key: string): string => `intab-download ${key}`;

/** The last part of the path, decoded where it can be. */
export function fileName(key: string): string {
  const { pathname, hostname } = new URL(key);
  const last = pathname.split("/").pop() || hostname;
  try {
    return decodeURIComponent(last);
  } catch (error) {
    if (!(error instanceof URIError)) throw error; // a lone "%": shown as it is
    return last;
  }
}

/** The URL for messages: the query may hold a signature or a token. */
export function shownUrl(key: string): string {
  const { origin, pathname } = new URL(key);
  return origin + pathname;
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
