/** Small model files with tensors of random bytes, and how the runtime opens and reads them. */
import type { PlainOrigin } from "../../../src/boundary/protocol.ts";
import { type OpenedOrigin, openOrigin } from "../../../src/load/open-origin.ts";
import type { LoadOptions, LoadProgress } from "../../../src/types.ts";
import { typed, writeGguf } from "./gguf-writer.ts";
import { someBytes } from "./storage-bytes.ts";

/** A file of `count` f32 tensors of different lengths. @param tokens entries of its vocabulary @param tokenizer with what else a tokenizer needs */
export function modelBytes({
  seed = 1,
  count = 7,
  tokens = 10,
  name = "test",
  tokenizer = false,
} = {}): Uint8Array {
  const vocabulary = Array.from({ length: tokens }, (_, index) => `token number ${index}`);
  return writeGguf({
    metadata: {
      "general.architecture": "llama",
      "general.name": name,
      "tokenizer.ggml.tokens": typed("array", vocabulary, "string"),
      ...(tokenizer && {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.scores": typed(
          "array",
          vocabulary.map(() => 0),
          "f32",
        ),
      }),
    },
    tensors: Array.from({ length: count }, (_, index) => {
      const rows = 1000 * (index + 1) + 3;
      return { name: `t${index}`, type: "F32", dims: [rows], data: someBytes(rows * 4, seed + index) };
    }),
  });
}

export interface Opening extends Pick<LoadOptions, "headers" | "token" | "hubUrl" | "cacheKey"> {
  signal?: AbortSignal;
  reports?: LoadProgress[];
}

export function open(
  from: PlainOrigin,
  { signal, reports = [], ...settings }: Opening = {},
): Promise<OpenedOrigin> {
  const hooks = {
    signal: signal ?? new AbortController().signal,
    onProgress: (report: LoadProgress) => void reports.push(report),
  };
  return openOrigin(from, settings, hooks);
}

/** The bytes of every tensor, by name, as the upload takes them from the stream; closes the source. */
export async function tensorBytes({ source, file }: OpenedOrigin): Promise<Map<string, Uint8Array>> {
  const tensors = new Map(file.tensors.map(({ name, bytes }) => [name, new Uint8Array(bytes)]));
  try {
    let next = file.dataOffset;
    for await (const { offset, bytes } of source.stream(file.dataOffset)) {
      if (offset < next)
        throw new Error(`A piece begins at ${offset}, before the end of the last one, ${next}.`);
      next = offset + bytes.length;
      for (const tensor of file.tensors) {
        const from = Math.max(tensor.offset, offset);
        const to = Math.min(tensor.offset + tensor.bytes, next);
        if (from < to)
          tensors.get(tensor.name)!.set(bytes.subarray(from - offset, to - offset), from - tensor.offset);
      }
    }
    return tensors;
  } finally {
    source.close();
  }
}

export const loaded = async (from: PlainOrigin, opening?: Opening) => tensorBytes(await open(from, opening));
