// A session at work: generations one after the other, and every way in which they end.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Session } from "../../src/engine/session.ts";
import { DeviceLostError, DisposedError, InputError } from "../../src/errors.ts";
import type { GenerateChunk, GenerateOptions } from "../../src/types.ts";
import {
  CONTEXT,
  devices,
  END,
  LAYERS,
  long,
  never,
  open,
  prompt,
  soon,
  watchDevices,
} from "./session-support.ts";
import { randomSource } from "./support.ts";

describe("a session", () => {
  let session: Session;
  let device: GPUDevice;
  const run = (
    options: GenerateOptions = {},
    signal = never,
    deliver: (chunk: GenerateChunk) => void = () => {},
  ) =>
    session.generate(prompt, { ignoreEndOfTurn: true, maxTokens: 9, seed: 1, ...options }, signal, deliver);

  beforeAll(async () => {
    await watchDevices();
    session = await open();
    device = devices.at(-1)!;
  }, 300_000);
  afterAll(() => session?.dispose());

  test("creates nothing on the GPU while it generates", async () => {
    let created = 0;
    const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(device)).filter(
      name => name.startsWith("create") && name !== "createCommandEncoder",
    ) as "createBuffer"[];
    expect(methods).toContain("createBuffer");
    for (const method of methods) {
      const original = device[method].bind(device);
      device[method] = (...given: Parameters<typeof original>) => {
        created++;
        return original(...given);
      };
    }
    await run({ temperature: 0 });
    await run({ temperature: 1, repetitionPenalty: 1.2, logitBias: { 7: 1 } });
    expect(created).toBe(0);
    await session.logits(prompt.ids, never);
    expect(created).toBeGreaterThan(0); // the count works
    for (const method of methods) delete (device as Partial<GPUDevice>)[method];
  });

  test("needs at most 6 dispatches a layer in decode, and no more submits than keep each short", async () => {
    const { timings } = await run({ maxTokens: 17, temperature: 0 });
    // a frame's worth of tokens a submit, a slow adapter's token in submits of 40 ms; estimates lag behind by some
    const milliseconds = 1000 / timings.decodeTokensPerSecond;
    expect(timings.submitsPerToken).toBeLessThanOrEqual(Math.max(0.5, milliseconds / 4));
    expect((timings.dispatchesPerToken - 4) / LAYERS).toBeLessThanOrEqual(6); // embedding, logits, two to sample
    expect(timings.generatedTokens).toBe(17);
    expect(timings.promptTokens).toBe(4);
    expect(timings.timeToFirstTokenMs).toBeGreaterThan(0);
  });

  test("repeats exactly with the same seed, and not with another", async () => {
    const texts = [];
    for (const seed of [7, 7, 8])
      texts.push((await run({ temperature: 2, topK: 0, topP: 1, minP: 0, seed, maxTokens: 20 })).text);
    expect(texts[1]).toBe(texts[0]);
    expect(texts[2]).not.toBe(texts[0]);
  });

  test("delivers in pieces what the result has as a whole", async () => {
    const chunks: GenerateChunk[] = [];
    const result = await run({}, never, chunk => chunks.push(chunk));
    expect(chunks.map(({ text }) => text).join("")).toBe(result.text);
    expect(chunks.flatMap(({ ids }) => ids)).toEqual(result.ids);
    expect(result).toMatchObject({ finishReason: "length", promptIds: prompt.ids });
    expect(result.ids).toHaveLength(9);
  });

  test("ends before a stop string, and at an end-of-turn token unless told to ignore it", async () => {
    const free = await run({ temperature: 0 });
    const stop = [...free.text].slice(3, 5).join("");
    const stopped = await run({ temperature: 0, stop: [stop, "never this"] });
    expect(stopped).toMatchObject({
      finishReason: "stop",
      text: free.text.slice(0, free.text.indexOf(stop)),
    });
    const logitBias = { [END]: 1000 };
    const ended = await run({ ignoreEndOfTurn: false, logitBias });
    expect(ended).toMatchObject({ finishReason: "stop", text: "", ids: [] });
    expect(ended.timings.generatedTokens).toBe(1);
    expect(await run({ logitBias, maxTokens: 3 })).toMatchObject({
      finishReason: "length",
      ids: [END, END, END],
    });
  });

  test("goes to the end of the context and no further", async () => {
    const ids = long.ids.slice(0, 50);
    const filled = await session.generate(
      { ids },
      { ignoreEndOfTurn: true, maxTokens: 1000 },
      never,
      () => {},
    );
    expect(filled).toMatchObject({ finishReason: "length" });
    expect(filled.ids).toHaveLength(CONTEXT - 50);
    const full = await session.generate(long, {}, never, () => {});
    expect(full).toMatchObject({ finishReason: "length", text: "", ids: [] });
    expect(await session.logits(long.ids, never)).toHaveLength(CONTEXT * 131);
    expect(await run({ maxTokens: 0 })).toMatchObject({
      finishReason: "length",
      text: "",
      timings: { promptTokens: 0 },
    });
  });

  test("names what is wrong with a request, and answers the next one", async () => {
    const refused: [string, Promise<unknown>][] = [
      ["prompt-too-long", session.generate({ ids: [...long.ids, 3] }, {}, never, () => {})],
      ["prompt-too-long", session.logits([...long.ids, 3], never)],
      ["token-id", session.generate({ ids: [131] }, {}, never, () => {})],
      ["token-id", session.score([1, -1], never)],
      ["option", session.generate({ ids: [] }, {}, never, () => {})],
      ["option", run({ maxTokens: -1 })],
      ["option", run({ temperature: Number.NaN })],
      ["option", run({ stop: "" })],
    ];
    for (const [code, call] of refused) {
      const error = await call.then(
        () => null,
        reason => reason,
      );
      expect(error).toBeInstanceOf(InputError);
      expect(error.code).toBe(code);
    }
    expect((await run()).ids).toHaveLength(9);
  });

  test("an abort ends a generation without an error: before it, in the queue, in prefill, in decode", async () => {
    const reason = new Error("enough");
    expect(await run({}, AbortSignal.abort(reason))).toMatchObject({
      finishReason: "abort",
      text: "",
      promptIds: prompt.ids,
    });

    const queued = new AbortController();
    const first = run({ maxTokens: 40 });
    let firstEnded = false;
    void first.then(() => (firstEnded = true));
    const second = run({}, queued.signal);
    const third = run({ temperature: 0 });
    queued.abort(reason);
    expect(await second).toMatchObject({ finishReason: "abort", text: "" });
    expect(firstEnded).toBe(false);
    expect((await first).ids).toHaveLength(40);
    expect((await third).text).toBe((await run({ temperature: 0 })).text);

    const prefill = new AbortController();
    const submit = device.queue.submit.bind(device.queue);
    device.queue.submit = buffers => {
      prefill.abort(reason);
      submit(buffers);
    };
    expect(await run({}, prefill.signal)).toMatchObject({ finishReason: "abort", text: "" });
    device.queue.submit = submit;

    const decode = new AbortController();
    const cut = await run({ maxTokens: 60 }, decode.signal, () => decode.abort(reason));
    expect(cut.finishReason).toBe("abort");
    expect(cut.ids.length).toBeGreaterThan(0);
    expect(cut.ids.length).toBeLessThan(60);
    expect([...cut.text]).toHaveLength(cut.ids.length);
  });

  test("logits and scores reject with the signal's own reason", async () => {
    const reason = { not: "an error" };
    await expect(session.logits(prompt.ids, AbortSignal.abort(reason))).rejects.toBe(reason);
    await expect(session.score(prompt.ids, AbortSignal.abort(reason))).rejects.toBe(reason);
    const running = new AbortController();
    const logits = session.logits(long.ids, running.signal);
    await Promise.resolve();
    running.abort(reason);
    await expect(logits).rejects.toBe(reason);
  });

  test("gives all blocks of the cache back, however 200 generations end", async () => {
    const random = randomSource(3);
    const ends = new Set<string>();
    for (let round = 0; round < 200; round++) {
      const controller = new AbortController();
      const after = Math.floor(random() * 8);
      let chunks = 0;
      const ids = long.ids.slice(0, 1 + Math.floor(random() * 40));
      const call = session.generate(
        { ids },
        { maxTokens: Math.floor(random() * 6) },
        controller.signal,
        () => {
          if (++chunks > after) controller.abort();
        },
      );
      if (after > 4) setTimeout(() => controller.abort(), random() * 10);
      ends.add((await call).finishReason);
    }
    expect(ends).toContain("abort");
    expect(ends).toContain("length");
    // the whole context is one request's only if no block is missing
    const ids = long.ids.slice(0, CONTEXT - 1);
    expect((await session.generate({ ids }, { ignoreEndOfTurn: true }, never, () => {})).ids).toHaveLength(1);
  });

  test("fails every call with DeviceLostError, quickly, once the GPU is lost", async () => {
    const running = run({ maxTokens: 60 }, never, () => device.destroy());
    const queued = run();
    await expect(soon(running)).rejects.toBeInstanceOf(DeviceLostError);
    await expect(soon(queued)).rejects.toBeInstanceOf(DeviceLostError);
    for (let again = 0; again < 6; again++)
      await expect(soon(run(), 2000)).rejects.toBeInstanceOf(DeviceLostError);
    await expect(soon(session.logits(prompt.ids, never), 2000)).rejects.toBeInstanceOf(DeviceLostError);
    await soon(session.dispose());
    await expect(run()).rejects.toBeInstanceOf(DisposedError);
  });
});
