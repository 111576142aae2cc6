import { afterEach, beforeEach, vi } from "vitest";
import { fakeBrowser } from "./storage-browser.ts";
import { FileServer } from "./storage-server.ts";

/** For each test a browser with empty storage, and a server with `file`, which is handed to `use`. */
export function servedToEach(
  file: Uint8Array,
  use: (server: FileServer, storage: ReturnType<typeof fakeBrowser>) => void,
): void {
  let server: FileServer;
  beforeEach(async () => {
    const storage = fakeBrowser();
    server = await FileServer.start(file);
    use(server, storage);
  });
  afterEach(async () => {
    await server.close();
    vi.useRealTimers();
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });
}
