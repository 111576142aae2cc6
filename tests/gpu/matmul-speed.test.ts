import { test } from "vitest";
import { matmul } from "../../src/kernels/matmul.ts";
import { stateBytes } from "../../src/kernels/state.ts";
import { kernelBench, randomNormal, randomSource } from "./support.ts";
import { emptyWeight } from "./weight-support.ts";
test("speed", async () => {
  const bench = await kernelBench();
  const shapes: [string, number, number, "store"|"add"|"glu"][] = [["qkv",960,576,"store"],["o",576,576,"add"],["glu",3072,576,"glu"],["down",576,1536,"add"]];
  for (const type of ["Q4_1", "Q4_0", "Q8_0", "F16"] as const) for (const T of [1, 8, 32, 64]) {
    let total = 0; const out: string[] = [];
    for (const [name, N, K, kind] of shapes) {
      const weight = emptyWeight(bench, type, N, K);
      const x = bench.upload("x", randomNormal(randomSource(1), T * K));
      const y = bench.buffers.storage("y", T * N * 4);
      const state = bench.state(stateBytes({ position: 0, rows: T, finished: false, generated: 0 }));
      const step = await matmul(bench.pipelines, bench.gpu, { weight, x, state, epilogue: { kind, y } });
      await bench.run([step], T);
      const times: number[] = [];
      for (let i = 0; i < 7; i++) { const t = performance.now(); await bench.run([step, step], T); times.push((performance.now() - t) / 2); }
      times.sort((a, b) => a - b);
      total += times[1]!;
      out.push(`${name} ${times[1]!.toFixed(1)} ms ${(2 * N * K * T / times[1]! / 1e6).toFixed(2)}`);
    }
    console.log(type, T, out.join("; "), `=> layers ${(T / (30 * total) * 1e3).toFixed(1)} tok/s`);
  }
  bench.close();
});
