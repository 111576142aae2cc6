// The tiny models of the golden data, one per architecture, against transformers in float32: logits at every position,
// and greedy tokens up to the first narrow margin.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Session } from "../../src/engine/session.ts";
import { absentModel, NEWER_MODELS, readGolden, withoutGolden } from "./golden.ts";
import { loadFixed, modelPasses } from "./load-support.ts";
import { maxError } from "./support.ts";

interface Case {
  ids: number[];
  logits: { file: string };
  embedding: { file: string };
  greedy?: { tokens: number[]; margins: number[] };
}

const never = new AbortController().signal;
/** From the golden data's README, "tiny models". */
const TOLERANCE = { f32: 1e-3, f16: 0.1 };

async function readCases(name: string): Promise<Case[]> {
  return JSON.parse(await (await readGolden(name, "case.json")).text()).cases;
}

async function readF32(name: string, { file }: { file: string }): Promise<Float32Array> {
  return new Float32Array(await (await readGolden(name, file)).arrayBuffer());
}

const MODELS = [
  "llama",
  "llama31",
  "mistral",
  "qwen2",
  "qwen3",
  "gemma2",
  "gemma3",
  "phi3",
  "smollm3",
  "olmo2",
  "granite",
  "starcoder2",
  "lfm2",
  "mixtral",
  "qwen2moe",
  "qwen3moe",
  "olmoe",
  "gptoss",
];

/** Phi-3 chooses its RoPE factors by the configured context, so each case gets a context of its own length. */
const contextOf = (length: number): number => Math.ceil((length + 32) / 16) * 16;

/** Largest error by model, and what ran. */
const figures: Record<string, { error: number; kernels: Session["info"]["kernels"] }> = {};
const note = (name: string, { info }: Session, error: number): void => {
  figures[name] = { error: Math.max(figures[name]?.error ?? 0, error), kernels: info.kernels };
};
afterAll(() => console.log(`arch figures: ${JSON.stringify(figures)}`));

const passes = await modelPasses();
const runs = <T>(names: readonly T[]) =>
  names.flatMap(name => passes.map(([pass, features]) => ({ name, pass, features })));

for (const { name, pass, features } of runs([...MODELS, ...NEWER_MODELS])) {
  describe.skipIf(absentModel(name))(
    `arch/${name} against transformers, ${pass}${absentModel(name) ? withoutGolden : ""}`,
    () => {
      let cases: Case[];
      let session: Session | undefined;
      let loadedFor = 0;

      const open = async (length: number): Promise<{ session: Session; tolerance: number }> => {
        const contextLength = contextOf(length);
        const wanted = name === "phi3" && length < 256 ? 128 : Math.max(128, contextLength);
        if (!session || loadedFor !== wanted) {
          await session?.dispose();
          const file = await readGolden(name, "model.gguf");
          session = await loadFixed(file, { contextLength: wanted, features });
          loadedFor = wanted;
        }
        const f16 = session.info.adapter.features.includes("shader-f16");
        return { session, tolerance: f16 ? TOLERANCE.f16 : TOLERANCE.f32 };
      };

      beforeAll(async () => {
        cases = await readCases(name);
      }, 300_000);
      afterAll(() => session?.dispose());

      test("logits at every position", async () => {
        for (const { ids, logits } of cases) {
          const { session, tolerance } = await open(ids.length);
          const expected = await readF32(name, logits);
          const error = maxError(await session.logits(ids, never), expected);
          note(`${name}, ${pass}`, session, error);
          expect(error, `${ids.length} tokens`).toBeLessThan(tolerance);
        }
      }, 300_000);

      test("greedy tokens up to the first narrow margin", async () => {
        for (const { ids, greedy } of cases) {
          if (!greedy) continue;
          const { session, tolerance } = await open(ids.length);
          const narrow = greedy.margins.findIndex(margin => margin <= 2 * tolerance);
          const certain = narrow < 0 ? greedy.tokens.length : narrow;
          const options = { temperature: 0, maxTokens: Math.max(1, certain), ignoreEndOfTurn: true };
          const result = await session.generate({ ids }, options, never, () => {});
          expect(result.ids.slice(0, certain), `after ${ids.length} tokens`).toEqual(
            greedy.tokens.slice(0, certain),
          );
        }
      }, 300_000);
    },
  );
}

// Embedding models: the pooled, normalised state of the last layer.
for (const { name, pass, features } of runs(["bert", "nomicbert", "qwen3emb"])) {
  describe.skipIf(absentModel(name))(
    `arch/${name} against transformers, ${pass}${absentModel(name) ? withoutGolden : ""}`,
    () => {
      let session: Session;

      beforeAll(async () => {
        const file = await readGolden(name, "model.gguf");
        session = await loadFixed(file, { contextLength: 128, features });
      }, 300_000);
      afterAll(() => session?.dispose());

      test("embeddings", async () => {
        const cases = await readCases(name);
        const embeddings = await session.embed(
          cases.map(({ ids }) => ids),
          {},
          never,
        );
        for (const [index, { ids, embedding }] of cases.entries()) {
          const expected = await readF32(name, embedding);
          const error = maxError(embeddings[index]!, expected);
          note(`${name}, ${pass}`, session, error);
          expect(error, `${ids.length} tokens`).toBeLessThan(1e-3);
        }
      });
    },
  );
}
