/** A local HTTP server that serves one file by ranges, keeps count, and misbehaves on request. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

export interface ServedRequest {
  method: string;
  path: string;
  /** First byte and end (exclusive) asked for; `null` without a Range header. */
  range: { start: number; end: number } | null;
  headers: IncomingMessage["headers"];
}

/** Answers a request in place of the server; returns true if it did. */
export type Fault = (
  request: ServedRequest,
  response: ServerResponse,
  server: FileServer,
) => boolean | Promise<boolean>;

export class FileServer {
  /** What was asked for, in order. */
  readonly requests: ServedRequest[] = [];
  readonly url: string;
  etag: string | null = '"v1"';
  /** Headers for every reply. */
  headers: Record<string, string> = {};
  fault: Fault | undefined;
  readonly #close: () => Promise<void>;

  private constructor(
    public bytes: Uint8Array,
    port: number,
    close: () => Promise<void>,
  ) {
    this.url = `http://127.0.0.1:${port}/model.gguf`;
    this.#close = close;
  }

  static async start(bytes: Uint8Array): Promise<FileServer> {
    const sockets = new Set<Socket>();
    const http = createServer((request, response) => void self.answer(request, response));
    http.on("connection", socket => sockets.add(socket.once("close", () => sockets.delete(socket))));
    await new Promise<void>(resolve => http.listen(0, "127.0.0.1", resolve));
    const self = new FileServer(bytes, (http.address() as AddressInfo).port, async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise(resolve => http.close(resolve));
    });
    return self;
  }

  close(): Promise<void> {
    return this.#close();
  }

  /** How often each byte was asked for: `[least, most]`, over `[start, end)`. */
  timesAsked(start = 0, end = this.bytes.length): [number, number] {
    const counts = new Uint16Array(this.bytes.length);
    for (const { range } of this.requests) {
      if (range) for (let i = range.start; i < Math.min(range.end, counts.length); i++) counts[i]!++;
    }
    const part = counts.subarray(start, end);
    return [part.reduce((a, b) => Math.min(a, b)), part.reduce((a, b) => Math.max(a, b))];
  }

  /** The right answer to a range request: 206 with the bytes. */
  async send(request: ServedRequest, response: ServerResponse, body?: Uint8Array): Promise<void> {
    const { start, end } = request.range ?? { start: 0, end: this.bytes.length };
    const last = Math.min(end, this.bytes.length);
    const part = body ?? this.bytes.subarray(start, last);
    response.writeHead(206, {
      "content-range": `bytes ${start}-${last - 1}/${this.bytes.length}`,
      "content-length": String(part.length),
      ...(this.etag ? { etag: this.etag } : {}),
      ...this.headers,
    });
    response.end(part);
  }

  async answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(incoming.headers.range ?? "") ?? [];
    const range = first && last ? { start: Number(first), end: Number(last) + 1 } : null;
    const request = {
      method: incoming.method ?? "",
      path: incoming.url ?? "",
      range,
      headers: incoming.headers,
    };
    this.requests.push(request);
    if (await this.fault?.(request, response, this)) return;
    if (request.method === "HEAD") {
      response.writeHead(200, { "content-length": String(this.bytes.length) }).end();
    } else if (range && range.start >= this.bytes.length) response.writeHead(416).end();
    else await this.send(request, response);
  }
}

/** Answers with a status and an empty body. */
export const status =
  (code: number, headers: Record<string, string> = {}): Fault =>
  (_, response) => {
    response.writeHead(code, headers).end();
    return true;
  };

/** The fault for the first `times` requests that `when` picks, then sound answers. */
export function first(
  times: number,
  fault: Fault,
  when: (request: ServedRequest) => boolean = () => true,
): Fault {
  let left = times;
  return (request, response, server) => {
    if (!when(request) || left-- <= 0) return false;
    return fault(request, response, server);
  };
}

/** Sends `bytes` of the answer, then cuts the connection. */
export const dropAfter =
  (bytes: number): Fault =>
  async (request, response, server) => {
    const { start, end } = request.range!;
    response.writeHead(206, {
      "content-range": `bytes ${start}-${end - 1}/${server.bytes.length}`,
      "content-length": String(end - start),
      ...(server.etag ? { etag: server.etag } : {}),
    });
    response.write(server.bytes.subarray(start, start + bytes));
    await new Promise(resolve => setTimeout(resolve, 20));
    response.destroy();
    return true;
  };
