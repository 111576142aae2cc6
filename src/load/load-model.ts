import { abortable } from "../abort.ts";
import type { LoadSettings, PlainOrigin } from "../boundary/protocol.ts";
import { Session } from "../engine/session.ts";
import { DoesNotFitError } from "../errors.ts";
import { getNumber, getString } from "../gguf/fields.ts";
import type { GgufFile } from "../gguf/gguf.ts";
import { allocating } from "../gpu/allocating.ts";
import { Buffers } from "../gpu/buffers.ts";
import { openGpu } from "../gpu/device.ts";
import { rethrowLoss, untilLost } from "../gpu/loss.ts";
import type { KernelChoice } from "../kernels/choice.ts";
import type { OpenedModel } from "../model/open-model.ts";
import type { ModelSource } from "../storage/source.ts";
import { hasChatTemplate } from "../tokenizer/index.ts";
import type { LoadProgress, ModelInfo } from "../types.ts";
import { AllocatedWeights } from "./allocated-weights.ts";
import { buildModel } from "./build.ts";
import { type CheckedModel, checkModel } from "./check-model.ts";
import { chooseKernels } from "./choose-kernels.ts";
import { chooseContext, contextWarnings, DEFAULT_SEQUENCES } from "./context.ts";
import { fileFacts } from "./describe.ts";
import { Fingerprint } from "./fingerprint.ts";
import { explainLimit, megabytes } from "./fit.ts";
import { openOrigin } from "./open-origin.ts";
import { uploadWeights } from "./upload.ts";

export interface LoadHooks {
  signal: AbortSignal;
  onProgress(progress: LoadProgress): void;
  /** For tests: these variants of kernels, and nothing is measured. */
  choice?: KernelChoice;
}

/**
 * From addresses, files or a stream to a session that answers. The header decides first: what cannot run fails before a weight is
 * fetched. Then memory is taken, and while weights stream into it the pipelines compile, in the variants that were measured, now
 * or at an earlier load, to be the fastest here.
 * Everything taken is freed again when it fails or is aborted.
 * @throws GpuUnavailableError, DoesNotFitError, ModelFormatError, UnsupportedModelError, DownloadError, StorageError,
 *   DeviceLostError, InputError `option`; the signal's reason
 */
export async function loadModel(
  from: PlainOrigin,
  settings: LoadSettings,
  hooks: LoadHooks,
): Promise<Session> {
  const started = performance.now();
  hooks.signal.throwIfAborted();
  const gpu = await openGpu(settings.features);
  const signal = untilLost(gpu, hooks.signal);
  const buffers = new Buffers(gpu);
  const ended = new AbortController();
  const choosing = hooks.choice
    ? Promise.resolve(hooks.choice)
    : chooseKernels(gpu, () => openGpu({ ...settings.features, tolerant: true }), {
        signal: AbortSignal.any([signal, ended.signal]),
      });
  choosing.catch(() => {}); // awaited below, unless the header ends the load before
  let source: ModelSource | undefined;
  try {
    const opened = await openOrigin(from, settings, { ...hooks, signal });
    source = opened.source;
    const { file } = opened;
    const checked = checkModel(file, gpu, check => check()) as CheckedModel;
    const { model, tokenizer, template, ranking } = checked;
    const contextLength = chooseContext(gpu, model, settings.contextLength);
    const { maxSequences = DEFAULT_SEQUENCES } = settings;
    const warnings = [...tokenizer.warnings, ...contextWarnings(model, contextLength)];
    for (const warning of warnings) console.warn(`intab: ${warning}`);
    const choice = await choosing;
    const { made, error } = await allocating(gpu, () => {
      const weights = new AllocatedWeights(model.taken, buffers);
      const weightBytes = buffers.bytes;
      return {
        weights,
        weightBytes,
        ...buildModel({ gpu: { ...gpu, choice }, buffers, model, weights, contextLength, maxSequences }),
      };
    }).catch(error => {
      throw explainLimit(gpu, model, maxSequences, error);
    });
    if (error) throw noRoom(buffers.bytes, made, contextLength, error);
    signal.throwIfAborted();
    const { weights, pipelines, kvBytesPerPosition, complete } = made;
    const fingerprint = new Fingerprint(file);
    const upload = { pipelines, buffers, file, taken: model.taken, weights, source, fingerprint };
    await uploadWeights({ gpu, signal, ...upload });
    hooks.onProgress({
      phase: "compile",
      loadedBytes: 0,
      totalBytes: 0,
      bytesPerSecond: 0,
      secondsLeft: null,
    });
    const { engine, embedder, generator } = await abortable(complete(), signal);
    const info = {
      ...describe(file, source, model),
      warnings,
      contextLength,
      gpuBytes: buffers.bytes,
      weightBytesPerToken: weightBytesPerToken(file),
      kvBytesPerPosition,
      adapter: gpu.facts,
      kernels: pipelines.chosen,
      loadMs: performance.now() - started,
    };
    const ready = source.size;
    hooks.onProgress({
      phase: "ready",
      loadedBytes: ready,
      totalBytes: ready,
      bytesPerSecond: 0,
      secondsLeft: 0,
    });
    return new Session({
      gpu,
      buffers,
      tokenizer,
      template,
      generator,
      engine,
      embedder,
      ranking,
      info,
      binding: [await fingerprint.digest(), gpu.f16 ? "f16" : "f32", contextLength].join(" "),
    });
  } catch (error) {
    try {
      if (signal.aborted) throw signal.reason;
      return await rethrowLoss(gpu, error);
    } finally {
      buffers.destroy();
      gpu.destroy();
    }
  } finally {
    ended.abort();
    source?.close();
  }
}

/** All memory is taken before the download: a model that does not fit says so at once. */
function noRoom(
  bytes: number,
  { weightBytes, kvBytes }: { weightBytes: number; kvBytes: number },
  contextLength: number,
  cause: GPUError,
): DoesNotFitError {
  const remedy =
    kvBytes > weightBytes / 4
      ? `A contextLength of ${Math.ceil(contextLength / 4)} takes ${megabytes(kvBytes * 0.75)} less.`
      : "Take a file of it with fewer bits per weight, or a smaller model.";
  return new DoesNotFitError(
    "gpu-memory",
    `The GPU has no room for this model: it needs ${megabytes(bytes)}, of which ${megabytes(weightBytes)} are weights and ` +
      `${megabytes(kvBytes)} the keys and values of ${contextLength} positions. ${remedy} Closing other tabs that use the GPU may help, too.`,
    { details: { bytes, weightBytes, kvBytes, contextLength }, cause },
  );
}

/** A lookup reads one row of the embedding; all of it is read only where it is the output as well. Experts count in part. */
function weightBytesPerToken(file: GgufFile): number {
  const count = (key: string): number =>
    getNumber(file.metadata, `${getString(file.metadata, "general.architecture")}.${key}`, 0);
  const chosen = count("expert_count") > 0 ? count("expert_used_count") / count("expert_count") : 1;
  const tied = !file.tensors.some(({ name }) => name === "output.weight");
  return file.tensors.reduce((sum, { name, bytes }) => {
    if (name === "token_embd.weight" && !tied) return sum;
    return sum + bytes * (/(_exps|\.\d+)\.weight$/.test(name) ? chosen : 1);
  }, 0);
}

function describe(file: GgufFile, source: ModelSource, { shape: model, ...opened }: OpenedModel) {
  return {
    ...fileFacts(file, source.name),
    vocabularySize: model.vocabulary,
    layers: model.layers,
    hiddenSize: model.hidden,
    trainedContextLength: model.contextLength,
    hasChatTemplate: hasChatTemplate(file.metadata),
    generates: opened.output !== undefined,
    ranks: opened.ranking !== undefined,
    pooling: opened.pooling,
    fileBytes: source.size,
    url: source.url,
  } satisfies Partial<ModelInfo>;
}
