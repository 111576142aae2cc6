// Sessions that come and go: what a load leaves behind when it ends early, what dispose() ends.
import { beforeAll, describe, expect, test } from "vitest";
import { DeviceLostError, DisposedError, ModelFormatError } from "../../src/errors.ts";
import { loadModel } from "../../src/load/load-model.ts";
import type { LoadPhase } from "../../src/types.ts";
import { CONTEXT, devices, file, never, open, prompt, soon, watchDevices } from "./session-support.ts";

describe("loading and disposing", () => {
  beforeAll(watchDevices);

  const phases: LoadPhase[] = ["header", "read", "compile"];
  test.each(phases)(
    "an abort in the phase %s rejects with its reason and frees the GPU",
    async phase => {
      const controller = new AbortController();
      const reason = new Error("no longer wanted");
      const settings = { contextLength: CONTEXT };
      const onProgress = (progress: { phase: LoadPhase }): void => {
        if (progress.phase === phase) controller.abort(reason);
      };
      const loading = loadModel(file, settings, { signal: controller.signal, onProgress });
      await expect(soon(loading, 60_000)).rejects.toBe(reason);
      expect((await soon(devices.at(-1)!.lost)).reason).toBe("destroyed");
    },
    120_000,
  );

  test("a file cut short frees the GPU", async () => {
    const loading = loadModel(file.slice(0, file.size - 100), {}, { signal: never, onProgress: () => {} });
    await expect(loading).rejects.toBeInstanceOf(ModelFormatError);
    expect((await soon(devices.at(-1)!.lost)).reason).toBe("destroyed");
  });

  test("a GPU that is lost while bytes are waited for ends the load at once", async () => {
    let given = 0;
    const half = async (): Promise<Uint8Array<ArrayBuffer>> => {
      if (given > file.size / 2) {
        for (const device of devices) device.destroy();
        return new Promise(() => {});
      }
      given += 2 ** 20;
      return new Uint8Array(await file.slice(given - 2 ** 20, given).arrayBuffer());
    };
    const loading = loadModel(half, { contextLength: CONTEXT }, { signal: never, onProgress: () => {} });
    await expect(soon(loading, 60_000)).rejects.toBeInstanceOf(DeviceLostError);
  }, 120_000);

  test("dispose ends what runs and what waits", async () => {
    const session = await open();
    const options = { maxTokens: 60, ignoreEndOfTurn: true };
    let disposing: Promise<void> | undefined;
    const running = session.generate(prompt, options, never, () => {
      disposing ??= session.dispose();
    });
    // as many as run at a time, and one that waits
    const others = Array.from({ length: 8 }, () => session.generate(prompt, options, never, () => {}));
    const logits = session.logits(prompt.ids, never);
    logits.catch(() => {});
    expect((await soon(running)).finishReason).toBe("abort");
    const ended = await soon(Promise.all(others));
    expect(ended.map(({ finishReason }) => finishReason)).toEqual(others.map(() => "abort"));
    expect(ended.at(-1)!.text).toBe("");
    await expect(soon(logits)).rejects.toBeInstanceOf(DisposedError);
    await soon(disposing!);
    await session.dispose();
    await expect(session.score(prompt.ids, never)).rejects.toBeInstanceOf(DisposedError);
  }, 300_000);
});
