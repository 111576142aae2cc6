import { DisposedError } from "../errors.ts";

/** A worker, and where its script lies. */
export interface Started {
  worker: Worker;
  address: string;
}

/** The expression stays literal: bundlers look for exactly this. */
const start = (): Worker =>
  new Worker(new URL("../worker/worker.ts", import.meta.url), { type: "module", name: "intab" });

/**
 * Starts intab's own worker. A script of another origin cannot be a worker, but one of the page's own can import it.
 * @throws DisposedError `worker-failed` where the page may start none; a script that cannot be loaded is told by the
 *   worker's `error` event
 */
export function startWorker(): Started {
  if (typeof Worker === "undefined")
    throw workerFailed(
      "there are none here. intab runs in a page of a browser, not in Node or in a server's rendering",
    );
  const { address, type } = intended();
  try {
    const { origin } = new URL(address, location.href);
    return { address, worker: origin === location.origin ? start() : importing(address, type) };
  } catch (cause) {
    throw workerFailed(`it could not be started: ${cause instanceof Error ? cause.message : cause}`, {
      address,
      cause,
    });
  }
}

/** What the bundler made of the literal: nothing else tells its address in all of them. */
function intended(): { address: string; type: WorkerType | undefined } {
  const { Worker } = globalThis;
  let [address, type]: [string, WorkerType | undefined] = ["", undefined];
  globalThis.Worker = class {
    constructor(url: string | URL, options?: WorkerOptions) {
      address = String(url);
      type = options?.type;
    }
  } as unknown as typeof Worker;
  try {
    start();
  } finally {
    globalThis.Worker = Worker;
  }
  return { address, type };
}

function importing(address: string, type: WorkerType | undefined): Worker {
  const script = JSON.stringify(new URL(address, location.href).href);
  const load = type === "module" ? `import ${script};` : `importScripts(${script});`;
  const blob = new Blob([`${load}URL.revokeObjectURL(location.href)`], { type: "text/javascript" });
  return new Worker(URL.createObjectURL(blob), { type: type ?? "classic", name: "intab" });
}

/** Why there is no worker, and what helps. */
export function workerFailed(
  why: string,
  { address, cause }: { address?: string | undefined; cause?: unknown } = {},
): DisposedError {
  const from = address === undefined ? "" : ` Its script is ${address}.`;
  const help =
    address === undefined
      ? "Load the model again."
      : 'If nothing is there, a bundler moved intab away from it (Vite: optimizeDeps: { exclude: ["intab"] }). On another origin ' +
        "it needs CORS headers. A Content-Security-Policy must allow it (worker-src, and blob: for another origin). A page " +
        "with Trusted Types or a sandbox can start it itself: load(source, { worker }).";
  return new DisposedError("worker-failed", `The worker failed: ${why}.${from} ${help}`, {
    cause,
    ...(address !== undefined && { details: { url: address } }),
  });
}
