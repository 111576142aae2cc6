// Sequences side by side, each against its run alone: prompts of many lengths in one batch, next tokens from one pass, joining and
// leaving at any time, a cache too small for all; full attention, windows, recurrent layers.
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import type { Session } from "../../src/engine/session.ts";
import type { GenerateOptions, GenerateResult } from "../../src/types.ts";
import { absentModel, readGolden, withoutGolden } from "./golden.ts";
import { loadFixed, modelPasses } from "./load-support.ts";
import { randomSource } from "./support.ts";

const never = new AbortController().signal;

const CONTEXT = 320;
/** Full attention, windows with experts, recurrent layers; where there is time, others as well. */
const MODELS = [
  "llama",
  "gptoss",
  "lfm2",
  "qwen35mtp",
  "nemotronhmoe",
  ...(inject("long") ? ["gemma3", "phi3", "qwen3moe", "gemma2", "granitehybridmoe"] : []),
];

const passes = await modelPasses();
for (const name of MODELS) {
  for (const [pass, features] of passes) {
    describe.skipIf(absentModel(name))(`${name}, ${pass}${absentModel(name) ? withoutGolden : ""}`, () => {
      let session: Session;
      let random: (count: number) => number[];

      beforeAll(async () => {
        session = await loadFixed(await readGolden(name), { contextLength: CONTEXT, features });
        const source = randomSource(11);
        random = count =>
          Array.from({ length: count }, () => Math.floor(source() * session.info.vocabularySize));
      }, 300_000);
      afterAll(() => session?.dispose());

      const generate = (ids: readonly number[], options: GenerateOptions, onChunk = (): void => {}) =>
        session.generate({ ids }, { temperature: 0, ignoreEndOfTurn: true, ...options }, never, onChunk);
      /** The same tokens; from one on whose logits lie closer together than rounding moves them, others will do. */
      const expectSame = async (
        ids: readonly number[],
        batched: readonly number[],
        alone: GenerateResult,
      ) => {
        const at = batched.findIndex((id, index) => id !== alone.ids[index]);
        if (at < 0) return expect(batched.length).toBe(alone.ids.length);
        const logits = await session.lastLogits([...ids, ...alone.ids.slice(0, at)], never);
        const f16 = session.info.adapter.features.includes("shader-f16");
        const between = Math.abs(logits[batched[at]!]! - logits[alone.ids[at]!]!);
        expect(between, `token ${at} of ${ids.length} and ${alone.ids.length}`).toBeLessThan(
          f16 ? 0.05 : 1e-3,
        );
      };

      test("eight at a time have the tokens of eight one after the other", async () => {
        const prompts = [1, 2, 15, 16, 17, 40, 75, 9].map(random);
        const lengths = [12, 5, 9, 20, 1, 7, 16, 3];
        const options = (index: number) => ({ maxTokens: lengths[index]!, cachePrompt: false });
        const batched = await Promise.all(prompts.map((ids, index) => generate(ids, options(index))));
        for (const [index, ids] of prompts.entries())
          await expectSame(ids, batched[index]!.ids, await generate(ids, options(index)));
      }, 300_000);

      test("who joins while others run, or leaves, changes nothing for them", async () => {
        const [first, second, third] = [random(30), random(50), random(20)];
        const joined: Promise<GenerateResult>[] = [];
        const leaving = new AbortController();
        let chunks = 0;
        const join = (): void => {
          chunks++;
          if (chunks === 2) joined.push(generate(second, { maxTokens: 10, cachePrompt: false }));
          if (chunks === 4) leaving.abort();
        };
        const gone = session.generate(
          { ids: third },
          { temperature: 0, maxTokens: 60 },
          leaving.signal,
          () => {},
        );
        const one = await generate(first, { maxTokens: 40, cachePrompt: false }, join);
        const two = await joined[0]!;
        expect((await gone).finishReason).toBe("abort");
        await expectSame(first, one.ids, await generate(first, { maxTokens: 40, cachePrompt: false }));
        await expectSame(second, two.ids, await generate(second, { maxTokens: 10, cachePrompt: false }));
      }, 300_000);

      test("in a cache that is too small for all, those that began last wait and go on", async () => {
        const prompts = [150, 120, 60].map(random);
        const options = { maxTokens: 60, cachePrompt: false };
        const batched = await Promise.all(prompts.map(ids => generate(ids, options)));
        for (const [index, ids] of prompts.entries())
          await expectSame(ids, batched[index]!.ids, await generate(ids, options));
      }, 300_000);

      test("draws of one seed are the same in a batch, with penalties too", async () => {
        const prompt = random(10);
        const options = { temperature: 1, topK: 40, seed: 5, repetitionPenalty: 1.2, maxTokens: 12 };
        const others = [1, 2].map(seed => generate(random(20), { temperature: 1, seed, maxTokens: 12 }));
        const greedy = generate(random(5), { maxTokens: 12 });
        const batched = await generate(prompt, options);
        await Promise.all([...others, greedy]);
        expect(batched.ids).toEqual((await generate(prompt, options)).ids);
      }, 300_000);
    });
  }
}
