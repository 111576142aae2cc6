/** A model that the person picked: read where it lies, never copied into storage. */
import { ModelFormatError } from "../errors.ts";
import type { LoadProgress } from "../types.ts";
import { readAhead } from "./ahead.ts";
import { ProgressMeter } from "./progress.ts";
import { CHUNK_BYTES, type ModelPiece, type ModelSource, type StreamOptions } from "./source.ts";

export interface OpenFileOptions {
  /** Called while `stream()` runs, with phase `read`. */
  onProgress?: ((progress: LoadProgress) => void) | undefined;
}

/** A source over a File or Blob. Nothing is read before `read()` or `stream()`. */
export function openFile(file: Blob, { onProgress }: OpenFileOptions = {}): ModelSource {
  const name = "name" in file && typeof file.name === "string" ? file.name : "model.gguf";
  const closed = new AbortController();

  async function read(offset: number, length: number, { signal }: StreamOptions = {}) {
    signal?.throwIfAborted();
    closed.signal.throwIfAborted();
    try {
      return new Uint8Array(await file.slice(offset, offset + length).arrayBuffer());
    } catch (cause) {
      if (!(cause instanceof DOMException)) throw cause;
      throw new ModelFormatError(
        "file-unreadable",
        `The file "${name}" cannot be read any more at offset ${offset} (${cause.name}: ${cause.message}). ` +
          "It was most likely changed, moved or deleted after it was picked: pick it again.",
        { cause, details: { name, offset, length } },
      );
    }
  }

  async function* stream(
    start = 0,
    end = file.size,
    options: StreamOptions = {},
  ): AsyncGenerator<ModelPiece> {
    const report = options.onProgress ?? onProgress;
    const meter = new ProgressMeter({ phase: "read", totalBytes: end - start, report });
    const at = (piece: number): number => start + piece * CHUNK_BYTES;
    const pieces = readAhead(0, Math.ceil((end - start) / CHUNK_BYTES), piece =>
      read(at(piece), Math.min(CHUNK_BYTES, end - at(piece)), options),
    );
    for await (const { index, bytes } of pieces) {
      meter.add(bytes.length);
      yield { offset: at(index), bytes };
    }
    meter.finish();
  }

  return {
    name,
    url: null,
    size: file.size,
    missingBytes: 0,
    read,
    stream,
    close: () => closed.abort(new DOMException("The model source was closed.", "AbortError")),
  };
}
