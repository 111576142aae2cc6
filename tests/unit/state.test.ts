import { expect, test } from "vitest";
import { composeShader } from "../../src/gpu/shader.ts";
import { StructLayout } from "../../src/gpu/struct.ts";
import { batchWrite } from "../../src/kernels/state.ts";

test("a batch says where the rows of each slot begin and end, also those of a text of 70,000 tokens", () => {
  const { at, bytes } = batchWrite([
    { slot: 5, rows: 70_000, draws: false },
    { slot: 2, rows: 3, draws: true },
  ]);
  const words = new Uint32Array(bytes);
  const layout = new StructLayout(composeShader("shared/state"), "State");
  const word = (field: string, slot = 0): number => words[(layout.offsetOf(field) - at) / 4 + slot]!;
  expect([5, 2].map(slot => [word("firsts", slot), word("ends", slot)])).toEqual([
    [0, 70_000],
    [70_000, 70_003],
  ]);
  expect(word("rows")).toBe(70_003);
  expect(word("last_row")).toBe(70_002);
  expect([word("sequences"), word("draws"), word("order"), word("drawing")]).toEqual([2, 1, 0x25, 2]);
  expect(word("present")).toBe(0b100100);
});
