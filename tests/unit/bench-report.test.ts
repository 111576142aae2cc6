// What the benchmark makes of its single runs: statistics, the table, the comparison, the chart, the command line.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { profileChart } from "../../bench/lib/chart.mjs";
import { compareReports, printComparison, readReport, verdict } from "../../bench/lib/compare.mjs";
import { format, metricsOf, range } from "../../bench/lib/metrics.mjs";
import { HELP, parseBenchArguments } from "../../bench/lib/options.mjs";
import { printReport } from "../../bench/lib/print.mjs";
import { promptIds } from "../../bench/lib/prompt.mjs";
import type { Report } from "../../bench/lib/report.d.mts";
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
    adapter: { vendor: "v", architecture: "a", description: "", fallback: false, features: ["shader-f16"] },
  } as unknown as Report["info"],
  bandwidth: { bytesPerSecond: [2e12, 2.5e12, 2.1e12], clock: "GPU timestamps" },
  load: { coldMs: [900], cachedMs: [300], firstTokenMs: [310] },
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
  heap: { peakBytes: 50e6, method: "sampled" },
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
    expect(text).toContain("2 of 13 figures moved");
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
    expect(text).toMatch(/b +1 +20\.00 +20\.0 +66\.7 %/);
    expect(text).not.toContain("NaN");
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
