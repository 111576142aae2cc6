/**
 * Local servers that act like the Hugging Face Hub: one origin that lists files and redirects, another one that holds
 * the bytes and, like a store with signed addresses, refuses requests that carry an Authorization.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

interface Seen {
  path: string;
  authorization: string | undefined;
  range: string | undefined;
}

export class HubServer {
  /** Bytes by path below the origin, such as `/owner/repo/resolve/main/model.gguf`. */
  readonly files = new Map<string, Uint8Array>();
  /** Repositories that ask for a token, and the token. */
  readonly gated = new Map<string, string>();
  readonly hubRequests: Seen[] = [];
  readonly storeRequests: Seen[] = [];
  /** Answers a request to the hub in its place, where it returns true. */
  fault: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  url = "";
  #store = "";
  readonly #servers: Server[] = [];

  static async start(): Promise<HubServer> {
    const self = new HubServer();
    self.url = await self.#listen((request, response) => self.#answerHub(request, response));
    self.#store = await self.#listen((request, response) => self.#answerStore(request, response));
    return self;
  }

  put(repo: string, path: string, bytes: Uint8Array, revision = "main"): string {
    const encoded = path.split("/").map(encodeURIComponent).join("/");
    const at = `/${repo}/resolve/${encodeURIComponent(revision)}/${encoded}`;
    this.files.set(at, bytes);
    return this.url + at;
  }

  async close(): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    }
  }

  async #listen(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
    const server = createServer(answer);
    this.#servers.push(server);
    await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  #answerHub(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? "/";
    this.hubRequests.push(seen(request));
    response.setHeader("access-control-allow-origin", "*");
    response.setHeader("access-control-allow-headers", "authorization, range");
    response.setHeader("access-control-expose-headers", "X-Error-Code, X-Linked-Etag, ETag");
    if (request.method === "OPTIONS") return void response.writeHead(204).end();
    if (this.fault?.(request, response)) return;
    const api = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/([^/]+)$/.exec(path);
    const repo = api?.[1] ?? path.split("/").slice(1, 3).join("/");
    const token = this.gated.get(repo);
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) {
      const status = request.headers.authorization ? 403 : 401;
      return void response.writeHead(status, { "x-error-code": "GatedRepo" }).end();
    }
    if (api) {
      const prefix = `/${repo}/resolve/${api[2]}/`;
      const paths = [...this.files.keys()].filter(key => key.startsWith(prefix));
      const siblings = paths.map(key => ({ rfilename: decodeURIComponent(key.slice(prefix.length)) }));
      if (paths.length === 0) return void response.writeHead(404, { "x-error-code": "RepoNotFound" }).end();
      response.writeHead(200, { "content-type": "application/json" });
      return void response.end(JSON.stringify({ id: repo, siblings }));
    }
    const bytes = this.files.get(path);
    if (!bytes) return void response.writeHead(404, { "x-error-code": "EntryNotFound" }).end();
    response.writeHead(302, {
      location: `${this.#store}${path}?signature=${Math.random()}`,
      "x-linked-etag": `"sha-${bytes.length}"`,
      "x-linked-size": bytes.length,
    });
    response.end();
  }

  #answerStore(request: IncomingMessage, response: ServerResponse): void {
    this.storeRequests.push(seen(request));
    response.setHeader("access-control-allow-origin", "*");
    response.setHeader("access-control-expose-headers", "Content-Range, ETag");
    if (request.method === "OPTIONS") return void response.writeHead(204).end();
    if (request.headers.authorization) return void response.writeHead(400).end();
    const bytes = this.files.get((request.url ?? "").split("?")[0]!);
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
    if (!bytes || first === undefined || last === undefined) return void response.writeHead(404).end();
    const start = Number(first);
    const end = Math.min(Number(last) + 1, bytes.length);
    if (start >= bytes.length) return void response.writeHead(416).end();
    response.writeHead(206, {
      "content-range": `bytes ${start}-${end - 1}/${bytes.length}`,
      "content-length": end - start,
      etag: `"sha-${bytes.length}"`,
    });
    response.end(bytes.subarray(start, end));
  }
}

const seen = ({ url, headers }: IncomingMessage): Seen => ({
  path: url ?? "",
  authorization: headers.authorization,
  range: headers.range,
});
