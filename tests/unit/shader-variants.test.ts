// No file of shaders/ without a kernel, no kernel without a reference and a test. What the variants are made of:
// tests/gpu/variants.ts; that they compile: tests/gpu/variants.test.ts.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { shippedVariants, type Variant } from "../gpu/variants.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const stems = (folder: string, ending: string): string[] =>
  readdirSync(`${root}/${folder}`)
    .filter(name => name.endsWith(ending))
    .map(name => name.slice(0, -ending.length))
    .sort();

/** Parts that kernels share, in `src/kernels/`. */
const PARTS = [
  "attention-grids",
  "choice",
  "codebook-data",
  "codebooks",
  "epilogue",
  "routing",
  "sample-params",
  "state",
  "vector",
  "weights",
];
/** Kernels that compute what another one's reference does. */
const REFERENCES: Readonly<Record<string, string>> = { "matvec-few": "matmul" };
/** What a kernel's shaders are called where that is not its own stem. */
const FAMILIES: Readonly<Record<string, string>> = { sampler: "sample" };

/** Files of `shaders/shared/` that a variant is made of. */
function partsOf({ shader, imports }: Variant["code"]): Set<string> {
  const parts = new Set<string>();
  const visit = (file: string): void => {
    for (const [, name] of readFileSync(`${root}/shaders/${file}.wgsl`, "utf8").matchAll(
      /^\s*#(?:import|insert) ([\w-]+)/gm,
    )) {
      const part = imports?.[name!] ?? name!;
      if (parts.has(part)) continue;
      parts.add(part);
      visit(`shared/${part}`);
    }
  };
  visit(shader);
  return parts;
}

describe("shader files", () => {
  let variants: Variant[];
  beforeAll(async () => {
    variants = await shippedVariants();
  });

  test("each is part of a variant that is shipped", () => {
    const shaders = new Set(variants.map(({ code }) => code.shader));
    const parts = new Set(variants.flatMap(({ code }) => [...partsOf(code)]));
    expect([...shaders].sort()).toEqual(stems("shaders", ".wgsl"));
    expect([...parts].sort()).toEqual(stems("shaders/shared", ".wgsl"));
  });

  test("each kernel's variants are in the list, under names that begin like the kernel's", () => {
    const kernels = new Set(variants.map(({ kernel }) => kernel));
    expect([...kernels, ...PARTS].sort()).toEqual(stems("src/kernels", ".ts"));
    for (const { kernel, code } of variants) {
      const family = FAMILIES[kernel] ?? kernel;
      expect(`${code.shader}-`.startsWith(`${family}-`), `${code.shader} of ${kernel}`).toBe(true);
    }
  });

  test("say in their text what each of their sizes is for", () => {
    for (const { name, code } of variants) {
      const files = [code.shader, ...[...partsOf(code)].map(part => `shared/${part}`)];
      const text = files.map(file => readFileSync(`${root}/shaders/${file}.wgsl`, "utf8")).join("");
      for (const size of Object.keys(code.sizes ?? {})) {
        expect(new RegExp(`\\b${size}\\b`).test(text), `${size} of ${name}`).toBe(true);
      }
    }
  });

  test("are listed for narrow subgroups and for wide ones", () => {
    for (const shader of ["attention-decode-subgroups", "matvec"]) {
      const codes = variants.map(({ code }) => code).filter(code => code.shader === shader);
      const widths = codes.map(({ constants }) => constants?.WIDTH);
      expect(widths, shader).toEqual(expect.arrayContaining([8, 32]));
    }
  });

  test("each kernel has a reference and a test on the GPU", () => {
    const references = stems("tests/reference", ".ts");
    const tests = stems("tests/gpu", ".test.ts");
    for (const { kernel } of variants) {
      expect(references, "tests/reference").toContain(REFERENCES[kernel] ?? kernel);
      expect(
        tests.some(test => `${test}-`.startsWith(`${kernel}-`)),
        `tests/gpu/${kernel}*.test.ts`,
      ).toBe(true);
    }
  });

  test("ask functions for rows and pages: the state's fields and the block table are named in one place each", () => {
    const naming = (pattern: RegExp): string[] =>
      [
        ...stems("shaders", ".wgsl"),
        ...stems("shaders/shared", ".wgsl").map(name => `shared/${name}`),
      ].filter(name =>
        pattern.test(readFileSync(`${root}/shaders/${name}.wgsl`, "utf8").replace(/\/\/.*/g, "")),
      );
    expect(naming(/\bstate\./)).toEqual(["shared/rows", "shared/state", "shared/state-written"]);
    expect(naming(/\bblock_table\[/)).toEqual(["shared/kv-cache"]);
  });

  test("are written for people: at most 200 lines", () => {
    const long = [
      ...stems("shaders", ".wgsl"),
      ...stems("shaders/shared", ".wgsl").map(name => `shared/${name}`),
    ].filter(name => readFileSync(`${root}/shaders/${name}.wgsl`, "utf8").split("\n").length > 201);
    expect(long).toEqual([]);
  });
});
