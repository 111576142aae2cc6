// What fit() promises from the header against what a load takes.
import { beforeAll, describe, expect, test } from "vitest";
import { STATE_BYTES } from "../../src/kernels/state.ts";
import { fitModel } from "../../src/load/fit.ts";
import { loadModel } from "../../src/load/load-model.ts";
import { absentModel, readGolden, withoutGolden } from "./golden.ts";
import { syntheticModel } from "./model-support.ts";
import { file, never } from "./session-support.ts";
import { provideGpu } from "./support.ts";

const hooks = { signal: never, onProgress: () => {} };
/** Staging buffers for the sampled ids: 4 slots of a state and 256 ids. Made after the weights are there. */
const READBACK_BYTES = 4 * (STATE_BYTES + 8 * 256 * 4);

const quantised = syntheticModel({
  seed: 6,
  layers: 3,
  hidden: 256,
  heads: 4,
  kvHeads: 2,
  headDim: 64,
  feedForward: 512,
  vocabulary: 400,
  normEpsilon: 1e-5,
  ropeBase: 10_000,
  ropeDim: 64,
  contextLength: 4096,
  untied: true,
  typeOf: (name: string) => (name.includes("norm") ? "F32" : name.includes("ffn") ? "Q4_0" : "Q8_0"),
}).file;

describe("fit()", () => {
  beforeAll(async () => void (await provideGpu()));

  const countsWhatALoadTakes = async (model: Blob, contextLength: number): Promise<void> => {
    const fit = await fitModel(model, { contextLength }, hooks);
    expect(fit).toMatchObject({ fits: true, reasons: [], contextLength });
    const session = await loadModel(model, { contextLength }, hooks);
    expect(session.info.gpuBytes).toBe(fit.bytes!.total + READBACK_BYTES);
    await session.dispose();
    expect(Math.min(...Object.values(fit.bytes!))).toBeGreaterThan(0);
  };

  test.each([
    ["an F32 model in a short context", file, 48],
    ["a quantised model in a long context", quantised, 1100],
  ])("counts the bytes that a load takes: %s", (_, model, contextLength) =>
    countsWhatALoadTakes(model, contextLength),
  );

  const recurrent = "nemotronhmoe";
  test.skipIf(absentModel(recurrent))(
    `counts the bytes that a load takes: states of recurrent layers${absentModel(recurrent) ? withoutGolden : ""}`,
    async () => countsWhatALoadTakes(await readGolden(recurrent), 160),
  );
});
