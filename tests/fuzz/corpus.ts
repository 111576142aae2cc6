/** Headers to begin with: small golden files, parsed. */
import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type GgufFile, parseGguf } from "../../src/gguf/gguf.ts";

const golden = resolve(import.meta.dirname, "../golden");
const faults = readdirSync(resolve(golden, "faults")).filter(name => name.endsWith(".gguf"));
const paths = [...faults.map(name => `faults/${name}`), "arch/bert/model.gguf", "arch/gptoss/model.gguf"];

export interface Sample {
  name: string;
  bytes: Uint8Array;
  file: GgufFile;
}

/** By name, in a fixed order, since a seed has to give the same cases everywhere. */
export const corpus: readonly Sample[] = await Promise.all(
  paths.sort().map(async name => {
    const bytes = new Uint8Array(readFileSync(resolve(golden, name)));
    const file = await parseGguf(async (at, length) => bytes.slice(at, at + length), bytes.length);
    return { name, bytes, file };
  }),
);

export const models = corpus.filter(({ file }) => file.tensors.length > 5);
export const vocabularies = corpus.filter(({ file }) => "tokenizer.ggml.tokens" in file.metadata);
