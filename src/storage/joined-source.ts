/** The files of a split model, one after the other, as one source. */
import type { LoadProgress } from "../types.ts";
import { ProgressMeter } from "./progress.ts";
import type { ModelPiece, ModelSource, StreamOptions } from "./source.ts";
import { warnOfSpace } from "./space.ts";
import { UrlSource } from "./url-source.ts";

export class JoinedSource implements ModelSource {
  readonly name: string;
  readonly url: string | null;
  readonly size: number;
  readonly #parts: readonly ModelSource[];
  readonly #onProgress: ((progress: LoadProgress) => void) | undefined;

  /** @param parts in their order; closed with this source */
  constructor(parts: readonly ModelSource[], onProgress?: (progress: LoadProgress) => void) {
    this.#parts = parts;
    this.#onProgress = onProgress;
    this.name = parts[0]!.name;
    this.url = parts[0]!.url;
    this.size = parts.reduce((sum, { size }) => sum + size, 0);
    const urls = parts.map(({ url }) => url).filter(url => url !== null);
    if (urls.length < parts.length) return;
    for (const part of parts) if (part instanceof UrlSource) part.markAsPart({ urls, totalBytes: this.size });
  }

  get missingBytes(): number {
    return this.#parts.reduce((sum, { missingBytes }) => sum + missingBytes, 0);
  }

  async read(offset: number, length: number, options?: StreamOptions): Promise<Uint8Array> {
    const out = new Uint8Array(length);
    let base = 0;
    for (const part of this.#parts) {
      const from = Math.max(offset, base);
      const to = Math.min(offset + length, base + part.size);
      if (from < to) out.set(await part.read(from - base, to - from, options), from - offset);
      base += part.size;
    }
    return out;
  }

  /** One part after the other; a part that lies outside of the range is downloaded all the same. */
  async *stream(
    start = 0,
    end = this.size,
    { signal, onProgress = this.#onProgress }: StreamOptions = {},
  ): AsyncGenerator<ModelPiece> {
    const missing = this.missingBytes;
    const phase = missing > 0 ? "download" : "read";
    if (missing > 0) await warnOfSpace(missing);
    const meter = new ProgressMeter({
      phase,
      totalBytes: missing > 0 ? this.size : end - start,
      loadedBytes: missing > 0 ? this.size - missing : 0,
      report: onProgress,
    });
    let base = 0;
    for (const part of this.#parts) {
      const within = (at: number): number => Math.min(Math.max(at - base, 0), part.size);
      const [from, to] = [within(start), within(end)];
      // While a download runs, what counts is what the cache holds; a part that is only read adds nothing.
      const elsewhere =
        phase === "download"
          ? this.size - part.size - (this.missingBytes - part.missingBytes)
          : Math.max(base - start, 0);
      const report = (progress: LoadProgress): void => {
        if (progress.phase === phase) meter.set(elsewhere + progress.loadedBytes);
        if (progress.retry) meter.retry(progress.retry);
      };
      for await (const { offset, bytes } of part.stream(from, to, { signal, onProgress: report })) {
        yield { offset: base + offset, bytes };
      }
      base += part.size;
    }
    meter.finish();
  }

  close(): void {
    for (const part of this.#parts) part.close();
  }
}
