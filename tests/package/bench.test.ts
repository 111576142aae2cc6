// `npm run bench` as a person runs it, on the software adapter and with few tokens.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HELP } from "../../bench/lib/options.mjs";
import type { Report } from "../../bench/lib/report.d.mts";
import { SHAPES } from "../../bench/synthetic/shapes.mjs";
import { writeModel } from "../../bench/synthetic/write.mjs";
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

  test("measures the built-in model and says which peers it could not run", () => {
    const { status, stdout, stderr } = bench(
      ...["--model", "builtin", "--prefill", "8", ...SMALL, "--json", "a.json"],
      ...["--against", "native,webllm"],
    );
    expect(stderr).not.toContain("Error");
    expect(status).toBe(0);
    expect(stdout).toMatch(/prefill, 8 tokens +[\d.,]+ tok\/s/);
    expect(stdout).toMatch(/native +not run: .*lacks node-llama-cpp@.*npm install/);
    expect(stdout).toMatch(/webllm +not run: .*needs an MLC model/);
    const { info, load, prefill, decode, bandwidth, frames, heap, flags, commit } = report("a.json");
    expect(info.name).toContain("tiny");
    // the file but for its header: the output is the embedding
    expect(info.weightBytesPerToken).toBeGreaterThan(0.9 * info.fileBytes);
    expect(info.weightBytesPerToken).toBeLessThan(info.fileBytes);
    expect([...load.coldMs, ...load.cachedMs, ...load.firstTokenMs].every(ms => ms > 0)).toBe(true);
    expect(load.firstTokenMs[0]).toBeGreaterThan(load.cachedMs[0]!);
    for (const values of [prefill[0]!.tokensPerSecond, decode[0]!.tokensPerSecond]) {
      expect(values).toHaveLength(1);
      expect(values[0]).toBeGreaterThan(0);
    }
    expect(decode[0]!.dispatchesPerToken).toBeGreaterThan(6);
    expect(bandwidth!.bytesPerSecond.every(value => value > 1e7 && value < 1e12)).toBe(true);
    expect(frames!.p99Ms).toBeGreaterThan(1);
    expect(heap!.peakBytes).toBeGreaterThan(1e6);
    expect(flags!.length).toBeGreaterThan(3);
    expect(commit).toBeTruthy();
  });

  test("measures a generated file, with the time of each kernel as a table and as a chart", () => {
    // rows of 256 columns: all types of the mixture are in it
    const shape = {
      ...SHAPES.find(({ name }) => name === "Llama-3.2-1B")!,
      ...{ layers: 2, hidden: 256, heads: 4, kvHeads: 2, feedForward: 512, vocabulary: 2000 },
    };
    const file = join(folder, "generated.gguf");
    writeModel(file, shape, "Q4_K_M");
    const { status, stdout, stderr } = bench(
      ...["--model", file, "--prefill", "", ...SMALL, "--no-bandwidth", "--profile", "--json", "b.json"],
    );
    expect(stderr).not.toContain("Error");
    expect(status).toBe(0);
    const { info, profile, decode } = report("b.json");
    expect(info.tensorTypes).toMatchObject({ Q4_K: expect.any(Number), Q6_K: expect.any(Number) });
    expect(decode[0]!.tokensPerSecond[0]).toBeGreaterThan(0);
    expect(profile.map(({ phase }) => phase)).toEqual(["decode", "prefill"]);
    for (const { label } of profile[0]!.kernels) expect(stdout).toContain(label);
    const bars = readFileSync(join(folder, "b-profile.svg"), "utf8").match(/<rect class="(decode|prefill)"/g);
    expect(bars).toHaveLength(profile.flatMap(({ kernels }) => kernels).length);
    const compared = bench("--compare", "b.json", "b.json");
    expect(compared.stdout).toContain("0 of ");
    expect(compared.status).toBe(0);
  });
});
