// What the benchmark makes of its single runs: statistics, the table, the comparison, the chart, the command line.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { profileChart } from "../../bench/lib/chart.mjs";
import { compareReports, printComparison, readReport, verdict } from "../../bench/lib/compare.mjs";
import { heapPeaks } from "../../bench/lib/heap.mjs";
import { format, metricsOf, range } from "../../bench/lib/metrics.mjs";
import { HELP, parseBenchArguments } from "../../bench/lib/options.mjs";
import { printReport } from "../../bench/lib/print.mjs";
import { promptIds } from "../../bench/lib/prompt.mjs";
import type { Clocks, Report } from "../../bench/lib/report.d.mts";
import { reportText } from "../../bench/lib/report-text.mjs";
import { median, quantile, rankTest } from "../../bench/lib/statistics.mjs";
import { table } from "../../bench/lib/table.mjs";

const report = (change: { decode?: number[] } = {}): Report => ({
  format: "intab-bench-1",
  date: "2026-11-23T05:00:00.000Z",
  browser: "Chromium 156",
  flags: ["--a"],
  commit: "abc",
  model: { name: "m.gguf", bytes: 2e6 },
  job: {
    loadOptions: {},
    prefill: [512],
    decodeAt: [0],
    decodeTokens: 100,
    runs: 5,
    loadRuns: 1,
    warmUpMs: 0,
    bandwidth: true,
    profile: [],
  },
  info: {
    weightBytesPerToken: 900e6,
    kvBytesPerPosition: 2e6,
    gpuBytes: 1.5e9,
    contextLength: 128,
    tensorTypes: { Q4_0: 3 },
    kernels: { matmul: ["matrix-128x128", "matrix-64x64"], matvec: ["subgroups"] },
    adapter: { vendor: "v", architecture: "a", description: "", fallback: false, features: ["shader-f16"] },
  } as unknown as Report["info"],
  bandwidth: { bytesPerSecond: [2e12, 2.5e12, 2.1e12], clock: "GPU timestamps" },
  load: { coldMs: [900], cachedMs: [300], fileMs: [], firstTokenMs: [310] },
  prefill: [
    { tokens: 512, tokensPerSecond: [10_000, 10_400, 10_200], firstTokenMs: [50], longestSubmitMs: [20, 31] },
  ],
  decode: [
    {
      context: 0,
      tokensPerSecond: change.decode ?? [400, 410, 405, 395, 402],
      dispatchesPerToken: 154,
      submitsPerToken: 0.1,
      longestSubmitMs: [16, 17],
    },
  ],
  frames: { count: 100, medianMs: 16.7, p99Ms: 17.1, longestMs: 33 },
  heap: {
    peakBytes: 50e6,
    heap: { before: 2e6, peak: 26e6 },
    arrayBuffers: { before: 100e3, peak: 24.5e6, page: 100e3, workers: 24.4e6 },
    samples: 100,
  },
  profile: [
    {
      phase: "decode",
      context: 0,
      rows: 1,
      wholeMicroseconds: 28,
      kernels: [
        { label: 'a <"kernel">', dispatches: 2, microseconds: 10 },
        { label: "b", dispatches: 1, microseconds: 20 },
      ],
    },
  ],
  peers: [
    {
      name: "native",
      version: "1",
      on: "Vulkan",
      prefill: [],
      decode: [{ context: 0, tokensPerSecond: [200, 201, 202] }],
    },
    { name: "webllm", notRun: "it needs a model" },
  ],
});

/** Two samples while loading, the rest in prefill. */
const clocks = (...smMHz: number[]): Clocks => ({
  gpu: "H",
  driver: "1",
  part: ["load", "load", ...smMHz.map(() => "prefill")],
  smMHz: [345, 345, ...smMHz],
  memoryMHz: [],
  watts: [],
});

describe("statistics", () => {
  test("medians and quantiles are those of the sorted values", () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([5])]).toEqual([2, 2.5, 5]);
    expect(median([])).toBeNaN();
    expect(quantile([0, 10, 20, 30], 0.99)).toBeCloseTo(29.7);
  });

  test("the rank test gives the exact probabilities of small groups", () => {
    expect(rankTest([1, 2, 3, 4, 5], [6, 7, 8, 9, 10])).toBeCloseTo(2 / 252);
    expect(rankTest([6, 7, 8, 9, 10], [1, 2, 3, 4, 5])).toBeCloseTo(2 / 252);
    expect(rankTest([1, 2, 3], [4, 5, 6])).toBeCloseTo(2 / 20);
    expect(rankTest([1, 4], [2, 3])).toBe(1);
    expect(rankTest([1, 1, 1], [1, 1, 1])).toBe(1);
    // one exchange: sums 16 and 17 against 15 are the next most extreme
    expect(rankTest([1, 2, 3, 4, 6], [5, 7, 8, 9, 10])).toBeCloseTo(4 / 252);
    expect(rankTest([], [1])).toBe(1);
  });
});

describe("the comparison", () => {
  const against = (values: number[], after: number[], better: "higher" | "lower" = "higher") =>
    verdict({ values, better }, { values: after });
  const noisy = [100, 103, 98, 101, 99];

  test("calls a clear change by its direction, and noise the same", () => {
    expect(against(noisy, [120, 122, 118, 121, 119])).toBe("better");
    expect(against(noisy, [80, 82, 78, 81, 79])).toBe("worse");
    expect(against(noisy, [80, 82, 78, 81, 79], "lower")).toBe("better");
    expect(against(noisy, [102, 97, 104, 100, 99])).toBe("same");
    expect(against(noisy, [120, 122, 102, 121, 119])).toBe("same"); // one run lies among the others
    expect(against([100, 100, 100, 100, 100], [100.5, 100.5, 100.5, 100.5, 100.5])).toBe("same");
  });

  test("says where runs are too few, and takes single figures with a margin", () => {
    expect(against([100, 101, 99], [120, 121, 119])).toBe("too few runs");
    expect([against([100], [105]), against([100], [120]), against([100], [80])]).toEqual([
      "same",
      "better",
      "worse",
    ]);
  });

  test("names what moved between two reports, and what differs in their settings", () => {
    const faster = {
      ...report({ decode: [500, 505, 498, 502, 501] }),
      browser: "Chromium 157",
      commit: "def",
    };
    const moved = compareReports(report(), faster).filter(({ verdict: word }) => word !== "same");
    expect(moved.map(({ before, verdict: word }) => [before.name, word])).toEqual([
      ["decode at 0", "better"],
      ["bandwidth share, decode at 0", "better"],
    ]);
    const text = printComparison(report(), faster);
    expect(text).toMatch(/Chromium 156 +Chromium 157/);
    expect(text).toMatch(/decode at 0 .*\+24\.\d %\s+better/);
    expect(text).toContain("2 of 14 figures moved");
  });

  test("names settings, kernels and clocks that differ, and figures that only one report has", () => {
    const { info, job, decode } = report();
    const first = { ...report(), clocks: clocks(1980, 1980, 1500) };
    const second = {
      ...report(),
      job: { ...job, runs: 3 },
      info: { ...info, kernels: { ...info.kernels, matmul: ["tiles"], score: ["plain"] } },
      decode: decode.map(item => ({ ...item, context: 8000 })),
      clocks: clocks(1200, 1980, 1200),
    };
    const text = printComparison(first, second);
    expect(text).toMatch(/timed runs +5 +3\n/);
    expect(text).toMatch(/kernels, matmul +matrix-128x128 matrix-64x64 +tiles\n/);
    expect(text).toMatch(/kernels, score +not told +plain\n/);
    expect(text).not.toContain("kernels, matvec");
    expect(text).toMatch(/SM clock, prefill +1,980 MHz +1,200 MHz\n/);
    expect(text).not.toContain("SM clock, decode");
    expect(text).toMatch(/only in the first +decode at 0; bandwidth share, decode at 0\n/);
    expect(text).toMatch(/only in the second +decode at 8000; bandwidth share, decode at 8000\n/);
    const close = printComparison(first, { ...first, clocks: clocks(1975, 1975) });
    expect(close).not.toMatch(/Not the same|only in/);
    const told = printComparison(report(), first);
    expect(told).toMatch(/GPU +not told +H, driver 1\n/);
    expect(told).not.toContain("SM clock"); // one report alone makes no difference
  });

  test("refuses what is no report", () => {
    const folder = mkdtempSync(join(tmpdir(), "intab-report-"));
    try {
      const file = join(folder, "a.json");
      writeFileSync(file, JSON.stringify(report()));
      expect(readReport(file).commit).toBe("abc");
      writeFileSync(file, "{}");
      expect(() => readReport(file)).toThrow("is no report");
      expect(() => readReport(join(folder, "none.json"))).toThrow("could not be read");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("the table", () => {
  test("lines up its columns", () => {
    expect(
      table(
        [
          ["a", "1"],
          ["long", "22"],
        ],
        "lr",
      ),
    ).toBe("a      1\nlong  22");
  });

  test("shows medians, ranges, units, the share of the bandwidth and the peers' ratios", () => {
    const text = printReport(report());
    expect(text).toMatch(/decode at 0 +402 tok\/s +395-410 +154 dispatches, 0\.10 submits a token/);
    expect(text).toMatch(/memory bandwidth +2,100 GB\/s/);
    // 402 x (900 MB + 50 positions of 2 MB) of 2.1 TB/s
    expect(text).toMatch(/bandwidth share, decode at 0 +19\.1 %/);
    expect(text).toMatch(/longest submit, prefill +31\.0 ms/);
    expect(text).toMatch(/native 1 +on Vulkan\n +decode at 0 +201 +200-202 +402 +2\.00x/);
    expect(text).toContain("not run: it needs a model");
    expect(text).toMatch(/kernels +matmul: matrix-128x128 matrix-64x64; matvec: subgroups\n/);
    expect(text).toMatch(
      /array buffers, peak +25 MB +while loading: page 0\.1 MB, worker 24 MB; 0\.1 MB before/,
    );
    expect(text).not.toContain("load, from the file");
    expect(text).toMatch(/b +1 +20\.00 +20\.0 +66\.7 %/);
    expect(text).not.toContain("NaN");
  });

  test("marks a ratio whose runs lie far apart, on either side", () => {
    const peer = (...tokensPerSecond: number[]) => ({
      ...report(),
      peers: [
        {
          name: "native",
          version: "1",
          on: "Vulkan",
          prefill: [],
          decode: [{ context: 0, tokensPerSecond }],
        },
      ],
    });
    const footnote = "~ runs of one side differ by more than 1.3x";
    expect(printReport(peer(150, 201, 202))).toMatch(/402 +~2\.00x\n~ runs of one side/);
    expect(printReport(peer(160, 201, 202))).not.toContain("~");
    const ours = { ...peer(200, 201, 202), decode: report({ decode: [300, 402, 405] }).decode };
    expect(printReport(ours)).toMatch(/402 +~2\.00x/);
    expect(printReport(ours)).toContain(footnote);
  });

  test("tells the clocks of the timed parts, not of loading", () => {
    const told = printReport({ ...report(), clocks: clocks(1980, 1980, 1500) });
    expect(told).toMatch(/clocks +H, driver 1, SM clock \(median\) 1,980 MHz in prefill\n/);
    const { part: _, ...old } = clocks(1980);
    expect(printReport({ ...report(), clocks: old })).toMatch(/clocks +H, driver 1\n/);
    const peer = { name: "native", version: "1", on: "Vulkan", prefill: [], decode: [] };
    const beside = printReport({ ...report(), peers: [{ ...peer, clocks: clocks(345) }] });
    expect(beside).toContain("on Vulkan, SM clock (median) 345 MHz in prefill");
  });

  test("says that no kernel was timed where that was asked for", () => {
    const job = { ...report().job, profile: [{ phase: "decode" as const }] };
    expect(printReport({ ...report(), job, profile: [] })).toContain("No kernel was timed");
    expect(printReport({ ...report(), job })).not.toContain("No kernel was timed");
    expect(printReport({ ...report(), profile: [] })).not.toContain("No kernel was timed");
  });

  test("is written with each list of numbers in a line, and read back the same", () => {
    const odd = { ...report(), commit: "[\n 1,\n 2\n]", clocks: clocks(1, 2) };
    const text = reportText(odd);
    expect(JSON.parse(text)).toEqual(odd);
    expect(text).toContain('"tokensPerSecond": [400, 410, 405, 395, 402],\n');
    expect(text).toContain('"memoryMHz": []');
    expect(text.endsWith("}\n")).toBe(true);
  });

  test("reads reports of earlier versions, and of a file that was not stored", () => {
    const { kernels: _, ...info } = report().info;
    const { fileMs: __, ...load } = report().load;
    const old = { ...report(), info: info as Report["info"], load, heap: { peakBytes: 50e6 } };
    const text = printReport(old);
    expect(text).toMatch(/JS heap, peak +50 MB/);
    expect(text).not.toMatch(/kernels|array buffers, peak|NaN|undefined/);
    const load_ = { coldMs: [], cachedMs: [], fileMs: [700, 720], firstTokenMs: [730] };
    expect(printReport({ ...report(), load: load_ })).toMatch(/load, from the file +710 ms +700-720/);
  });

  test("keeps the highest sum of page and workers, and forgets workers that ended", () => {
    const peaks = heapPeaks();
    expect(peaks.peak()).toBeNull();
    peaks.note("page", { heap: 2, buffers: 1 });
    peaks.note("a", { heap: 5, buffers: 20 });
    peaks.note("page", { heap: 9, buffers: 3 });
    peaks.forget("a");
    peaks.note("b", { heap: 1, buffers: 21 });
    peaks.note("b", { heap: 1, buffers: 0 });
    expect(peaks.peak()).toEqual({
      peakBytes: 37,
      heap: { before: 2, peak: 14 },
      arrayBuffers: { before: 1, peak: 24, page: 3, workers: 21 },
      samples: 5,
    });
  });

  test("writes figures with as many digits as they deserve", () => {
    expect([
      format(28_444.4, "tok/s"),
      format(12.34, "ms"),
      format(0.07, ""),
      format(1.5e9, "bytes"),
    ]).toEqual(["28,444 tok/s", "12.3 ms", "0.07", "1500 MB"]);
    const metric = metricsOf(report()).find(({ name }) => name === "prefill, 512 tokens")!;
    expect([metric.values.length, range(metric)]).toEqual([3, "10,000-10,400"]);
  });

  test("becomes a picture with a bar per kernel and no stray markup", () => {
    const svg = profileChart("title & more", report().profile);
    expect(svg.match(/<rect class="decode"/g)).toHaveLength(2);
    expect(svg).toContain("a &lt;&quot;kernel&quot;&gt;");
    expect(svg).toContain("title &amp; more");
    expect(svg).not.toMatch(/NaN|undefined/);
  });
});

describe("the command line of the benchmark", () => {
  const measure = (...arguments_: string[]) => {
    const options = parseBenchArguments(arguments_);
    if (options.kind !== "measure") throw new Error("a measurement was expected");
    return options;
  };

  test("reads models, lists and peers", () => {
    expect(measure().model.file).toBe("smollm2");
    expect(measure("--shape", "llama-3.2-1b", "--type", "q8_0").model).toMatchObject({
      shape: { name: "Llama-3.2-1B" },
      type: "Q8_0",
    });
    expect(measure("--prefill", "16,32", "--decode-at", "0", "--runs", "2")).toMatchObject({
      prefill: [16, 32],
      decodeAt: [0],
      runs: 2,
    });
    expect(measure("--prefill", "").prefill).toEqual([]);
    expect([measure().together, measure("--together", "2,8").together]).toEqual([[], [2, 8]]);
    expect([measure().store, measure("--no-store").store]).toEqual([true, false]);
    expect(measure("--against", "native,wllama", "--peer-model", "webllm=/x")).toMatchObject({
      against: ["native", "wllama"],
      peerModels: { webllm: "/x" },
    });
    expect(measure("--json", "out.json").chart).toBe("out-profile.svg");
    expect(parseBenchArguments(["--compare", "a.json", "b.json"])).toEqual({
      kind: "compare",
      before: "a.json",
      after: "b.json",
    });
  });

  test.each([
    [["--shape", "GPT-2"], "no shape"],
    [["--shape", "Qwen2-0.5B", "--type", "Q3_K"], "no type"],
    [["--type", "Q4_0"], "goes with --shape"],
    [["--shape", "Qwen2-0.5B", "--model", "builtin"], "not both"],
    [["--prefill", "0"], "--prefill"],
    [["--decode-at", "1,x"], "--decode-at"],
    [["--runs", "1.5"], "--runs"],
    [["--peer-minutes", "0"], "--peer-minutes"],
    [["--against", "ollama"], "ollama"],
    [["--peer-model", "native=x"], "--peer-model"],
    [["--compare", "a.json"], "two reports"],
    [["a.json"], "no option"],
    [["--nonsense"], "--nonsense"],
  ] as [string[], string][])("refuses %j with exit status 2, saying why", (arguments_, reason) => {
    expect(() => parseBenchArguments(arguments_)).toThrow(
      expect.objectContaining({ name: "UsageError", exitCode: 2, message: expect.stringContaining(reason) }),
    );
  });

  test("documents every option that it takes", () => {
    const source = readFileSync(new URL("../../bench/lib/options.mjs", import.meta.url), "utf8");
    const block = /options: \{([\s\S]*?)\n {6}\},/.exec(source)![1]!;
    const options = [...block.matchAll(/^\s+"?([a-z0-9-]+)"?: /gm)].map(match => match[1]!);
    expect(options.length).toBeGreaterThan(15);
    for (const option of options) expect(HELP).toContain(`--${option}`);
  });

  test("has one prompt for all, within the vocabulary", () => {
    expect(promptIds(100, 50)).toEqual(promptIds(200, 50).slice(0, 100));
    expect(new Set(promptIds(500, 50)).size).toBe(50);
    expect(Math.max(...promptIds(500, 50))).toBeLessThan(50);
  });
});
