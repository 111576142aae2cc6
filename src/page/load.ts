import { proxy } from "comlink";
import { check, known } from "../options.ts";
import { requestPersistence } from "../storage/space.ts";
import type { Fit, FitOptions, LoadOptions, LoadProgress, ModelOrigin } from "../types.ts";
import { Model } from "./model.ts";
import { crossing, opening, plainSettings } from "./opening.ts";
import { callback, fitNames, loadNames } from "./option-names.ts";

/**
 * Loads a GGUF model: downloads what is not cached, streams the weights into the GPU, compiles the kernels.
 *
 * @param source a URL, an address on the Hugging Face Hub, a File, a stream, or the files of a split model: see `ModelOrigin`
 * @throws (as rejection) GpuUnavailableError, DoesNotFitError, ModelFormatError, UnsupportedModelError, DownloadError,
 *   StorageError, InputError `option`; the signal's reason if it was aborted. Nothing is left behind except what was
 *   downloaded, which the next call resumes.
 * @example
 * const model = await load("https://example.com/model.gguf", { onProgress: p => console.log(p.phase, p.loadedBytes) });
 * for await (const { text } of model.generate("Once upon a time", { maxTokens: 64 })) console.log(text);
 */
export async function load(source: ModelOrigin, options: LoadOptions = {}): Promise<Model> {
  const { signal, onProgress = () => {}, worker, ...settings } = known(options, loadNames);
  check("onProgress", onProgress, callback);
  const report = (progress: LoadProgress): void => {
    try {
      onProgress(progress);
    } catch (error) {
      reportError(error); // a fault of the page's own display is told, but ends no load
    }
  };
  const plainly = plainSettings(settings);
  return opening(source, { signal, worker }, async (connection, { from, stored }) => {
    // not waited for: Firefox asks the person, who may take any time
    if (stored) void requestPersistence().catch(() => {});
    const { of, info } = await connection.open(signal, request =>
      connection.host.load(request, crossing(from), plainly, proxy(report)),
    );
    return new Model(connection, of, info);
  });
}

/**
 * What a model would take of the GPU and whether it would run here, from its header alone: a few requests for parts of
 * its first megabytes, no download, nothing stored. It says the same as `load()` would, for the same code computes it.
 *
 * @param source as for `load()`, except a stream
 * @throws (as rejection) GpuUnavailableError, ModelFormatError, DownloadError, StorageError, InputError `option`; the
 *   signal's reason. A file with a readable header that does not run or fit is no error: `reasons` says why, and what
 *   would fit instead.
 * @example
 * const { fits, reasons, bytes, longestContext } = await fit("hf:owner/repo:Q4_K_M", { contextLength: 4096 });
 */
export async function fit(source: ModelOrigin, options: FitOptions = {}): Promise<Fit> {
  const { signal, worker, ...settings } = known(options, fitNames);
  const plainly = plainSettings(settings);
  return opening(source, { signal, worker }, async (connection, { from }) => {
    const answer = await connection.call(signal, request =>
      connection.host.fit(request, crossing(from), plainly),
    );
    connection.abandon();
    return answer;
  });
}
