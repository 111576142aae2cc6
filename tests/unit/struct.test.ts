// Layouts read from WGSL, against the offsets that WGSL 14.4.1 gives, and what packing refuses.
import { describe, expect, test } from "vitest";
import { minifyWgsl } from "../../scripts/lib/wgsl.mjs";
import { composeShader, shaderFile } from "../../src/gpu/shader.ts";
import { constantIn, StructLayout, type StructValue } from "../../src/gpu/struct.ts";

/** The example of https://www.w3.org/TR/WGSL/#structure-member-layout, and what the kernels use besides. */
const TEXT = `
const COUNT = 3u;   // of pairs
struct A {          /* align 8, size 24 */
  u: f32,
  v: f32,
  w: vec2<f32>,
  x: f32,
}
struct B {
  a: vec2f,
  b: vec3f,         // at 16: size 12, align 16
  c: f32,           // fits behind it, at 28
  d: f32,
  e: A,             // at 40
  f: vec3<f32>,     // at 64
  g: array<A, 3>,   // at 80, 24 apart
  h: i32,           // at 152
}
struct Mixed { first: u32, lists: array<array<vec3u, 2>, COUNT>, last: vec2<i32> }
`;
const layouts = (name: string): StructLayout[] => [
  new StructLayout(TEXT, name),
  new StructLayout(minifyWgsl(TEXT), name),
];

describe("StructLayout", () => {
  test("places fields by WGSL's rules, from text with comments and from minified text", () => {
    for (const layout of layouts("B")) {
      const offsets = [..."abcdefgh"].map(field => layout.offsetOf(field));
      expect(offsets).toEqual([0, 16, 28, 32, 40, 64, 80, 152]);
      expect(layout.bytes).toBe(160);
    }
    for (const layout of layouts("A")) expect(layout.bytes).toBe(24);
    for (const layout of layouts("Mixed")) {
      expect(["first", "lists", "last"].map(field => layout.offsetOf(field))).toEqual([0, 16, 112]);
      expect(layout.bytes).toBe(128);
    }
  });

  test("packs scalars, vectors, arrays and nested structs, with zeros in between", () => {
    const a = (x: number): StructValue => ({ u: x, v: x + 1, w: [x + 2, x + 3], x: x + 4 });
    const b = {
      a: [1, 2],
      b: [3, 4, 5],
      c: 6,
      d: 7,
      e: a(10),
      f: [8, 9, 0.5],
      g: [a(20), a(30), a(40)],
      h: -2,
    };
    for (const layout of layouts("B")) {
      const packed = layout.pack(b);
      expect([...new Float32Array(packed, 0, 38)]).toEqual([
        ...[1, 2, 0, 0, 3, 4, 5, 6, 7, 0],
        ...[10, 11, 12, 13, 14, 0],
        ...[8, 9, 0.5, 0],
        ...[20, 21, 22, 23, 24, 0, 30, 31, 32, 33, 34, 0, 40, 41, 42, 43, 44, 0],
      ]);
      expect([...new Int32Array(packed, 152)]).toEqual([-2, 0]);
    }
  });

  test("strides the elements of nested arrays", () => {
    const lists = [0, 1, 2].map(i => [0, 1].map(j => [i, j, 7]));
    const packed = layouts("Mixed")[1]!.pack({ first: 0xffff_ffff, lists, last: [-1, 1] });
    expect([...new Uint32Array(packed)]).toEqual([
      ...[0xffff_ffff, 0, 0, 0],
      ...[0, 0, 7, 0, 0, 1, 7, 0, 1, 0, 7, 0, 1, 1, 7, 0, 2, 0, 7, 0, 2, 1, 7, 0],
      ...[0xffff_ffff, 1, 0, 0],
    ]);
  });

  test.each<[string, string, StructValue | undefined]>([
    ["an unknown field", "A has no field y", { y: 1 }],
    ["a missing number", "A.x is f32", { x: undefined as unknown as number }],
    ["NaN", "A.u is f32", { u: Number.NaN }],
    ["infinity", "A.u is f32", { u: Number.POSITIVE_INFINITY }],
    ["what f32 cannot hold", "A.v is f32", { v: 3.5e38 }],
    ["text", "A.v is f32", { v: "1" as unknown as number }],
    ["a list for a number", "A.v is f32", { v: [1] }],
    ["a number for a list", "A.w takes 2 values", { w: 1 }],
    ["a shorter list", "A.w takes 2 values", { w: [1] }],
    ["a longer list", "A.w takes 2 values", { w: [1, 2, 3] }],
  ])("refuses %s", (_, message, wrong) => {
    const values = { u: 0, v: 0, w: [0, 0], x: 0, ...(wrong as object) };
    expect(() => layouts("A")[0]!.pack(values)).toThrow(message);
    expect(() => layouts("A")[0]!.pack(values)).toThrow(RangeError);
  });

  test.each([-1, 2 ** 32, 0.5, Number.NaN])("refuses %s as u32", value => {
    const layout = new StructLayout("struct S { x: u32 }", "S");
    expect(() => layout.pack({ x: value })).toThrow("S.x is u32 and cannot hold");
    expect([...new Uint32Array(layout.pack({ x: 2 ** 32 - 1 }))]).toEqual([2 ** 32 - 1]);
  });

  test.each([-(2 ** 31) - 1, 2 ** 31, 1.5])("refuses %s as i32", value => {
    const layout = new StructLayout("struct S { x: i32 }", "S");
    expect(() => layout.pack({ x: value })).toThrow("S.x is i32 and cannot hold");
    expect([...new Int32Array(layout.pack({ x: -(2 ** 31) }))]).toEqual([-(2 ** 31)]);
  });

  test("refuses what it does not read, and names that are not there", () => {
    expect(() => new StructLayout(TEXT, "C")).toThrow("no struct C");
    expect(() => new StructLayout(TEXT, "u32")).toThrow("u32 is no struct");
    for (const field of [
      "x: f16",
      "x: mat4x4f",
      "x: array<u32>",
      "x: bool",
      "@align(16) x: u32",
      "x: array<u32, LOST>",
    ])
      expect(() => new StructLayout(`struct S { ${field}, y: u32 }`, "S"), field).toThrow();
    expect(() => layouts("A")[0]!.offsetOf("y")).toThrow("A has no field y");
    expect(() => constantIn(TEXT, "COUN")).toThrow("no constant COUN");
    expect(constantIn(TEXT, "COUNT")).toBe(3);
  });
});

test("the structs that the CPU fills lie as their kernels see them", () => {
  const bytes = (file: string, name: string): number[] =>
    [shaderFile(file), minifyWgsl(shaderFile(file))].map(text => new StructLayout(text, name).bytes);
  const state = composeShader("shared/state");
  expect([state, minifyWgsl(state)].map(text => new StructLayout(text, "State").bytes)).toEqual([160, 160]);
  expect(bytes("shared/sample-params", "SampleParams")).toEqual([112, 112]);
  expect(bytes("repack", "Window")).toEqual([40, 40]);
});
