/** The page's end of a worker. */
import { type Endpoint, type Remote, wrap } from "comlink";
import { abortable } from "../abort.ts";
import { reviveErrors } from "../boundary/errors.ts";
import type { Host } from "../boundary/protocol.ts";
import { DisposedError } from "../errors.ts";
import { startWorker, workerFailed } from "./start-worker.ts";

reviveErrors();

/** A worker that does not answer `dispose` in this time is stuck and is ended without. Milliseconds. */
const DISPOSE_TIMEOUT_MS = 10_000;
/** What a cancelled call may still take until it ends without the worker's answer. Milliseconds. */
const CANCEL_GRACE_MS = 700;
/** A worker of our own that has not even heard of a cancellation after this time is ended. Milliseconds. */
const STUCK_MS = 5000;

/** Numbers of calls: two connections may share a worker. */
let requests = 0;

/** The calls to one worker for one model, tokenizer or template. Every call ends when the worker does. */
export class Connection {
  /** Calls to the worker: there once it runs. */
  #host: Remote<Host> | undefined;
  readonly #ready: Promise<Remote<Host>>;
  #worker: Worker | undefined;
  readonly #owned: boolean;
  readonly #ended = new AbortController();
  readonly #running = new Set<number>();
  #closing: Promise<void> | undefined;

  /**
   * @param given the caller's worker, which is left running at the end; without one intab starts its own. Where that
   *   fails, every call rejects with DisposedError `worker-failed`.
   * @throws GpuUnavailableError `no-worker`
   */
  constructor(given: Worker | undefined) {
    this.#owned = !given;
    this.#ready = given
      ? Promise.resolve(this.#connect(given))
      : startWorker(this.#ended.signal).then(worker => this.#connect(worker));
    this.#ready.then(
      host => this.#watch(host),
      error => this.#end(error),
    );
  }

  /** Only inside of what `call()` and `open()` send. */
  get host(): Remote<Host> {
    return this.#host!;
  }

  #connect(worker: Worker): Remote<Host> {
    this.#worker = worker;
    const { signal } = this.#ended;
    if (signal.aborted && this.#owned) worker.terminate();
    worker.addEventListener(
      "error",
      // the message of a script that could not be loaded is empty
      event => this.#end(workerFailed(event.message || "its script could not be loaded")),
      { signal },
    );
    worker.addEventListener("messageerror", () => this.#end(workerFailed("a message could not be read")), {
      signal,
    });
    this.#host = wrap<Host>(endpoint(worker, signal));
    return this.#host;
  }

  /**
   * Runs a call that `signal` can cancel, and that a dying worker ends. It settles soon after its signal, whatever the
   * worker does.
   */
  async call<T>(signal: AbortSignal | undefined, send: (request: number) => Promise<T>): Promise<T> {
    const { signal: ended } = this.#ended;
    if (this.#closing && !ended.aborted) throw disposed();
    ended.throwIfAborted();
    const request = requests++;
    this.#running.add(request);
    const cancel = (): void => this.#cancel(request);
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      // at once where it can be: what the caller gave is read now, and may change afterwards
      const answer = abortable(this.#host ? send(request) : this.#ready.then(() => send(request)), ended);
      if (signal?.aborted) cancel();
      return await (signal ? abortable(answer, signal, CANCEL_GRACE_MS) : answer);
    } catch (error) {
      if (signal?.aborted && error instanceof DOMException && error.name === "AbortError")
        throw signal.reason;
      throw error;
    } finally {
      signal?.removeEventListener("abort", cancel);
      this.#running.delete(request);
    }
  }

  /** The same for a call that opens something, which the worker then knows by the call's number `of`. */
  async open<T>(
    signal: AbortSignal | undefined,
    send: (request: number) => Promise<T>,
  ): Promise<{ of: number; info: T }> {
    let of = 0;
    const info = await this.call(signal, request => send((of = request)));
    return { of, info };
  }

  /** Disposes what was loaded under the number `of`, and ends the worker. */
  close(of: number): Promise<void> {
    this.#closing ??= this.#close(of);
    return this.#closing;
  }

  /** Ends the worker where nothing was loaded, or nothing that would have to be freed. */
  abandon(): void {
    this.#end(disposed());
  }

  #cancel(request: number): void {
    const stuck = setTimeout(() => {
      if (this.#owned) this.#end(workerFailed("it did not answer and was ended"));
    }, STUCK_MS);
    const heard = (): void => clearTimeout(stuck);
    abortable(
      this.#ready.then(host => host.cancel(request)),
      this.#ended.signal,
    ).then(heard, heard);
  }

  /** Nothing tells a page that a worker closed itself, except that the lock it holds gets free. */
  async #watch(host: Remote<Host>): Promise<void> {
    const { signal } = this.#ended;
    try {
      const name = await abortable(host.alive(), signal);
      if (name)
        await navigator.locks.request(name, { mode: "shared", signal }, () =>
          this.#end(workerFailed("it ended")),
        );
    } catch {
      // the connection ended first, or this place has no locks: calls then still end by their signals
    }
  }

  async #close(of: number): Promise<void> {
    const { signal } = this.#ended;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stuck = new Promise<void>(resolve => (timer = setTimeout(resolve, DISPOSE_TIMEOUT_MS)));
    try {
      const disposing = this.#ready.then(host => host.dispose(of, [...this.#running]));
      await Promise.race([abortable(disposing, signal), stuck]);
    } catch {
      // the worker is gone, and with it everything that disposing would have freed
    } finally {
      clearTimeout(timer);
    }
    this.#end(disposed());
  }

  #end(reason: DisposedError): void {
    this.#ended.abort(reason);
    if (this.#owned) this.#worker?.terminate();
  }
}

/**
 * A worker as Comlink sees it until `ended`. Comlink says goodbye when its proxies are released or collected, and the host
 * then hears nobody any more: a caller's worker has other connections, and one of our own is terminated.
 */
function endpoint(worker: Worker, ended: AbortSignal): Endpoint {
  return {
    postMessage: (message: { type?: string }, transfer: Transferable[] = []) => {
      if (message.type !== "RELEASE") worker.postMessage(message, transfer);
    },
    addEventListener: (type, listener) => worker.addEventListener(type, listener, { signal: ended }),
    removeEventListener: (type, listener) => worker.removeEventListener(type, listener),
  };
}

function disposed(): DisposedError {
  return new DisposedError("disposed", "This model was disposed. Load it again.");
}
