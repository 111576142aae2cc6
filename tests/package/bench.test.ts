// `npm run bench` as a person runs it, on the software adapter and with few tokens.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HELP } from "../../bench/lib/options.mjs";
import type { Report } from "../../bench/lib/report.d.mts";
import { ensureBuilt } from "../../scripts/lib/build.mjs";
import { root } from "../../scripts/lib/process.mjs";

let folder = "";
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "intab-bench-"));
  await ensureBuilt("demo");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const bench = (...arguments_: string[]) =>
  spawnSync(process.execPath, [join(root, "bench/bench.mjs"), ...arguments_], {
    encoding: "utf8",
    timeout: 170_000,
    cwd: folder,
    env: { ...process.env, INTAB_PEERS: folder },
  });
const report = (name: string) => JSON.parse(readFileSync(join(folder, name), "utf8")) as Report;
const SMALL = ["--decode-at", "0", "--decode-tokens", "2", "--runs", "1"];

describe("npm run bench", () => {
  test("prints its help", () => {
    const { status, stdout } = bench("--help");
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${HELP}\n` });
  });

  test("measures the built-in model, kernel by kernel too, and says which peers it could not run", () => {
    const { status, stdout, stderr } = bench(
      ...["--model", "builtin", "--prefill", "8", ...SMALL, "--json", "a.json"],
      ...["--together", "2", "--profile", "--against", "native,webllm"],
    );
    expect(stderr).not.toContain("Error");
    expect(status).toBe(0);
    expect(stdout).toMatch(/prefill, 8 tokens +[\d.,]+ tok\/s/);
    expect(stdout).toMatch(/native +not run: .*lacks node-llama-cpp@.*npm install/);
    expect(stdout).toMatch(/webllm +not run: .*needs an MLC model/);
    const { info, load, prefill, decode, bandwidth, frames, heap, profile, flags, commit } = report("a.json");
    expect(info.name).toContain("tiny");
    // the file but for its header: the output is the embedding
    expect(info.weightBytesPerToken).toBeGreaterThan(0.8 * info.fileBytes);
    expect(info.weightBytesPerToken).toBeLessThan(info.fileBytes);
    expect([...load.coldMs, ...load.cachedMs, ...load.firstTokenMs].every(ms => ms > 0)).toBe(true);
    expect(load.firstTokenMs[0]).toBeGreaterThan(load.cachedMs[0]!);
    for (const values of [prefill[0]!.tokensPerSecond, decode[0]!.tokensPerSecond]) {
      expect(values).toHaveLength(1);
      expect(values[0]).toBeGreaterThan(0);
    }
    const { together, beside } = report("a.json");
    expect(together).toMatchObject([{ requests: 2, tokensPerSecond: [expect.any(Number)] }]);
    expect(together![0]!.tokensPerSecond[0]).toBeGreaterThan(0);
    expect(beside!.promptTokens).toBe(8);
    for (const ms of [...beside!.aloneMs, ...beside!.besideMs]) expect(ms).toBeGreaterThan(0);
    expect(stdout).toMatch(/2 requests together +[\d.,]+ tok\/s/);
    expect(decode[0]!.dispatchesPerToken).toBeGreaterThan(6);
    expect(bandwidth!.bytesPerSecond.every(value => value > 1e7 && value < 1e12)).toBe(true);
    expect(frames!.p99Ms).toBeGreaterThan(1);
    expect(frames!.intervalsMs!.length).toBe(frames!.count);
    expect(heap!.peakBytes).toBeGreaterThan(1e6);
    // the file's pieces were in the worker's buffers; its load may hold three chunks at most
    expect(heap!.arrayBuffers!.workers).toBeGreaterThan(1e6);
    expect(heap!.arrayBuffers!.peak).toBeLessThanOrEqual(3 * 8 * 2 ** 20);
    expect(stdout).toMatch(/kernels +attention-decode: .*; matvec: [a-z]+/);
    expect(Object.keys(info.kernels)).toContain("matmul");
    expect(profile.map(({ phase }) => phase)).toEqual(["decode", "prefill"]);
    for (const { label } of profile[0]!.kernels) expect(stdout).toContain(label);
    const bars = readFileSync(join(folder, "a-profile.svg"), "utf8").match(/<rect class="(decode|prefill)"/g);
    expect(bars).toHaveLength(profile.flatMap(({ kernels }) => kernels).length);
    expect(flags!.length).toBeGreaterThan(3);
    expect(commit).toBeTruthy();
  });

  test("reads a file in place where nothing is to be stored", () => {
    const { status, stdout } = bench(
      ...["--model", "builtin", "--no-store", "--prefill", "8", "--decode-at", "", "--runs", "1"],
      ...["--no-bandwidth", "--json", "b.json"],
    );
    expect(status).toBe(0);
    expect(stdout).toMatch(/load, from the file +[\d.,]+ ms/);
    const { load } = report("b.json");
    expect([load.coldMs, load.cachedMs, load.fileMs!.length]).toEqual([[], [], 1]);
  });

  test("ends with the reason where the file is no model", () => {
    writeFileSync(join(folder, "none.gguf"), "no model");
    const { status, stderr } = bench("--model", "none.gguf", "--no-bandwidth", "--json", "none.json");
    expect(stderr).toContain("ModelFormatError");
    expect(status).toBe(1);
    expect(existsSync(join(folder, "none.json"))).toBe(false);
  });

  test("compares two reports", () => {
    const { status, stdout } = bench("--compare", "a.json", "a.json");
    expect(status).toBe(0);
    expect(stdout).toMatch(/0 of \d+ figures moved/);
  });
});
