// What a request takes over of an earlier one, against the same request computed alone: full attention, windows, recurrent layers.
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import type { Session } from "../../src/engine/session.ts";
import { absentModel, readGolden, withoutGolden } from "./golden.ts";
import { loadFixed, modelPasses } from "./load-support.ts";
import { randomSource } from "./support.ts";

const never = new AbortController().signal;

const CONTEXT = 512;
/** Full attention, windows beside it (two), recurrent layers beside it (three kinds), layers that read another's cache; where there is time, others as well. */
const MODELS = [
  "llama",
  "gemma3",
  "gptoss",
  "lfm2",
  "qwen35mtp",
  "nemotronhmoe",
  "gemma4",
  ...(inject("long") ? ["phi3", "qwen3moe", "gemma2", "granitehybridmoe"] : []),
];

const passes = await modelPasses();
for (const name of MODELS) {
  for (const [pass, features] of passes) {
    describe.skipIf(absentModel(name))(`${name}, ${pass}${absentModel(name) ? withoutGolden : ""}`, () => {
      let session: Session;
      let random: (count: number) => number[];

      beforeAll(async () => {
        session = await loadFixed(await readGolden(name), { contextLength: CONTEXT, features });
        const source = randomSource(7);
        random = count =>
          Array.from({ length: count }, () => Math.floor(source() * session.info.vocabularySize));
      }, 300_000);
      afterAll(() => session?.dispose());

      const generate = (ids: readonly number[], maxTokens: number, cachePrompt = true) =>
        session.generate(
          { ids },
          { temperature: 0, maxTokens, ignoreEndOfTurn: true, cachePrompt },
          never,
          () => {},
        );
      /** The request with what is kept of others, and alone. */
      const twice = async (ids: readonly number[], maxTokens = 8) => {
        const { ids: kept, timings } = await generate(ids, maxTokens);
        const alone = await generate(ids, maxTokens, false);
        expect(alone.timings.cachedPromptTokens).toBe(0);
        expect(kept).toEqual(alone.ids);
        return timings.cachedPromptTokens;
      };

      test("a second turn computes only what is new", async () => {
        const first = random(75);
        const answer = await generate(first, 40);
        expect(answer.timings.cachedPromptTokens).toBe(0);
        // 75 and 39 of the answer are computed: its last token was only sampled
        const cached = await twice([...first, ...answer.ids, ...random(9)]);
        expect(cached).toBe(112);
      }, 120_000);

      test("the same prompt again computes its last page alone", async () => {
        const prompt = random(83);
        expect(await twice(prompt)).toBe(0);
        expect(await twice(prompt)).toBe(80);
        expect(await twice([...prompt.slice(0, 60), ...random(5)])).toBeLessThanOrEqual(48);
      }, 120_000);

      test("a prompt longer than a window, gone on from after another one", async () => {
        const long = random(300);
        await generate(long, 1);
        await generate(random(40), 20);
        const cached = await twice([...long, ...random(20)]);
        expect(cached).toBe(288);
      }, 120_000);

      test("an answer broken off leaves what it computed, and nothing wrong", async () => {
        const prompt = random(20);
        const controller = new AbortController();
        const broken = await session.generate(
          { ids: prompt },
          { temperature: 0, maxTokens: 100, ignoreEndOfTurn: true },
          controller.signal,
          ({ ids }) => void (ids.length > 0 && controller.abort()),
        );
        expect(broken.finishReason).toBe("abort");
        await twice([...prompt, ...broken.ids, ...random(30)]);
      }, 120_000);

      test("what is taken out and put into another session is gone on from there", async () => {
        const prompt = random(100);
        const { ids } = await generate(prompt, 8);
        const all = [...prompt, ...ids];
        const kept = await session.take(all, never);
        expect(kept.ids).toEqual(all.slice(0, 96));
        const other = await loadFixed(await readGolden(name), { contextLength: CONTEXT, features });
        try {
          expect(other.binding).toBe(session.binding);
          await other.put(kept, never);
          const options = { temperature: 0, maxTokens: 8, ignoreEndOfTurn: true };
          const next = [...all, ...random(10)];
          const result = await other.generate({ ids: next }, options, never, () => {});
          expect(result.timings.cachedPromptTokens).toBe(96);
          expect(result.ids).toEqual((await generate(next, 8, false)).ids);
          const short = { ...kept, layers: kept.layers.map(layer => layer.slice(4)) };
          await expect(other.put(short, never)).rejects.toMatchObject({ code: "not-restorable" });
        } finally {
          await other.dispose();
        }
      }, 120_000);

      test("a sampled answer that was broken off goes on as if it had not been", async ({ skip }) => {
        const { adapter } = session.info;
        skip(
          adapter.features.includes("shader-f16"),
          "in f16 a prompt's rounding is not that of single tokens: draws differ",
        );
        const prompt = random(33);
        const options = {
          temperature: 1,
          seed: 11,
          maxTokens: 90,
          ignoreEndOfTurn: true,
          repetitionPenalty: 1.3,
          frequencyPenalty: 0.5,
        };
        const whole = await session.generate({ ids: prompt }, options, never, () => {});
        expect(whole.ids).toHaveLength(90);
        for (const had of [1, 15, 70, 90]) {
          const unfinished = { promptIds: prompt, reasoning: null, options, ids: whole.ids.slice(0, had) };
          const texts: string[] = [];
          const result = await session.resume(unfinished, never, ({ text }) => void texts.push(text));
          expect(result.ids, `after ${had}`).toEqual(whole.ids);
          expect([result.text, texts.join(""), result.finishReason]).toEqual([
            whole.text,
            whole.text,
            "length",
          ]);
        }
      }, 120_000);

      test("more conversations than the cache holds: each is right, the last ones are kept", async () => {
        const all = Array.from({ length: 5 }, () => random(200));
        for (const ids of all) await generate(ids, 2);
        expect(await twice([...all[4]!, 3], 3)).toBe(192);
        expect(await twice([...all[0]!, 3], 3)).toBeLessThan(192);
      }, 120_000);
    });
  }
}
