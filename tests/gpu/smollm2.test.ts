// SmolLM2-135M-Instruct against transformers in float32: all of the golden data on a GPU, the telling part of it on a
// software adapter, where a token takes a fraction of a second.
import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import type { LoadSettings } from "../../src/boundary/protocol.ts";
import type { Session } from "../../src/engine/session.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { readBuffer } from "../../src/gpu/readback.ts";
import { candidates, FAMILIES, type KernelChoice } from "../../src/kernels/choice.ts";
import { loadF32Fixture, loadFile, loadJsonFixture } from "./fixtures.ts";
import { loadFixed, variantsIn, wantedVariants } from "./load-support.ts";
import { maxError, openTestGpu, provideGpu } from "./support.ts";

interface LogitCase {
  name: string;
  n: number;
  ids: number[];
  last: { file: string };
  top20?: { ids: number[]; logits: number[] }[];
}
interface GreedyCase {
  kind: string;
  ids: number[];
  tokens: number[];
  margins: number[];
}
interface Window {
  text: string;
  ids: number[];
  mean_nll: number;
}

const never = new AbortController().signal;
const path = inject("smollm2");

/** Measured between outside implementations, with a margin (docs/kernels.md): f32 max 1e-3; f16 mean 0.03, max 0.5; perplexity 0.001 and 0.003 nats. */
const TOLERANCE = {
  f32: { max: 1e-3, mean: 1e-4, nll: 0.001 },
  f16: { max: 0.5, mean: 0.03, nll: 0.003 },
  // both factors of products are rounded as well: mean 0.031 after 511 tokens on an H200
  matrix: { max: 0.5, mean: 0.04, nll: 0.003 },
};

/**
 * Every set of kernels that a GPU can be given: by features, the preferred ones, and with all features each of the others
 * that a measurement may choose. A software adapter has time for its own alone.
 */
const PASSES: { features: NonNullable<LoadSettings["features"]>; choice: KernelChoice }[] = [
  { features: {}, choice: {} },
  { features: { subgroupMatrix: false }, choice: {} },
  { features: { f16: false }, choice: {} },
  { features: { subgroups: false }, choice: {} },
  { features: { f16: false, subgroups: false }, choice: {} },
  {
    features: {},
    choice: { matvec: "workgroup", matmul: "tile", attentionDecode: "tiled", attentionPrefill: "tiled" },
  },
].slice(0, inject("hardware") ? undefined : 1);
/** What ran in any of them, by family. */
const ran: Record<string, Set<string>> = Object.fromEntries(FAMILIES.map(family => [family, new Set()]));

describe.skipIf(!path).each(PASSES)(
  "SmolLM2-135M-Instruct against transformers, $features, $choice (skipped where npm test has not fetched the model)",
  ({ features, choice }) => {
    let session: Session;
    let tolerance: (typeof TOLERANCE)["f32"];
    let onGpu: boolean;
    /** Logits after the newest token, on the GPU. */
    let newest: () => Promise<Float32Array>;
    const figures: Record<string, unknown> = {};

    beforeAll(async () => {
      await provideGpu();
      const file = await loadFile(path!);
      const made = vi.spyOn(GPUDevice.prototype, "createBuffer");
      session = await loadFixed(file, { contextLength: 4096, features }, choice);
      const at = made.mock.calls.findIndex(([{ label }]) => label === "logits");
      const device = made.mock.contexts[at] as GPUDevice;
      const logits: GPUBuffer = made.mock.results[at]!.value;
      made.mockRestore();
      const gpu = { device, lost: new Promise(() => {}) } as unknown as Gpu;
      // a row for each draw of a batch; of a single sequence there is one
      const bytes = session.info.vocabularySize * 4;
      newest = async () => new Float32Array(await readBuffer(gpu, logits, bytes));
      const { adapter } = session.info;
      const onMatrixUnits = session.info.kernels.matmul!.some(name => name.startsWith("matrix"));
      const f16 = adapter.features.includes("shader-f16");
      tolerance = TOLERANCE[onMatrixUnits ? "matrix" : f16 ? "f16" : "f32"];
      onGpu = !adapter.fallback;
      figures.adapter = `${adapter.vendor} ${adapter.architecture} ${adapter.features.join(" ")}`;
      figures.kernels = session.info.kernels;
    });
    afterAll(async () => {
      console.log(`SmolLM2 figures: ${JSON.stringify(figures)}`);
      await session?.dispose();
    });

    test("runs on the kernels that this pass is for", async () => {
      const variants = variantsIn(session.info.kernels);
      expect(variants).toEqual(await wantedVariants(features, choice));
      expect(variants).toMatchObject(Object.fromEntries(Object.entries(choice).map(([k, v]) => [k, [v]])));
      for (const [family, names] of Object.entries(variants))
        for (const name of names) ran[family]!.add(name);
    });

    test("gives the reference's logits at every position", async () => {
      const { prompts } = await loadJsonFixture<{ prompts: LogitCase[] }>("smollm2/logits.json");
      for (const { name, n, ids, last, top20 } of prompts) {
        if (n > (onGpu ? 128 : 33) || !top20) continue;
        const logits = await session.logits(ids, never);
        const vocabulary = session.info.vocabularySize;
        const errors = top20.map((top, position) =>
          maxError(
            top.ids.map(id => logits[position * vocabulary + id]!),
            top.logits,
          ),
        );
        const reference = await loadF32Fixture(`smollm2/${last.file}`);
        figures[name] = compare(logits.subarray(-vocabulary), reference);
        expect(Math.max(...errors), `${name}: top 20 of every position`).toBeLessThanOrEqual(tolerance.max);
        expectClose(logits.subarray(-vocabulary), reference, name);
      }
    });

    test("gives the reference's last logits after long prompts, chunk by chunk", async () => {
      const { prompts } = await loadJsonFixture<{ prompts: LogitCase[] }>("smollm2/logits.json");
      for (const { name, n, ids, last } of prompts) {
        if (n < 128 || n > (onGpu ? 3000 : 128)) continue;
        const logits = await session.lastLogits(ids, never);
        const reference = await loadF32Fixture(`smollm2/${last.file}`);
        figures[`${name} last`] = compare(logits, reference);
        expectClose(logits, reference, name);
      }
    });

    test("gives the reference's last logits where the last token is decoded, not part of the prompt", async () => {
      const { prompts } = await loadJsonFixture<{ prompts: LogitCase[] }>("smollm2/logits.json");
      for (const { name, n, ids, last } of prompts) {
        if (n < 33 || n > (onGpu ? 3000 : 33)) continue;
        const id = ids.at(-1)!;
        // the first token after the shorter prompt is the one that is left: it is decoded to find the second
        const options = { temperature: 0, logitBias: { [id]: 1e30 }, maxTokens: 2, ignoreEndOfTurn: true };
        const result = await session.generate({ ids: ids.slice(0, -1) }, options, never, () => {});
        expect(result.ids).toEqual([id, id]);
        const reference = await loadF32Fixture(`smollm2/${last.file}`);
        const logits = await newest();
        figures[`${name} decoded`] = compare(logits, reference);
        expectClose(logits, reference, name);
      }
    });

    test("decodes token after token what a prompt of the same gives", async ({ skip }) => {
      skip(!onGpu, "software adapters have no time for long contexts");
      const { prompts } = await loadJsonFixture<{ prompts: LogitCase[] }>("smollm2/logits.json");
      for (const { name, n, ids } of prompts) {
        // after 511 decode goes on from steps where a workgroup reads all keys of a head to those where many do
        if (n < 511) continue;
        const options = { temperature: 0, maxTokens: 16, ignoreEndOfTurn: true };
        const result = await session.generate({ ids }, options, never, () => {});
        const decoded = await newest();
        const prefilled = await session.lastLogits([...ids, ...result.ids.slice(0, -1)], never);
        figures[`${name} and 15 more, decoded`] = compare(decoded, prefilled);
        expectClose(decoded, prefilled, name);
      }
    });

    test("has the reference's top token wherever its margin is clear, fed the reference's tokens", async () => {
      const { prompts } = await loadJsonFixture<{ prompts: GreedyCase[] }>("smollm2/greedy.json");
      const chosen = onGpu ? prompts : prompts.slice(3, 4);
      let checked = 0;
      for (const { ids, tokens, margins } of chosen) {
        const logits = await session.logits([...ids, ...tokens.slice(0, -1)], never);
        const vocabulary = session.info.vocabularySize;
        tokens.forEach((token, step) => {
          if (margins[step]! <= 2 * tolerance.max) return;
          const at = (ids.length - 1 + step) * vocabulary;
          expect(argmax(logits.subarray(at, at + vocabulary)), `step ${step} after ${ids.slice(0, 4)}`).toBe(
            token,
          );
          checked++;
        });
      }
      figures.greedyStepsChecked = checked;
      expect(checked).toBeGreaterThan(20);
    });

    test("decodes the reference's tokens up to the first narrow margin", async () => {
      const { prompts } = await loadJsonFixture<{ prompts: GreedyCase[] }>("smollm2/greedy.json");
      const chosen = onGpu ? prompts : prompts.slice(3, 4);
      const same: string[] = [];
      for (const { ids, tokens, margins } of chosen) {
        const narrow = margins.findIndex(margin => margin <= 2 * tolerance.max);
        const certain = narrow < 0 ? tokens.length : narrow;
        const maxTokens = onGpu ? tokens.length : Math.min(certain, 24);
        const options = { temperature: 0, maxTokens, ignoreEndOfTurn: true };
        const result = await session.generate({ ids }, options, never, () => {});
        expect(result.ids.slice(0, certain)).toEqual(tokens.slice(0, Math.min(certain, maxTokens)));
        const differs = result.ids.findIndex((id, step) => id !== tokens[step]);
        same.push(`${differs < 0 ? result.ids.length : differs}/${maxTokens}`);
      }
      figures.freeRunningSame = same.join(" ");
    });

    test("has the reference's perplexity", async () => {
      const { windows } = await loadJsonFixture<{ windows: Window[] }>("smollm2/perplexity.json");
      for (const { text, ids, mean_nll } of onGpu ? windows : windows.slice(0, 1)) {
        const scores = await session.score(ids, never);
        const nll = -scores.reduce((sum, score) => sum + score, 0) / scores.length;
        figures[`nll ${text}`] = [nll, nll - mean_nll];
        expect(Math.abs(nll - mean_nll)).toBeLessThanOrEqual(tolerance.nll);
      }
    }, 300_000);

    function expectClose(actual: Float32Array, reference: Float32Array, name: string): void {
      const { max, mean } = compare(actual, reference);
      expect(max, `${name}: largest difference`).toBeLessThanOrEqual(tolerance.max);
      expect(mean, `${name}: mean difference`).toBeLessThanOrEqual(tolerance.mean);
    }
  },
);

describe.skipIf(!path || !inject("hardware"))("the passes together", () => {
  test("ran every variant that can be chosen here", async () => {
    const gpu = await openTestGpu();
    gpu.destroy();
    for (const family of FAMILIES)
      expect([...ran[family]!]).toEqual(expect.arrayContaining([...candidates(gpu, family)]));
  });
});

function compare(actual: Float32Array, reference: Float32Array): { max: number; mean: number } {
  let sum = 0;
  for (let i = 0; i < reference.length; i++) sum += Math.abs(actual[i]! - reference[i]!);
  return { max: maxError(actual, reference), mean: sum / reference.length };
}

function argmax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
