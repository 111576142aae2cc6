// Every shipped shader variant is valid WGSL and makes a pipeline on a device with WebGPU's default limits: 8 storage
// buffers, 16 KiB of workgroup memory, 256 threads in a workgroup.
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { minifyWgsl } from "../../scripts/lib/wgsl.mjs";
import { requestAdapter } from "../../src/gpu/device.ts";
import { provideGpu } from "./support.ts";
import { shippedVariants, type Variant } from "./variants.ts";

/** As in the package. */
const names = new Map(Object.entries(inject("wgslNames")));

/** Language extensions that variants enable, and the device features that they need. */
const FEATURES = {
  chromium_experimental_subgroup_matrix: "chromium-experimental-subgroup-matrix" as GPUFeatureName,
  f16: "shader-f16",
  subgroups: "subgroups",
} as const;
type Extension = keyof typeof FEATURES;
const MATRIX: Extension[] = ["chromium_experimental_subgroup_matrix", "f16", "subgroups"];
const GROUPS: Extension[][] = [[], ["subgroups"], ["f16"], ["f16", "subgroups"], MATRIX];

const extensionsOf = (text: string): string =>
  [...text.matchAll(/^enable (\w+);/gm)]
    .map(([, name]) => name)
    .sort()
    .join();

describe("shipped shader variants", () => {
  let device: GPUDevice;
  /**
   * SwiftShader makes machine code along with the pipeline, 0.1 to 2 s for each, lavapipe at the first dispatch. So
   * each shader makes one pipeline on SwiftShader, and every variant does on other adapters.
   */
  let dear: boolean;
  let variants: Variant[];
  beforeAll(async () => {
    await provideGpu();
    const adapter = await requestAdapter();
    dear = adapter.info.architecture === "swiftshader";
    const features = Object.values(FEATURES).filter(name => adapter.features.has(name));
    device = await adapter.requestDevice({
      requiredFeatures: features,
      // the kernels for matrix units, and they alone, need more than the default
      ...(features.length === MATRIX.length
        ? {
            requiredLimits: { maxComputeWorkgroupStorageSize: adapter.limits.maxComputeWorkgroupStorageSize },
          }
        : {}),
    });
    variants = await shippedVariants();
  });
  afterAll(() => device.destroy());

  const missing = (group: readonly Extension[]): string =>
    group
      .map(name => FEATURES[name])
      .filter(name => !device.features.has(name))
      .join(" and ");
  const inGroup = (group: readonly Extension[]): Variant[] =>
    variants.filter(({ text }) => extensionsOf(text) === group.join());
  const nameOf = (group: readonly Extension[]): string => group.join(" and ") || "neither f16 nor subgroups";
  const cases = GROUPS.map(group => [nameOf(group), group] as const);

  test("belong to one of the groups below", () => {
    const counts = GROUPS.map(group => inGroup(group).length);
    expect(counts.reduce((sum, count) => sum + count)).toBe(variants.length);
    expect(Math.min(...counts)).toBeGreaterThan(0);
  });

  test.for(cases)(
    "with %s: every text is valid, as written and as shipped",
    async ([_name, group], { skip }) => {
      skip(missing(group) !== "", `no ${missing(group)} on this adapter`);
      const wrong = new Map<string, string>();
      const texts = new Map(inGroup(group).map(({ text, name }) => [text, name]));
      const check = async (name: string, code: string): Promise<void> => {
        const { messages } = await device.createShaderModule({ code }).getCompilationInfo();
        const error = messages.find(({ type }) => type === "error");
        if (error) wrong.set(name, `line ${error.lineNum}: ${error.message}`);
      };
      for (const [text, name] of texts) {
        await check(name, text);
        await check(`${name}, minified`, minifyWgsl(text, names));
      }
      expect(Object.fromEntries(wrong)).toEqual({});
    },
  );

  test.for(cases)(
    "with %s: pipelines can be made",
    { timeout: 300_000 },
    async ([_name, group], { skip }) => {
      skip(missing(group) !== "", `no ${missing(group)} on this adapter`);
      const all = inGroup(group);
      const chosen = dear
        ? all.filter(({ code }, i) => all.findIndex(other => other.code.shader === code.shader) === i)
        : all;
      const wrong = new Map<string, string>();
      await Promise.all(
        chosen.map(async ({ name, code, text }) => {
          const module = device.createShaderModule({ code: text });
          const compute = { module, entryPoint: "main", constants: { ...code.constants } };
          try {
            await device.createComputePipelineAsync({ layout: "auto", compute });
          } catch (error) {
            wrong.set(name, String(error));
          }
        }),
      );
      expect(Object.fromEntries(wrong)).toEqual({});
    },
  );
});
