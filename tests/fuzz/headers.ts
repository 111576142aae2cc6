/** Bytes to a header, parts to a model, a header to a plan of tensors and to what `fit()` says of it. */
import { parseGguf } from "../../src/gguf/gguf.ts";
import { joinParts } from "../../src/gguf/split.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { checkModel } from "../../src/load/check-model.ts";
import { fileFacts } from "../../src/load/describe.ts";
import { judge } from "../../src/load/fit.ts";
import { corpus, models } from "./corpus.ts";
import { changedFile, changedMetadata } from "./mutate.ts";
import type { Random } from "./random.ts";

// a browser's constants, of which no bit matters where nothing is made
Object.assign(globalThis, { GPUBufferUsage: {} });

/** What `judge` reads of a GPU; nothing is made on it. */
function gpuOf(random: Random): Gpu {
  const bytes = 2 ** (20 + random.below(12));
  const limits = { maxBufferSize: bytes, maxStorageBufferBindingSize: bytes } as GPUSupportedLimits;
  const yes = () => random.chance(0.5);
  return {
    device: { limits } as GPUDevice,
    facts: {} as Gpu["facts"],
    f16: yes(),
    subgroups: yes(),
    subgroupMatrix: false,
    subgroupMinSize: 32,
    software: yes(),
    lost: new Promise<never>(() => {}),
    destroy: () => {},
  };
}

/** A file's bytes with some of them changed, and its end cut off. */
export async function fuzzBytes(random: Random): Promise<void> {
  const bytes = random.pick(corpus).bytes.slice(0, 300_000);
  // most of what a header says stands at its beginning
  const reach = random.pick([64, 1024, bytes.length]);
  for (let n = random.below(6); n >= 0; n--) {
    bytes[random.below(Math.min(reach, bytes.length))] = random.pick([
      0,
      1,
      8,
      9,
      127,
      128,
      255,
      random.below(256),
    ]);
  }
  const length = random.chance(0.2) ? random.below(bytes.length) : bytes.length;
  await parseGguf(async (at, size) => bytes.slice(at, Math.min(length, at + size)), length);
}

/** Parts of a split model whose headers disagree. */
export function fuzzSplit(random: Random): void {
  const { file } = random.pick(models);
  const count = 1 + random.below(4);
  const parts = Array.from({ length: 1 + random.below(count + 1) }, (_, no) => {
    const split = { "split.count": count, "split.no": no, "split.tensors.count": file.tensors.length };
    const metadata = Object.assign(Object.create(null), file.metadata, split);
    return {
      name: `part ${no}`,
      file: {
        ...file,
        metadata: random.chance(0.5) ? changedMetadata(random, metadata, "split.") : metadata,
        tensors: file.tensors.filter((_, index) => index % count === no),
      },
    };
  });
  joinParts(parts);
}

/** A model's numbers, types, shapes and vocabulary, through all that `fit()` does and `load()` checks. */
export function fuzzModel(random: Random): void {
  const file = changedFile(random, random.pick(models).file);
  const gpu = gpuOf(random);
  fileFacts(file, "");
  const found = judge(gpu, file, {
    ...(random.chance(0.3) && { contextLength: random.number(512) }),
    ...(random.chance(0.3) && { memoryBytes: Math.abs(random.number(1e6)) || 1 }),
  });
  const numbers = [...Object.values(found.bytes ?? {}), found.longestContext ?? 0, found.contextLength ?? 0];
  if (!numbers.every(Number.isSafeInteger)) throw new RangeError(`fit() counts ${numbers}`);
  if (found.fits) checkModel(file, gpu, check => check());
}
