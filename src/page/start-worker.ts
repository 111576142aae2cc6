import { abortable } from "../abort.ts";
import { HELLO } from "../boundary/protocol.ts";
import { DisposedError, GpuUnavailableError } from "../errors.ts";

/** The expression stays literal: bundlers look for exactly this. */
const start = (): Worker =>
  new Worker(new URL("../worker/worker.ts", import.meta.url), { type: "module", name: "intab" });

/**
 * The worker's script as a part of a module, for builds that leave its file behind. Vite and webpack follow the literal
 * above: their builds need no second copy of it, and drop this one.
 */
const embedded = import.meta.env?.PROD
  ? undefined
  : () => import(/* webpackIgnore: true */ "../worker/embedded.ts");

/** The file was not there, so the next worker is not looked for there. */
let leftBehind = false;

/** @throws GpuUnavailableError `no-worker` */
export function checkWorkers(): void {
  if (typeof Worker === "undefined")
    throw new GpuUnavailableError(
      "no-worker",
      "intab runs in a browser, and there are no Web Workers here: this is Node, another server or its rendering of a page. " +
        "Call it in the page: in React within useEffect() or an event handler.",
    );
}

/**
 * Starts intab's own worker, and waits until it runs: from its file; where that cannot be loaded, from its text.
 * @param signal ends the worker while it starts; afterwards it is the caller's to end
 * @throws GpuUnavailableError `no-worker`, at once; (as rejection) DisposedError `worker-failed`; the signal's reason
 */
export function startWorker(signal: AbortSignal): Promise<Worker> {
  checkWorkers();
  return fromAnywhere(signal);
}

async function fromAnywhere(signal: AbortSignal): Promise<Worker> {
  const file = intended();
  let failed: unknown;
  leftBehind ||= movedByVite(file.address);
  if (!leftBehind)
    try {
      return await running(() => fromFile(file), signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!embedded) throw notStarted(error, file);
      failed = error;
    }
  try {
    const { startEmbedded } = await abortable(embedded!(), signal);
    const worker = await running(startEmbedded, signal);
    leftBehind = true;
    return worker;
  } catch (error) {
    signal.throwIfAborted();
    throw notStarted(failed ?? error, file);
  }
}

/** What `create` gives, once it says that it runs. */
function running(create: () => Worker, signal: AbortSignal): Promise<Worker> {
  return new Promise((resolve, reject) => {
    const worker = create();
    const heard = new AbortController();
    const until = { signal: heard.signal };
    const fail = (reason: unknown): void => {
      heard.abort();
      worker.terminate();
      reject(reason);
    };
    worker.addEventListener(
      "message",
      ({ data }) => {
        if (data !== HELLO) return;
        heard.abort();
        resolve(worker);
      },
      until,
    );
    // the message of a script that could not be loaded is empty
    worker.addEventListener(
      "error",
      event => {
        event.preventDefault();
        fail(new Error(event.message || "its script could not be loaded"));
      },
      until,
    );
    signal.addEventListener("abort", () => fail(signal.reason), until);
    if (signal.aborted) fail(signal.reason);
  });
}

/** Where the worker's file is thought to be, as a URL or a path; "" where the bundler lost it. */
interface Intended {
  address: string;
  type: WorkerType | undefined;
}

/** Vite up to 7, in development, puts packages into files of its own, and leaves the worker where it was. */
const movedByVite = (address: string): boolean => address.includes("/.vite/");

/** What the bundler made of the literal: nothing else tells its address in all of them. */
function intended(): Intended {
  const { Worker } = globalThis;
  let found: Intended = { address: "", type: undefined };
  globalThis.Worker = class {
    constructor(url: string | URL, options?: WorkerOptions) {
      found = { address: String(url), type: options?.type };
    }
  } as unknown as typeof Worker;
  try {
    start();
  } catch {
    // a bundle that is no module has no import.meta.url
  } finally {
    globalThis.Worker = Worker;
  }
  return found;
}

/** A script of another origin cannot be a worker, but one of the page's own can import it. */
function fromFile({ address, type }: Intended): Worker {
  const { origin, href } = new URL(address, location.href);
  if (origin === location.origin) return start();
  const script = JSON.stringify(href);
  const load = type === "module" ? `import ${script};` : `importScripts(${script});`;
  const blob = new Blob([`${load}URL.revokeObjectURL(location.href)`], { type: "text/javascript" });
  return new Worker(URL.createObjectURL(blob), { type: type ?? "classic", name: "intab" });
}

function notStarted(cause: unknown, { address }: Intended): DisposedError {
  return workerFailed(cause instanceof Error ? cause.message : String(cause), { address, cause });
}

/** Why there is no worker, and what helps. */
export function workerFailed(
  why: string,
  { address, cause }: { address?: string | undefined; cause?: unknown } = {},
): DisposedError {
  if (address === undefined)
    return new DisposedError("worker-failed", `The worker failed: ${why}. Load the model again.`, { cause });
  const url = address && new URL(address, location.href).href;
  const place = url ? `Its script is ${url}` : "The bundler lost the address of its script";
  return new DisposedError("worker-failed", `The worker failed: ${why}. ${place}. ${help(url)}`, {
    cause,
    details: { url },
  });
}

/** What to do about a script at `url` that does not run. */
function help(url: string): string {
  if (movedByVite(url))
    return 'Vite moved intab away from it. In vite.config: optimizeDeps: { exclude: ["intab"] }.';
  const origin = url && new URL(url).origin;
  const first =
    url && origin !== location.origin
      ? `The host must send it with Access-Control-Allow-Origin, and a Content-Security-Policy must have "worker-src blob:" ` +
        `and "script-src ${origin}".`
      : "If it is not there, the bundler left it behind: copy intab/dist/lib/intab-worker.js there. If it is there, a " +
        "Content-Security-Policy must have worker-src 'self'.";
  return `${first} Or start it yourself: load(source, { worker }).`;
}
