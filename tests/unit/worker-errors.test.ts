// The page's engine against a host of the test's own, over a real message channel.
import { expose } from "comlink";
import { afterEach, describe, expect, test } from "vitest";
import type { Host } from "../../src/boundary/protocol.ts";
import { DeviceLostError, DisposedError, DownloadError, IntabError, StorageError } from "../../src/errors.ts";
import { load } from "../../src/page/load.ts";
import type { GenerateResult, LoadProgress, ModelInfo } from "../../src/types.ts";

class FakeWorker extends EventTarget {
  readonly port: MessagePort;
  terminated = false;
  constructor(host: Partial<Host>) {
    super();
    const { port1, port2 } = new MessageChannel();
    expose(host, port2);
    port1.addEventListener("message", event =>
      this.dispatchEvent(new MessageEvent("message", { data: event.data, ports: [...event.ports] })),
    );
    port1.start();
    this.port = port1;
  }
  postMessage(message: unknown, transfer: Transferable[] = []): void {
    this.port.postMessage(message, transfer as never);
  }
  terminate(): void {
    this.terminated = true;
    this.port.close();
  }
}

const info = { name: "fake" } as ModelInfo;
const blob = new Blob(["GGUF"]);
const endings: FakeWorker[] = [];
afterEach(() => {
  for (const { port } of endings.splice(0)) port.close();
});

function start(host: Partial<Host>): { worker: Worker; fake: FakeWorker } {
  const fake = new FakeWorker({ load: async () => info, dispose: async () => {}, cancel: () => {}, ...host });
  endings.push(fake);
  return { worker: fake as unknown as Worker, fake };
}

const failure = (call: PromiseLike<unknown>): Promise<IntabError & { cause: unknown }> =>
  Promise.resolve(call).then(
    () => {
      throw new Error("It did not fail");
    },
    reason => reason,
  );

/** A host's way to wait until `cancel` comes. */
function cancellation() {
  let cancel = (): void => {};
  const cancelled = new Promise<void>(resolve => (cancel = resolve));
  return { cancel: () => cancel(), cancelled };
}

describe("errors across the worker boundary", () => {
  test("keep class, code, details, message and the chain of causes", async () => {
    const inner = new DownloadError("http-status", "404", {
      details: { status: 404 },
      cause: new TypeError("socket"),
    });
    const thrown = new StorageError("quota-exceeded", "full", {
      details: { bytes: 5, list: ["a"] },
      cause: inner,
    });
    const { worker } = start({ load: () => Promise.reject(thrown) });
    const error = await failure(load(blob, { worker }));
    expect(error).toBeInstanceOf(StorageError);
    expect(error).toMatchObject({
      code: "quota-exceeded",
      message: "full",
      name: "StorageError",
      details: { bytes: 5, list: ["a"] },
    });
    expect(error.cause).toBeInstanceOf(DownloadError);
    expect((error.cause as Error).cause).toMatchObject({ name: "TypeError", message: "socket" });
  });

  test("survive causes in a circle, causes that are no errors, and DOM exceptions", async () => {
    const circle = new IntabError("a", "circle");
    Object.defineProperty(circle, "cause", { value: circle });
    const causes: [Error, (error: IntabError & { cause: unknown }) => void][] = [
      [circle, error => expect(error.code).toBe("a")],
      [new IntabError("b", "text", { cause: "a string" }), error => expect(error.cause).toBe("a string")],
      [
        new IntabError("c", "gpu", { cause: { message: "out of memory" } }),
        error => expect(error.cause).toBe("out of memory"),
      ],
      [new DOMException("late", "TimeoutError"), error => expect(error).toBeInstanceOf(DOMException)],
    ];
    for (const [thrown, check] of causes)
      check(await failure(load(blob, { worker: start({ load: () => Promise.reject(thrown) }).worker })));
  });
});

describe("the engine on the page", () => {
  test("an abort of load() rejects with the signal's own reason, before the call and in it", async () => {
    const reason = { custom: true };
    expect(await failure(load(blob, { signal: AbortSignal.abort(reason) }))).toBe(reason);
    const { cancel, cancelled } = cancellation();
    const { worker } = start({
      cancel,
      load: async () => {
        await cancelled;
        throw new DOMException("aborted", "AbortError");
      },
    });
    const controller = new AbortController();
    const loading = failure(load(blob, { worker, signal: controller.signal }));
    controller.abort(reason);
    expect(await loading).toBe(reason);
  });

  test("a signal aborted before generate() still gives a result, and never throws from the call", async () => {
    const { cancel, cancelled } = cancellation();
    const result = { text: "", finishReason: "abort" } as GenerateResult;
    const { worker } = start({ cancel, generate: () => cancelled.then(() => result) });
    const model = await load(blob, { worker });
    const generation = model.generate("x", { signal: AbortSignal.abort() });
    expect((await generation).finishReason).toBe("abort");
    for await (const _ of generation) expect.unreachable();
  });

  test("leaving a for await cancels in the worker, and the next call works", async () => {
    const { cancel, cancelled } = cancellation();
    const generate: Host["generate"] = async (_, prompt, __, deliver) => {
      await deliver({ text: "a", ids: [1] });
      if ("text" in prompt && prompt.text === "first") await cancelled;
      return { text: "a" } as GenerateResult;
    };
    const model = await load(blob, { worker: start({ cancel, generate }).worker });
    for await (const _ of model.generate("first")) break;
    expect((await model.generate("second")).text).toBe("a");
  });

  test("an onProgress that throws ends no load and is reported", async () => {
    const reported: unknown[] = [];
    const before = globalThis.reportError;
    globalThis.reportError = error => void reported.push(error);
    const { worker } = start({
      load: async (_, __, ___, onProgress) => {
        await onProgress({ phase: "header" } as LoadProgress);
        return info;
      },
    });
    const wrong = new Error("in the page's own code");
    const onProgress = (): void => {
      throw wrong;
    };
    await load(blob, { worker, onProgress });
    expect(reported).toEqual([wrong]);
    globalThis.reportError = before;
  });

  test("a worker that breaks down ends every call, the next ones too, and dispose()", async () => {
    const never = new Promise<never>(() => {});
    const { worker, fake } = start({ generate: () => never, score: () => never, dispose: () => never });
    const model = await load(blob, { worker });
    const calls = [failure(model.generate("x")), failure(model.score([1, 2]))];
    fake.dispatchEvent(Object.assign(new Event("error"), { message: "out of memory" }));
    for (const error of [...(await Promise.all(calls)), await failure(model.generate("y"))]) {
      expect(error).toBeInstanceOf(DisposedError);
      expect(error.code).toBe("worker-failed");
    }
    await model.dispose();
  });

  test("no call outlives dispose(), called once or twice", async () => {
    const never = new Promise<never>(() => {});
    const { worker, fake } = start({ generate: () => never, logits: () => never });
    const model = await load(blob, { worker });
    const calls = [failure(model.generate("x")), failure(model.logits([1]))];
    await Promise.all([model.dispose(), model.dispose()]);
    for (const error of await Promise.all(calls)) expect(error).toMatchObject({ code: "disposed" });
    expect(await failure(model.generate("y"))).toBeInstanceOf(DisposedError);
    expect(fake.terminated).toBe(false); // it is the caller's
  });

  test("a lost GPU reaches the caller as DeviceLostError by iteration and by result", async () => {
    const thrown = new DeviceLostError("device-lost", "gone");
    const { worker } = start({ generate: () => Promise.reject(thrown) });
    const model = await load(blob, { worker });
    const generation = model.generate("x");
    await expect(generation[Symbol.asyncIterator]().next()).rejects.toBeInstanceOf(DeviceLostError);
    expect(await failure(generation)).toBeInstanceOf(DeviceLostError);
  });
});
