// The products by which the kernel's ways are tested on the GPU at hand take these on subgroups of other widths too.
import { describe, expect, test } from "vitest";
import type { Gpu } from "../../src/gpu/device.ts";
import { pathCases, pathOf } from "../gpu/matvec-paths.ts";

describe.each([4, 8, 32])("with subgroups of %i", width => {
  const gpu = { f16: true, subgroups: true, subgroupMinSize: width } as Gpu;

  test.each(pathCases(width))("%j takes its path", async (product, path) => {
    expect(await pathOf(gpu, product)).toEqual(path);
  });
});
