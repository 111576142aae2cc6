/**
 * Serves the built demo and model files that misbehave on demand, and keeps account of every byte that it sends. Each
 * server has a port, and so an origin and a storage, of its own.
 */
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const DEMO = fileURLToPath(new URL("../dist/demo", import.meta.url));
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};
/** Bytes written at a time: small enough that a hold takes effect at once. */
const PIECE = 64 * 1024;

export const BUILT_IN = "/models/intab-tiny-q4_0.gguf";
export const BUILT_IN_BYTES: Buffer = readFileSync(join(DEMO, BUILT_IN));

/** What is wrong with a model file. Nothing, by default. */
export interface Fault {
  /** Answer with this status and no file. */
  status?: number;
  /** With the status: when to ask again. Seconds. */
  retryAfter?: number;
  /** Send the whole file to whoever asks for a part of it. */
  ignoreRanges?: boolean;
  /** Stop sending at this byte of the file until `release()`. */
  holdAt?: number;
}

interface ServedFile {
  bytes: Uint8Array;
  fault: Fault;
  /** How often each byte was sent. */
  sent: Uint8Array;
}

export class TestServer {
  readonly url: string;
  /** Every `Authorization` that came, which none of the tests should send here. */
  readonly authorizations: string[] = [];
  readonly #server: Server;
  readonly #files: Map<string, ServedFile>;
  #held: (() => void)[] = [];
  /** Answers with model files that are under way. */
  #open = 0;
  #quiet: (() => void)[] = [];

  private constructor(server: Server, files: Map<string, ServedFile>) {
    this.#server = server;
    this.#files = files;
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("The server has no port.");
    this.url = `http://127.0.0.1:${address.port}`;
  }

  static async start(): Promise<TestServer> {
    const files = new Map<string, ServedFile>();
    let running: TestServer | undefined;
    const server = createServer((request, response) => void running?.answer(request, response));
    await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
    running = new TestServer(server, files);
    running.put(BUILT_IN, BUILT_IN_BYTES);
    return running;
  }

  /** Puts a file at a path, or another one in its place. Returns its address. */
  put(path: string, bytes: Uint8Array, fault: Fault = {}): string {
    this.#files.set(path, { bytes, fault, sent: new Uint8Array(bytes.length) });
    return this.url + path;
  }

  /** Changes what is wrong with a file; the account of what was sent goes on. */
  setFault(path: string, fault: Fault): void {
    this.#file(path).fault = fault;
  }

  /** Lets held answers go on, to their end. */
  release(): void {
    for (const { fault } of this.#files.values()) delete fault.holdAt;
    for (const go of this.#held.splice(0)) go();
  }

  /** How often the bytes of `[start, end)` were sent: the least and the most. */
  timesSent(path: string, start = 0, end = this.#file(path).bytes.length): { least: number; most: number } {
    let least = Number.POSITIVE_INFINITY;
    let most = 0;
    for (const times of this.#file(path).sent.subarray(start, end)) {
      if (times < least) least = times;
      if (times > most) most = times;
    }
    return { least, most };
  }

  /** Starts a new account. */
  forgetSent(path: string): void {
    this.#file(path).sent.fill(0);
  }

  /** Resolves when no model file is being sent: whoever asked has got it, or is gone. */
  async quiet(): Promise<void> {
    while (this.#open > 0) await new Promise<void>(resolve => this.#quiet.push(resolve));
  }

  /** Goes away in mid-sentence, as a lost network does. */
  async stop(): Promise<void> {
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.headers.authorization !== undefined) this.authorizations.push(request.headers.authorization);
    const path = decodeURIComponent(new URL(request.url ?? "/", this.url).pathname);
    const file = this.#files.get(path);
    if (!file) return answerPage(path, response);
    this.#open++;
    response.once("close", () => {
      this.#open--;
      for (const tell of this.#quiet.splice(0)) tell();
    });
    await this.#answerModel(file, request, response);
  }

  async #answerModel(file: ServedFile, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { bytes, fault } = file;
    if (fault.status !== undefined) {
      if (fault.retryAfter !== undefined) response.setHeader("retry-after", fault.retryAfter);
      return void response.writeHead(fault.status).end();
    }
    const range = fault.ignoreRanges ? null : /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    const start = range ? Number(range[1]) : 0;
    const end = range?.[2] ? Math.min(Number(range[2]) + 1, bytes.length) : bytes.length;
    if (start >= bytes.length) return void response.writeHead(416).end();
    response.writeHead(range ? 206 : 200, {
      "content-type": "application/octet-stream",
      "content-length": end - start,
      "cache-control": "no-store",
      etag: `"${bytes.length}"`,
      ...(range && { "content-range": `bytes ${start}-${end - 1}/${bytes.length}` }),
    });
    for (let at = start; at < end && !response.destroyed; ) {
      const hold = file.fault.holdAt ?? bytes.length;
      if (at >= hold) {
        await new Promise<void>(resolve => {
          this.#held.push(resolve);
          response.once("close", resolve);
        });
        continue;
      }
      const stop = Math.min(at + PIECE, end, hold);
      if (!response.write(bytes.subarray(at, stop))) await drained(response);
      for (let index = at; index < stop; index++) file.sent[index]!++;
      at = stop;
    }
    response.end();
  }

  #file(path: string): ServedFile {
    const file = this.#files.get(path);
    if (!file) throw new Error(`Nothing was put at ${path}.`);
    return file;
  }
}

/** Resolves when more can be written, or the other side is gone. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.on("drain", done).on("close", done);
    if (response.destroyed) done();
  });
}

function answerPage(path: string, response: ServerResponse): void {
  const name = path === "/" ? "index.html" : path;
  const file = join(DEMO, normalize(`/${name}`));
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, {
    "content-type": TYPES[extname(file)] ?? "application/octet-stream",
    "cache-control": "no-cache",
  });
  response.end(bytes);
}
