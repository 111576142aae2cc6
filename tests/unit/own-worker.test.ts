// The page's engine and the worker's host, over a real message channel; only the models are the test's own.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expose } from "comlink";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { loadTokenizer, openTemplate } from "../../src/api/tokenizer.ts";
import { HELLO, type Host } from "../../src/boundary/protocol.ts";
import { unlessLost } from "../../src/gpu/loss.ts";
import { fit, load } from "../../src/page/load.ts";
import type { GenerateResult, ModelInfo } from "../../src/types.ts";
import { createHost } from "../../src/worker/host.ts";

const { loadModel, fitModel, loadText } = vi.hoisted(() => ({
  loadModel: vi.fn(),
  fitModel: vi.fn(),
  loadText: vi.fn(),
}));
vi.mock("../../src/load/load-model.ts", () => ({ loadModel }));
vi.mock("../../src/load/fit.ts", () => ({ fitModel }));
vi.mock("../../src/load/load-text.ts", () => ({ loadText }));
vi.mock("../../src/worker/embedded.ts", () => ({ startEmbedded: () => new Worker("blob:embedded") }));

class ChannelWorker extends EventTarget {
  readonly #port: MessagePort;
  readonly #inner: MessagePort;
  terminated = false;
  constructor(host: Partial<Host>) {
    super();
    const { port1, port2 } = new MessageChannel();
    this.#inner = port2;
    expose(host, port2);
    port1.addEventListener("message", event =>
      this.dispatchEvent(new MessageEvent("message", { data: event.data, ports: [...event.ports] })),
    );
    port1.start();
    this.#port = port1;
  }
  postMessage(message: unknown, transfer: Transferable[] = []): void {
    this.#port.postMessage(message, transfer as never);
  }
  terminate(): void {
    this.terminated = true;
    this.#port.close();
    this.#inner.close();
  }
}

const blob = new Blob(["GGUF"]);
const workers: ChannelWorker[] = [];
let names = 0;
const info = (): ModelInfo => ({ name: `model ${names++}` }) as ModelInfo;
const tokenizer = (ids: number[]) => ({ encode: () => ids, decode: () => "text" });
const session = () => ({
  info: info(),
  tokenizer: tokenizer([1]),
  template: { render: () => "model's" },
  generate: async () => ({ text: "answer", finishReason: "stop" }) as GenerateResult,
  score: async () => new Float32Array(100),
  dispose: vi.fn(async () => {}),
});

function given(host: Partial<Host> = createHost()): { worker: Worker; fake: ChannelWorker } {
  const fake = new ChannelWorker(host);
  workers.push(fake);
  return { worker: fake as unknown as Worker, fake };
}

/** Fails instead of hanging. */
const within = async <T>(ms: number, work: PromiseLike<T>): Promise<T> => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Not settled after ${ms} ms`)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
};
const failure = (work: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(work).then(
    () => {
      throw new Error("It did not fail");
    },
    error => error,
  );

beforeEach(() => {
  loadModel.mockReset().mockImplementation(async () => session());
  fitModel.mockReset().mockImplementation(async () => ({ fits: true }));
  loadText.mockReset().mockImplementation(async () => ({
    tokenizer: tokenizer([2]),
    template: { render: () => "file's" },
    info: {},
  }));
});
afterEach(() => {
  for (const worker of workers.splice(0)) worker.terminate();
  vi.unstubAllGlobals();
});

describe("a worker of the caller's", () => {
  test("serves fit, load, dispose, load, a failed load and a good one, in this order", async () => {
    const { worker, fake } = given();
    expect(await within(5000, fit(blob, { worker }))).toEqual({ fits: true });
    const first = await within(5000, load(blob, { worker }));
    await within(5000, first.dispose());
    const second = await within(5000, load(blob, { worker }));
    expect((await within(5000, second.generate("x"))).text).toBe("answer");
    await within(5000, second.dispose());
    loadModel.mockImplementationOnce(() => Promise.reject(new RangeError("broken")));
    expect(await within(5000, failure(load(blob, { worker })))).toMatchObject({ message: "broken" });
    const third = await within(5000, load(blob, { worker }));
    expect((await within(5000, third.generate("x"))).text).toBe("answer");
    expect(fake.terminated).toBe(false);
  });

  test("refuses a second model, and the first goes on", async () => {
    const { worker } = given();
    const model = await load(blob, { worker });
    const error = await within(5000, failure(load(blob, { worker })));
    expect(error).toMatchObject({ name: "InputError", details: { option: "worker" } });
    expect((await within(5000, model.generate("x"))).text).toBe("answer");
    expect(await within(5000, fit(blob, { worker }))).toEqual({ fits: true });
    expect((await within(5000, model.generate("x"))).text).toBe("answer");
  });

  test("holds tokenizers beside a model, each with its own text, and disposes what it is told to", async () => {
    const { worker } = given();
    const model = await load(blob, { worker });
    const text = await loadTokenizer(blob, { worker });
    const template = openTemplate("{{ messages[0].content }}", { worker });
    expect(await model.tokenize("x")).toEqual([1]);
    expect(await text.tokenize("x")).toEqual([2]);
    expect(await model.renderChat([{ role: "user", content: "a" }])).toBe("model's");
    expect(await text.renderChat([{ role: "user", content: "a" }])).toBe("file's");
    expect(await template.render([{ role: "user", content: "b" }])).toBe("b");
    await template.dispose();
    await text.dispose();
    expect(await within(5000, model.tokenize("x"))).toEqual([1]);
    expect((await within(5000, model.generate("x"))).text).toBe("answer");
  });

  test("is not cancelled by another call's signal or another model's end", async () => {
    const { worker } = given();
    const model = await load(blob, { worker });
    let finish = (_: unknown): void => {};
    fitModel.mockImplementation(() => new Promise(resolve => (finish = resolve)));
    const fitting = fit(blob, { worker });
    await expect.poll(() => fitModel.mock.calls.length).toBe(1);
    await model.dispose();
    finish({ fits: false });
    expect(await within(5000, fitting)).toEqual({ fits: false });
  });

  test("may load again at once where an aborted load does not end", async () => {
    const { worker } = given();
    loadModel.mockImplementationOnce(() => new Promise(() => {})); // a database that never answers
    const controller = new AbortController();
    const loading = failure(load(blob, { worker, signal: controller.signal }));
    await expect.poll(() => loadModel.mock.calls.length).toBe(1);
    controller.abort("enough");
    expect(await within(1000, loading)).toBe("enough");
    const model = await within(1000, load(blob, { worker }));
    expect((await model.generate("x")).text).toBe("answer");
  });
});

describe("a worker that does not answer", () => {
  /** intab's own worker, which is the test's, and says that it runs. */
  const own = (fake: ChannelWorker, says: unknown = HELLO): ChannelWorker => {
    vi.stubGlobal("location", new URL("http://page.test/"));
    vi.stubGlobal(
      "Worker",
      class {
        constructor() {
          queueMicrotask(() => fake.dispatchEvent(new MessageEvent("message", { data: says })));
          // biome-ignore lint/correctness/noConstructorReturn: stands for the browser's class
          return fake;
        }
      },
    );
    return fake;
  };
  class Deaf extends EventTarget {
    terminated = false;
    postMessage(): void {}
    terminate(): void {
      this.terminated = true;
    }
  }

  test.each([
    ["load", "deaf", load, HELLO],
    ["fit", "deaf", fit, HELLO],
    ["loadTokenizer", "deaf", loadTokenizer, HELLO],
    ["load", "starting", load, "no greeting"],
  ] as const)(
    "%s ends within a second of its signal, and our %s worker is terminated",
    async (_, __, call, says) => {
      const fake = own(new Deaf() as unknown as ChannelWorker, says);
      const controller = new AbortController();
      const calling = failure(call(blob, { signal: controller.signal }));
      await new Promise(resolve => setTimeout(resolve, 50));
      controller.abort("enough");
      expect(await within(1000, calling)).toBe("enough");
      expect(fake.terminated).toBe(true);
    },
  );

  test("generations end with what came, other calls with the reason; the caller's worker is left", async () => {
    const never = new Promise<never>(() => {});
    const { worker, fake } = given({
      load: async () => info(),
      generate: async (_, __, ___, deliver) => {
        await deliver({ text: "so far", ids: [1, 2] });
        return never;
      },
      score: () => never,
      cancel: () => never as never,
    });
    const model = await load(blob, { worker });
    const controller = new AbortController();
    const { signal } = controller;
    const generation = model.generate("x", { signal });
    const texts: string[] = [];
    for await (const { text } of generation) {
      texts.push(text);
      controller.abort("enough");
    }
    const result = await within(1000, generation);
    expect(result).toMatchObject({ text: "so far", ids: [1, 2], finishReason: "abort" });
    expect(texts).toEqual(["so far"]);
    const late = new AbortController();
    const scoring = failure(model.score([1], { signal: late.signal }));
    late.abort("stop");
    expect(await within(1000, scoring)).toBe("stop");
    expect(fake.terminated).toBe(false);
  });

  test("an own one that does not hear of a cancellation is terminated, and later calls say so", async () => {
    const never = new Promise<never>(() => {});
    const host = { load: async () => info(), score: () => never, cancel: () => never as never };
    const fake = own(given(host).fake);
    const model = await load(blob);
    const controller = new AbortController();
    const scoring = failure(model.score([1], { signal: controller.signal }));
    controller.abort("stop");
    expect(await within(1000, scoring)).toBe("stop");
    expect(fake.terminated).toBe(false); // it may only be slow
    await expect.poll(() => fake.terminated, { timeout: 8000 }).toBe(true);
    expect(await failure(model.score([1]))).toMatchObject({ code: "worker-failed" });
  });

  test("a stream of empty pieces leaves the page its turns, and the load ends by its signal", async () => {
    const { worker } = given();
    loadModel.mockImplementation(async pull => {
      await pull();
      return session();
    });
    const stream = new ReadableStream<Uint8Array>({ pull: to => to.enqueue(new Uint8Array(0)) });
    const controller = new AbortController();
    const loading = failure(load(stream, { worker, signal: controller.signal }));
    setTimeout(() => controller.abort("enough"), 50);
    expect(await within(2000, loading)).toBe("enough");
    expect(stream.locked).toBe(false);
  });

  test("a stream is free again where its own cancel() never ends", async () => {
    const { worker } = given();
    loadModel.mockImplementation(() => Promise.reject(new RangeError("broken")));
    const stream = new ReadableStream<Uint8Array>({ cancel: () => new Promise(() => {}) });
    await within(1000, failure(load(stream, { worker })));
    expect(stream.locked).toBe(false);
  });

  test("one that ended itself ends its calls, as the lock tells that it held", async () => {
    let free = (): void => {};
    const held = new Promise<void>(resolve => (free = resolve));
    vi.stubGlobal("navigator", {
      locks: { request: async (_: string, __: object, then: () => void) => held.then(then) },
    });
    const never = new Promise<never>(() => {});
    const { worker } = given({ load: async () => info(), score: () => never, alive: async () => "its lock" });
    const model = await load(blob, { worker });
    const scoring = failure(model.score([1]));
    free();
    expect(await within(1000, scoring)).toMatchObject({ code: "worker-failed" });
  });
});

describe("a worker that cannot start", () => {
  const started: { url: string; options: WorkerOptions | undefined }[] = [];
  /** In which `construct` may refuse to start a script, and all scripts but those that run are missing. */
  function browser(construct: (url: string) => void, runs = (_url: string): boolean => false): void {
    started.length = 0;
    vi.stubGlobal("location", new URL("https://page.test/index.html"));
    vi.stubGlobal(
      "Worker",
      class extends EventTarget {
        constructor(url: string | URL, options?: WorkerOptions) {
          super();
          construct(String(url));
          started.push({ url: String(url), options });
          const event = runs(String(url))
            ? new MessageEvent("message", { data: HELLO })
            : new Event("error", { cancelable: true });
          queueMicrotask(() => this.dispatchEvent(event));
        }
        postMessage(): void {}
        terminate(): void {}
      },
    );
  }

  test("is told with address, recipe and cause where the browser refuses it, and the stream is left free", async () => {
    const reason = new TypeError("This document requires 'TrustedScriptURL' assignment.");
    browser(() => {
      throw reason;
    });
    const stream = new Blob(["x"]).stream();
    const error = (await failure(load(stream))) as Error & { details: { url: string } };
    expect(error).toMatchObject({ name: "DisposedError", code: "worker-failed", cause: reason });
    expect(error.details.url).toMatch(/worker\.ts/);
    expect(error.message).toContain(error.details.url);
    expect(error.message).toContain("{ worker }");
    expect(stream.locked).toBe(false);
  });

  test("is told with address and recipe where neither its script nor the embedded one runs", async () => {
    browser(() => {});
    const error = (await within(1000, failure(load(blob)))) as Error & { details: { url: string } };
    expect(error).toMatchObject({ code: "worker-failed" });
    expect(started.map(({ url }) => url.slice(0, 13))).toEqual([
      expect.stringMatching(/^blob:/),
      "blob:embedded",
    ]);
    expect(error.message).toContain(error.details.url);
    expect(error.message).toContain("Access-Control-Allow-Origin");
  });

  test("is started from the embedded script, and the next one without looking for the file", async () => {
    browser(
      () => {},
      url => url === "blob:embedded",
    );
    vi.resetModules(); // what this page learns is not for the other tests
    const page = await import("../../src/api/tokenizer.ts");
    page.openTemplate("x");
    await expect.poll(() => started.length).toBe(2);
    expect(started[1]?.url).toBe("blob:embedded");
    await new Promise(resolve => setTimeout(resolve));
    page.openTemplate("x");
    await expect.poll(() => started.slice(2).map(({ url }) => url)).toEqual(["blob:embedded"]);
  });

  test("on another origin is started from a Blob that imports its address", async () => {
    browser(url => {
      if (!url.startsWith("blob:")) throw new DOMException("other origin", "SecurityError");
    });
    const blobs: Blob[] = [];
    const create = vi.spyOn(URL, "createObjectURL").mockImplementation(made => {
      blobs.push(made as Blob);
      return "blob:https://page.test/1";
    });
    const before = globalThis.Worker;
    await within(1000, failure(load(blob)));
    create.mockRestore();
    expect(globalThis.Worker).toBe(before);
    expect(started[0]).toEqual({
      url: "blob:https://page.test/1",
      options: expect.objectContaining({ type: "module" }),
    });
    expect(await blobs[0]?.text()).toMatch(/^import "file:.*worker\.ts";/);
  });

  test("and a place without workers says so", async () => {
    vi.stubGlobal("Worker", undefined);
    const error = await failure(load(blob));
    expect(error).toMatchObject({ name: "GpuUnavailableError", code: "no-worker" });
    expect((error as Error).message).toContain("Node");
    expect(() => openTemplate("x")).toThrow("Node");
  });
});

describe("memory", () => {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  const heap = async (): Promise<number> => {
    for (let i = 0; i < 3; i++) {
      await new Promise(resolve => setTimeout(resolve, 10));
      gc();
    }
    return process.memoryUsage().heapUsed;
  };
  /** Bytes that each of 10,000 calls leaves, after the first 1,000. */
  const perCall = async (call: (n: number) => Promise<unknown>): Promise<number> => {
    for (let n = 0; n < 1000; n++) await call(n);
    const before = await heap();
    for (let n = 0; n < 10_000; n++) await call(n);
    return ((await heap()) - before) / 10_000;
  };

  test("stays flat over 10,000 waits for a GPU that lives on", async () => {
    const gpu = { lost: new Promise<never>(() => {}) };
    expect(await perCall(n => unlessLost(gpu, Promise.resolve({ n })))).toBeLessThan(50);
    // what is measured does tell: the same by Promise.race
    expect(await perCall(n => Promise.race([Promise.resolve({ n }), gpu.lost]))).toBeGreaterThan(50);
  });

  test("stays flat over 10,000 calls of a model", async () => {
    const { worker } = given();
    const model = await load(blob, { worker });
    const { signal } = new AbortController();
    expect(await perCall(() => model.score([1, 2], { signal }))).toBeLessThan(50);
  });

  test("a lost GPU ends those who wait and those who come later", async () => {
    let lose = (_: Error): void => {};
    const gpu = { lost: new Promise<never>((_, reject) => (lose = reject)) };
    const waiting = failure(unlessLost(gpu, new Promise(() => {})));
    lose(new RangeError("lost"));
    expect(await waiting).toBeInstanceOf(RangeError);
    expect(await failure(unlessLost(gpu, new Promise(() => {})))).toBeInstanceOf(RangeError);
    // a buffer that is mapped at that time rejects when it is destroyed: unhandled, that would fail this run
    expect(await failure(unlessLost(gpu, Promise.reject(new Error("unmapped"))))).toBeInstanceOf(RangeError);
    await new Promise(resolve => setTimeout(resolve));
  });
});
