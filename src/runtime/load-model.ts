import { DoesNotFitError, ModelFormatError } from "../errors.ts";
import { type GgufFile, parseGguf } from "../gguf/gguf.ts";
import { getString } from "../gguf/metadata.ts";
import { checkSupported } from "../gguf/supported.ts";
import { Buffers } from "../gpu/buffers.ts";
import { openGpu } from "../gpu/device.ts";
import { type Hyperparameters, readHyperparameters } from "../model/hyperparameters.ts";
import { planWeights, type WeightPlan } from "../model/weights.ts";
import { openFile } from "../storage/file-source.ts";
import { openUrl } from "../storage/open-url.ts";
import type { ModelSource } from "../storage/source.ts";
import { createChatTemplate, createTokenizer, hasChatTemplate } from "../tokenizer/index.ts";
import type { LoadOptions, LoadProgress, ModelInfo } from "../types.ts";
import { abortable } from "./abortable.ts";
import { allocating } from "./allocating.ts";
import { buildModel, chooseContext } from "./build-model.ts";
import { rethrowLoss, watchGpu } from "./gpu-health.ts";
import { Session } from "./session.ts";
import { allocateWeights, uploadWeights } from "./weight-upload.ts";

/** What of `LoadOptions` reaches the worker as data. */
export type LoadSettings = Pick<LoadOptions, "contextLength" | "headers" | "features">;

export interface LoadHooks {
  signal: AbortSignal;
  onProgress(progress: LoadProgress): void;
}

/**
 * From a URL or File to a session that answers. The header decides first: what cannot run fails before a weight is
 * fetched. Then memory is taken, and while weights stream into it the pipelines compile.
 * Everything taken is freed again when it fails or is aborted.
 * @throws GpuUnavailableError, DoesNotFitError, ModelFormatError, UnsupportedModelError, DownloadError, StorageError,
 *   DeviceLostError, InputError `option`; the signal's reason
 */
export async function loadModel(
  from: string | Blob,
  settings: LoadSettings,
  hooks: LoadHooks,
): Promise<Session> {
  const started = performance.now();
  const { signal } = hooks;
  signal.throwIfAborted();
  const gpu = watchGpu(await openGpu(settings.features));
  const buffers = new Buffers(gpu);
  let source: ModelSource | undefined;
  try {
    source = await openSource(from, settings, hooks);
    const file = await readHeader(source, hooks);
    const model = readHyperparameters(file);
    const plan = planWeights(file, model);
    const tokenizer = createTokenizer(file.metadata);
    checkVocabulary(tokenizer.vocabularySize, model.vocabulary);
    const template = createChatTemplate(file.metadata, tokenizer);

    const contextLength = chooseContext(gpu, model, settings.contextLength);
    const { made, error } = await allocating(gpu, () => {
      const weights = allocateWeights(plan, buffers);
      return { weights, ...buildModel({ gpu, buffers, model, plan, weights, contextLength }) };
    });
    if (error) throw noRoom(buffers.bytes, error);
    signal.throwIfAborted();
    const { weights, pipelines, setRope, kvBytesPerPosition, complete } = made;
    const factors = await uploadWeights({ gpu, pipelines, buffers, file, plan, weights, source, signal });
    setRope(factors);
    hooks.onProgress({
      phase: "compile",
      loadedBytes: 0,
      totalBytes: 0,
      bytesPerSecond: 0,
      secondsLeft: null,
    });
    const { loop, evaluator, profiler } = await abortable(complete(), signal);
    const info = {
      ...describe(file, source, model),
      contextLength,
      gpuBytes: buffers.bytes,
      weightBytesPerToken: weightBytesPerToken(file, plan),
      kvBytesPerPosition,
      adapter: gpu.facts,
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
    return new Session({ gpu, buffers, tokenizer, template, loop, evaluator, profiler, info });
  } catch (error) {
    try {
      if (signal.aborted) throw signal.reason;
      return await rethrowLoss(gpu, error);
    } finally {
      buffers.destroy();
      gpu.destroy();
    }
  } finally {
    source?.close();
  }
}

function openSource(
  from: string | Blob,
  { headers }: LoadSettings,
  { signal, onProgress }: LoadHooks,
): Promise<ModelSource> | ModelSource {
  return typeof from === "string"
    ? openUrl(from, { headers, signal, onProgress })
    : openFile(from, { onProgress });
}

async function readHeader(source: ModelSource, { signal, onProgress }: LoadHooks): Promise<GgufFile> {
  onProgress({
    phase: "header",
    loadedBytes: 0,
    totalBytes: source.size,
    bytesPerSecond: 0,
    secondsLeft: null,
  });
  const file = await parseGguf((offset, length) => source.read(offset, length, { signal }), source.size);
  checkSupported(file);
  return file;
}

/** Ids go both ways between text and embedding: one without the other would fail in mid-sentence. */
function checkVocabulary(tokens: number, rows: number): void {
  if (tokens === rows) return;
  throw new ModelFormatError(
    "bad-gguf",
    `The file's vocabulary has ${tokens} tokens, its embedding ${rows} rows. Get the file again, or another conversion of the model.`,
    { details: { tokens, rows } },
  );
}

/** All memory is taken before the download: a model that does not fit says so at once. */
function noRoom(bytes: number, cause: GPUError): DoesNotFitError {
  const megabytes = Math.ceil(bytes / 1e6);
  return new DoesNotFitError(
    "gpu-memory",
    `The GPU has no room for this model: it needs ${megabytes} MB for weights, KV cache and scratch. Close other tabs that use the GPU, give a smaller contextLength, or take a smaller model or quantisation.`,
    { details: { bytes }, cause },
  );
}

/** A lookup reads one row of the embedding; all of it is read only where it is the output as well. */
function weightBytesPerToken(file: GgufFile, plan: WeightPlan): number {
  const all = file.tensors.reduce((sum, { bytes }) => sum + bytes, 0);
  if (plan.output === plan.embedding) return all;
  return plan.embedding.parts.reduce((sum, { tensor }) => sum - tensor.bytes, all);
}

function describe(file: GgufFile, source: ModelSource, model: Hyperparameters) {
  const tensorTypes: Record<string, number> = {};
  let parameterCount = 0;
  for (const { type, dims } of file.tensors) {
    tensorTypes[type] = (tensorTypes[type] ?? 0) + 1;
    parameterCount += dims.reduce((product, size) => product * size, 1);
  }
  return {
    name: getString(file.metadata, "general.name", source.name),
    architecture: model.architecture,
    parameterCount,
    tensorTypes,
    vocabularySize: model.vocabulary,
    layers: model.layers,
    hiddenSize: model.hidden,
    trainedContextLength: model.contextLength,
    hasChatTemplate: hasChatTemplate(file.metadata),
    fileBytes: source.size,
  } satisfies Partial<ModelInfo>;
}
