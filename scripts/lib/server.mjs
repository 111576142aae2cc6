// A static file server for the built demo: byte ranges, right content types, nothing outside its folder. Node's own
// modules only, so that it also runs where nothing is installed.
import { createReadStream, createWriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize, sep } from "node:path";
import { pipeline } from "node:stream/promises";

/** @type {Record<string, string>} */
const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".gguf": "application/octet-stream",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".map": "application/json; charset=utf-8",
  ".md": "text/markdown; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2",
};

/**
 * @typedef {object} ServerOptions
 * @property {string} root folder to serve
 * @property {number} [port] 0, the default: any free one
 * @property {Record<string, () => string | undefined | Promise<string | undefined>>} [files] URL paths that stand for
 *   files elsewhere; asked at every request, undefined means 404
 * @property {Record<string, string>} [mounts] URL paths that end with / and stand for folders elsewhere
 * @property {Record<string, string>} [headers] sent with every file
 * @property {Record<string, () => string>} [uploads] URL paths that take a PUT, with the file to write it to
 */

/**
 * Serves on 127.0.0.1 only.
 * @param {ServerOptions} options
 * @returns {Promise<{ url: string, port: number, close: () => Promise<void> }>}
 */
export async function serve({ root, port = 0, files = {}, mounts = {}, headers = {}, uploads = {} }) {
  const server = createServer((request, response) => {
    answer(request, response).catch(error => {
      // the browser went away in mid-answer: nobody is left to tell
      if (response.destroyed || error?.code === "ERR_STREAM_PREMATURE_CLOSE") return;
      if (!response.headersSent) response.writeHead(500, { "content-type": "text/plain" });
      response.end(String(error));
    });
  });

  /**
   * @param {import("node:http").IncomingMessage} request
   * @param {import("node:http").ServerResponse} response
   */
  async function answer(request, response) {
    const path = decodePath(request.url ?? "/");
    if (request.method === "PUT") {
      const target = path === undefined ? undefined : uploads[path]?.();
      if (!target) return end(response, 404);
      await pipeline(request, createWriteStream(target));
      return end(response, 204);
    }
    if (request.method !== "GET" && request.method !== "HEAD") return end(response, 405);
    if (path === undefined) return end(response, 400);
    const mount = Object.keys(mounts).find(prefix => path.startsWith(prefix)) ?? "/";
    const folder = mounts[mount] ?? root;
    const file = files[path]
      ? await files[path]()
      : join(folder, path.slice(mount.length - 1), path.endsWith("/") ? "index.html" : "");
    if (!file || (!files[path] && !normalize(file).startsWith(normalize(folder) + sep)))
      return end(response, 404);
    const facts = await stat(file).catch(error => {
      if (["ENOENT", "ENOTDIR", "ENAMETOOLONG"].includes(error.code)) return undefined;
      throw error;
    });
    if (!facts?.isFile()) return end(response, 404);
    await sendFile(request, response, file, facts, headers);
  }

  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(undefined));
  });
  const address = server.address();
  const actual = typeof address === "object" && address ? address.port : port;
  return {
    url: `http://localhost:${actual}`,
    port: actual,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/**
 * @param {import("node:http").IncomingMessage} request
 * @param {import("node:http").ServerResponse} response
 * @param {string} file
 * @param {import("node:fs").Stats} facts
 * @param {Record<string, string>} more headers
 */
async function sendFile(request, response, file, facts, more) {
  const headers = {
    ...more,
    "content-type": TYPES[extname(file).toLowerCase()] ?? "application/octet-stream",
    "accept-ranges": "bytes",
    "cache-control": "no-cache",
    etag: `"${facts.size.toString(16)}-${Math.trunc(facts.mtimeMs).toString(16)}"`,
    "last-modified": facts.mtime.toUTCString(),
  };
  if (request.headers["if-none-match"] === headers.etag) return end(response, 304, headers);
  const range = byteRange(request.headers.range, facts.size);
  if (range === "unsatisfiable") return end(response, 416, { "content-range": `bytes */${facts.size}` });
  const [first, last] = range ?? [0, facts.size - 1];
  response.writeHead(range ? 206 : 200, {
    ...headers,
    "content-length": last - first + 1,
    ...(range ? { "content-range": `bytes ${first}-${last}/${facts.size}` } : {}),
  });
  if (request.method === "HEAD" || facts.size === 0) {
    response.end();
    return;
  }
  await pipeline(createReadStream(file, { start: first, end: last }), response);
}

/**
 * One range only; a header that is none, or asks for several, gets the whole file, as HTTP allows.
 * @param {string | undefined} header
 * @param {number} size
 * @returns {[number, number] | "unsatisfiable" | undefined} first and last byte
 */
export function byteRange(header, size) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (!match || (match[1] === "" && match[2] === "")) return undefined;
  const first = match[1] === "" ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const last = match[1] === "" || match[2] === "" ? size - 1 : Math.min(Number(match[2]), size - 1);
  return first > last ? "unsatisfiable" : [first, last];
}

/**
 * @param {string} url
 * @returns {string | undefined} the path, decoded; undefined if it is malformed
 */
function decodePath(url) {
  try {
    return decodeURIComponent(url.split(/[?#]/)[0] ?? "/");
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

/**
 * @param {import("node:http").ServerResponse} response
 * @param {number} status
 * @param {Record<string, string>} [headers]
 */
function end(response, status, headers = {}) {
  response.writeHead(status, headers);
  response.end();
}
