// How the benchmark runs things: warm-up, clocks by part, peers in their processes, and machines that lack something.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { smClock, watchClocks } from "../../bench/lib/clocks.mjs";
import { runPeers } from "../../bench/lib/peers.mjs";
import type { BenchJob, BenchStep } from "../../bench/lib/report.d.mts";
import { timedRuns } from "../../bench/lib/series.mjs";
import { measureBandwidth } from "../../demo/bench/bandwidth.ts";
import { traceFrames } from "../../demo/bench/frames.ts";
import { measure } from "../../demo/bench/measure.ts";

const engine = vi.hoisted(() => ({ load: vi.fn(), models: { remove: vi.fn() } }));
vi.mock("intab", () => engine);

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "intab-runs-"));
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

describe("the warm-up", () => {
  /** Rates by the time that has passed, ms; a run takes `ms`. */
  const series = async (rateAt: (at: number) => number, ms: number, warmUpMs: number, runs = 5) => {
    vi.useFakeTimers({ toFake: ["performance"] });
    const all: number[] = [];
    const started = performance.now();
    const once = async () => {
      const rate = rateAt(performance.now() - started);
      vi.advanceTimersByTime(ms);
      all.push(rate);
      return { rate };
    };
    const counted = await timedRuns({ runs, warmUpMs }, once, ({ rate }) => rate);
    return { counted: counted.map(({ rate }) => rate), warm: all.length - counted.length };
  };

  test("outlasts a clock that rises in steps on which neighbours agree", async () => {
    // native llama.cpp on an H100: 12.5 k for some 0.3 s of load, then 17 k, then 34 k tokens per second
    const ramp = (at: number) => (at < 300 ? 12_500 : at < 900 ? 17_000 : 34_000);
    const { counted, warm } = await series(ramp, 40, 2000);
    expect(counted).toEqual([34_000, 34_000, 34_000, 34_000, 34_000]);
    expect(warm).toBe(50);
  });

  test("goes on until two runs in a row agree within 5 %", async () => {
    const rising = (at: number) => Math.min(450, 337 + 0.05 * at);
    const { counted } = await series(rising, 300, 0, 3);
    // 337, 352: 4.3 % apart
    expect(counted).toEqual([367, 382, 397]);
    const falling = (at: number) => Math.max(100, 400 - 0.1 * at);
    expect((await series(falling, 300, 0, 1)).counted).toEqual([100]);
  });

  test("ends where nothing settles, 10 s beyond its least time", async () => {
    let turn = 0;
    const { warm } = await series(() => (turn++ % 2 ? 100 : 200), 500, 1000);
    expect(warm).toBe(22);
    expect((await series(() => Number.NaN, 4000, 0)).warm).toBe(3);
  });
});

describe("the clocks", () => {
  const fake = (script: string) => {
    writeFileSync(join(folder, "nvidia-smi"), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, "nvidia-smi"), 0o755);
    vi.stubEnv("PATH", `${folder}${delimiter}${process.env.PATH}`);
  };

  test.skipIf(process.platform === "win32")("are noted with the part in which they were read", async () => {
    const next = join(folder, "next");
    fake(`echo "H100, 580, 345, 1000, 70.5"
until [ -e ${next} ]; do sleep 0.02; done
echo "H100, 580, 1980, 2600, 400"; echo "H100, 580, 1500, 2600, 410"; printf "H100, 580, 9"
touch ${next}-done; exec sleep 60`);
    const clocks = watchClocks("load");
    await vi.waitFor(() => expect(existsSync(join(folder, "nvidia-smi"))).toBe(true));
    await new Promise(resolve => setTimeout(resolve, 300));
    clocks.enter("prefill");
    writeFileSync(next, "");
    await vi.waitFor(() => expect(existsSync(`${next}-done`)).toBe(true), 10_000);
    await new Promise(resolve => setTimeout(resolve, 100));
    const told = await clocks.end();
    expect(told).toEqual({
      gpu: "H100",
      driver: "580",
      part: ["load", "prefill", "prefill"],
      smMHz: [345, 1980, 1500],
      memoryMHz: [1000, 2600, 2600],
      watts: [70.5, 400, 410],
    });
    expect([smClock(told, "prefill"), smClock(told, "decode")]).toEqual([1740, undefined]);
  });

  test("are nothing where there is no nvidia-smi", async () => {
    vi.stubEnv("PATH", folder);
    expect(await watchClocks("load").end()).toBeNull();
  });

  test.skipIf(process.platform === "win32")("signal nobody where there is no nvidia-smi", async () => {
    const module = JSON.stringify(new URL("../../bench/lib/clocks.mjs", import.meta.url).href);
    const script = `const { watchClocks } = await import(${module}); await watchClocks("load").end();`;
    // a process group of its own: one that it signals is not ours
    const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
      detached: true,
      env: { PATH: folder },
    });
    expect(await once(child, "close")).toEqual([0, null]);
  });
});

describe("native llama.cpp", () => {
  const job = {
    file: "model.gguf",
    contextLength: 64,
    vocabularySize: 100,
    prefill: [8],
    decodeAt: [0],
    decodeTokens: 3,
    runs: 2,
    warmUpMs: 50,
  };
  const run = (limitMs: number) =>
    runPeers(["native"], job, { folder, given: true, models: {}, nativeBatch: 16, limitMs });

  /** A package of the right name and version whose model is `sequence`. */
  const install = async (sequence: string) => {
    const [refused] = await run(1000);
    const wanted = /npm install .*/.exec(refused && "notRun" in refused ? refused.notRun : "")![0];
    for (const [, name = "", version] of wanted.matchAll(/ (@?[^@ ]+)@([\d.]+)/g)) {
      mkdirSync(join(folder, "node_modules", name, "dist"), { recursive: true });
      const manifest = { name, version, type: "module" };
      writeFileSync(join(folder, "node_modules", name, "package.json"), JSON.stringify(manifest));
    }
    writeFileSync(
      join(folder, "node_modules/node-llama-cpp/dist/index.js"),
      `import { appendFileSync } from "node:fs";
      const sequence = ${sequence};
      const model = { createContext: async () => ({ getSequence: () => sequence }) };
      export const getLlama = async () => ({ gpu: false, cpuMathCores: 2, loadModel: async () => model });`,
    );
  };

  test("is warmed up and timed in a process of its own", async () => {
    const log = JSON.stringify(join(folder, "log"));
    await install(`{
      clearHistory: async () => appendFileSync(${log}, "c"),
      async *evaluate(ids) {
        for (;;) { await new Promise(resolve => setTimeout(resolve, 10)); yield ids.length; }
      },
    }`);
    const [peer] = await run(30_000);
    expect(peer).toMatchObject({ name: "native", on: "CPU, 2 cores", clocks: null });
    if (!peer || "notRun" in peer) throw new Error("it did not run");
    const [prefill, decode] = [peer.prefill[0]!, peer.decode[0]!];
    expect([prefill.tokens, prefill.tokensPerSecond.length, decode.tokensPerSecond.length]).toEqual([
      8, 2, 2,
    ]);
    // 8 tokens in 10 ms or more, one after the other in 10 ms or more; timers may be 1 ms early
    for (const rate of prefill.tokensPerSecond) expect(rate > 0 && rate < 890).toBe(true);
    for (const rate of decode.tokensPerSecond) expect(rate > 0 && rate < 112).toBe(true);
    // at least two runs of either to warm up
    expect(readFileSync(join(folder, "log"), "utf8").length).toBeGreaterThanOrEqual(8);
  });

  test("is ended at its limit, and says so", async () => {
    const file = JSON.stringify(join(folder, "pid"));
    await install(`{
      clearHistory: () => {
        appendFileSync(${file}, String(process.pid));
        return new Promise(resolve => setTimeout(resolve, 100_000));
      },
    }`);
    const [peer] = await run(3000);
    expect(peer).toEqual({ name: "native", notRun: "it took longer than 0.05 minutes (--peer-minutes)" });
    const pid = Number(readFileSync(join(folder, "pid"), "utf8"));
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  });

  test("says why it ended where it fails", async () => {
    await install('{ clearHistory: async () => { throw new Error("out of frogs"); } }');
    expect(await run(30_000)).toEqual([{ name: "native", notRun: "Error: out of frogs" }]);
    rmSync(join(folder, "node_modules"), { recursive: true });
    await install('{ clearHistory: async () => process.kill(process.pid, "SIGKILL") }');
    expect(await run(30_000)).toEqual([{ name: "native", notRun: "its process ended with SIGKILL" }]);
  });
});

describe("what a machine lacks", () => {
  const timings = {
    prefillTokensPerSecond: 100,
    timeToFirstTokenMs: 5,
    longestPrefillSubmitMs: 1,
    decodeTokensPerSecond: 10,
    longestDecodeSubmitMs: 2,
    dispatchesPerToken: 7,
    submitsPerToken: 1,
  };
  const job: BenchJob = {
    source: "model.gguf",
    loadOptions: {},
    prefill: [4],
    decodeAt: [0],
    decodeTokens: 2,
    runs: 2,
    loadRuns: 1,
    warmUpMs: 0,
    bandwidth: false,
    profile: [{ phase: "decode" }],
  };
  const measureOn = async (features: string[]) => {
    vi.stubGlobal("requestAnimationFrame", () => 0);
    vi.stubGlobal("cancelAnimationFrame", () => {});
    const profile = vi.fn(async () => {
      if (!features.includes("timestamp-query")) throw new Error("no-timestamps");
      return { phase: "decode", context: 0, rows: 1, kernels: [], wholeMicroseconds: 1 };
    });
    const model = {
      info: { vocabularySize: 10, contextLength: 16, adapter: { features } },
      generate: async () => ({ timings }),
      profile,
      dispose: vi.fn(),
    };
    engine.load.mockResolvedValue(model);
    const phases: BenchStep["phase"][] = [];
    const onStep = ({ phase }: BenchStep) => void phases.push(phase);
    return { measured: await measure(job, { onStep }), phases };
  };

  test("timestamp queries: the kernels are not timed, and all else is kept", async () => {
    const { measured, phases } = await measureOn(["shader-f16"]);
    expect(measured.profile).toEqual([]);
    expect(measured.prefill[0]).toEqual({
      tokens: 4,
      tokensPerSecond: [100, 100],
      firstTokenMs: [5, 5],
      longestSubmitMs: [1, 1],
    });
    expect(measured.decode[0]).toMatchObject({ tokensPerSecond: [10, 10], dispatchesPerToken: 7 });
    expect(phases).toEqual(["load", "load", "prefill", "decode"]);
    const with_ = await measureOn(["timestamp-query"]);
    expect(with_.measured.profile).toHaveLength(1);
    expect(with_.phases.at(-1)).toBe("profile");
  });

  /** Any method answers with more of the same. */
  const anything: object = new Proxy(() => {}, {
    get: (_, name) => (name === "then" ? undefined : anything),
    apply: () => anything,
  });
  const adapter = (requestDevice: () => Promise<unknown>) => {
    vi.stubGlobal("GPUBufferUsage", {});
    vi.stubGlobal("navigator", {
      gpu: {
        requestAdapter: async () => ({
          info: { isFallbackAdapter: true },
          limits: { maxBufferSize: 2 ** 27, maxStorageBufferBindingSize: 2 ** 27 },
          features: new Set(),
          requestDevice,
        }),
      },
    });
  };

  test("a device, or room on it: no bandwidth is measured", async () => {
    adapter(() => Promise.reject(new DOMException("the driver refused", "OperationError")));
    expect(await measureBandwidth()).toBeNull();
    const destroy = vi.fn();
    const full = { popErrorScope: async () => new Error("out of memory"), destroy };
    const get = (has: object, name: PropertyKey) => Reflect.get(has, name) ?? Reflect.get(anything, name);
    const device = new Proxy(full, { get });
    adapter(async () => device);
    expect(await measureBandwidth()).toBeNull();
    expect(destroy).toHaveBeenCalledOnce();
    adapter(() => Promise.reject(new TypeError("a fault of ours")));
    await expect(measureBandwidth()).rejects.toThrow("a fault of ours");
  });
});

test("the trace of frames keeps every interval, to a tenth of a millisecond", () => {
  let frame: (now: number) => void = () => {};
  vi.stubGlobal("requestAnimationFrame", (callback: typeof frame) => {
    frame = callback;
    return 1;
  });
  vi.stubGlobal("cancelAnimationFrame", () => {});
  const end = traceFrames();
  for (const now of [1000, 1016.6667, 1033.3333, 1083.31]) frame(now);
  expect(end()).toEqual({
    count: 3,
    medianMs: 16.7,
    p99Ms: expect.closeTo(49.334),
    longestMs: 50,
    intervalsMs: [16.7, 16.7, 50],
  });
  expect(traceFrames()()).toBeNull();
});
