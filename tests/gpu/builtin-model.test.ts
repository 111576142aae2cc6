// The built-in model against transformers in float32: all cases on a GPU, three on a software adapter. That is told to be
// none, too, so that the kernels which only GPUs are given (but for those on matrix units) make up a whole model in CI.
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Session } from "../../src/engine/session.ts";
import { requestAdapter } from "../../src/gpu/device.ts";
import type { KernelChoice } from "../../src/kernels/choice.ts";
import { loadFixture, loadJsonFixture } from "./fixtures.ts";
import { loadFixed, variantsIn } from "./load-support.ts";
import { maxError, provideGpu } from "./support.ts";

interface Case {
  kind: string;
  prompt: string;
  ids: number[];
  tokens: number[];
  margins: number[];
  last_top20: [number, number][];
}

const never = new AbortController().signal;
/** As for SmolLM2, whose shape this model has in small. */
const TOLERANCE = { f32: 1e-3, f16: 0.1 };
const SOFTWARE_CASES = 3;
/** More keys than a workgroup of the decode attention reads alone. */
const LONG_PROMPT = 520;
/** Steps after it whose token is compared. */
const LONG_STEPS = [1, 4, 8, 11];

await provideGpu();
const { info, features } = await requestAdapter();
const software = info.isFallbackAdapter === true;
/** SwiftShader compiles kernels that are not made for it for minutes. */
const suited = features.has("subgroups") && info.architecture !== "swiftshader";
const TILES = { matmul: "tile", attentionPrefill: "tiled" };

describe("built-in model against transformers, on the kernels that it gets here", () => {
  golden({}, () => {
    test("says which variants of its kernels it runs", () => {
      const { kernels, adapter } = session.info;
      const rows = adapter.fallback && (adapter.subgroupSize?.max ?? 1) < 8;
      const reduce = adapter.features.includes("subgroups") ? "subgroups" : "workgroup";
      expect(kernels.matvec).toEqual([rows ? "rows" : reduce]);
      expect(kernels.matmul!.every(name => (rows ? name === "rows" : /^(tile|matrix)-/.test(name)))).toBe(
        true,
      );
      for (const kernel of ["attention-prefill", "attention-decode"])
        expect(kernels[kernel]!.every(name => (name === "software") === rows)).toBe(true);
    });
  });
});

describe.skipIf(!suited).each([
  { ...TILES, matvec: "subgroups", attentionDecode: "subgroups" },
  { ...TILES, matvec: "workgroup", attentionDecode: "tiled" },
])(
  "built-in model against transformers, on GPU kernels $attentionDecode (skipped without subgroups, and on SwiftShader)",
  choice => {
    beforeAll(() => {
      vi.spyOn(GPUAdapterInfo.prototype, "isFallbackAdapter", "get").mockReturnValue(false);
    });
    afterAll(() => vi.restoreAllMocks());
    golden(choice, () => {
      test("runs on the kernels that it is told to", () => {
        const variants = Object.entries(choice).map(([family, variant]) => [family, [variant]]);
        expect(variantsIn(session.info.kernels)).toEqual(Object.fromEntries(variants));
      });
    });
  },
);

let session: Session;

function golden(choice: KernelChoice, more: () => void): void {
  let cases: Case[];
  let tolerance: number;
  beforeAll(async () => {
    const file = new Blob([await loadFixture("../../public/models/intab-tiny-q4_0.gguf")]);
    session = await loadFixed(file, { contextLength: 1024 }, choice);
    tolerance = session.info.adapter.features.includes("shader-f16") ? TOLERANCE.f16 : TOLERANCE.f32;
    const { files } = await loadJsonFixture<{ files: Record<string, Case[]> }>("models/golden.json");
    cases = files["intab-tiny-q4_0.gguf"]!.slice(0, software ? SOFTWARE_CASES : undefined);
  }, 300_000);
  afterAll(() => session?.dispose());

  more();

  test("gives the reference's logits at the prompt's last position", async () => {
    for (const { ids, last_top20, prompt } of cases) {
      const logits = await session.lastLogits(ids, never);
      const actual = last_top20.map(([id]) => logits[id]!);
      const expected = last_top20.map(([, logit]) => logit);
      expect(maxError(actual, expected), prompt).toBeLessThan(tolerance);
    }
  });

  test("generates the reference's greedy tokens up to the first narrow margin", async () => {
    for (const { ids, tokens, margins, prompt } of cases) {
      const narrow = margins.findIndex(margin => margin <= 2 * tolerance);
      const certain = narrow < 0 ? tokens.length : narrow;
      const options = { temperature: 0, maxTokens: Math.max(1, certain), ignoreEndOfTurn: true };
      const result = await session.generate({ ids }, options, never, () => {});
      expect(result.ids.slice(0, certain), prompt).toEqual(tokens.slice(0, certain));
    }
  });

  test("decodes after a long prompt what a longer prompt has for its top token", async () => {
    const all = cases.flatMap(({ ids, tokens }) => [...ids, ...tokens]);
    const ids = Array.from({ length: LONG_PROMPT }, (_, at) => all[at % all.length]!);
    const options = { temperature: 0, maxTokens: 12, ignoreEndOfTurn: true };
    const result = await session.generate({ ids }, options, never, () => {});
    let checked = 0;
    for (const step of LONG_STEPS) {
      const logits = await session.lastLogits([...ids, ...result.ids.slice(0, step)], never);
      const [top, second] = [...logits].sort((a, b) => b - a);
      if (top! - second! <= 2 * tolerance) continue;
      expect(result.ids[step], `step ${step}`).toBe(logits.indexOf(top!));
      checked++;
    }
    expect(checked).toBeGreaterThan(1);
  });
}
