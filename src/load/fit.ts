/** What a model would take of the GPU, from its header alone, by the code that allocates it. */

import type { FitSettings, PlainOrigin } from "../boundary/protocol.ts";
import { fitRules } from "../engine/option-rules.ts";
import {
  DoesNotFitError,
  InputError,
  IntabError,
  ModelFormatError,
  UnsupportedModelError,
} from "../errors.ts";
import type { GgufFile } from "../gguf/gguf.ts";
import { TENSOR_TYPES } from "../gguf/tensor-types.ts";
import { Buffers } from "../gpu/buffers.ts";
import { type Gpu, openGpu } from "../gpu/device.ts";
import { dryGpu } from "../gpu/dry.ts";
import { isWeightType } from "../kernels/weights.ts";
import type { OpenedModel } from "../model/open-model.ts";
import { checkAll } from "../options.ts";
import type { Fit, FitBytes, FitReason } from "../types.ts";
import { AllocatedWeights } from "./allocated-weights.ts";
import { buildModel, type SequenceLimits } from "./build.ts";
import { checkModel } from "./check-model.ts";
import { chooseContext, DEFAULT_SEQUENCES } from "./context.ts";
import { fileFacts } from "./describe.ts";
import { type OpenHooks, openOrigin } from "./open-origin.ts";

/** Contexts are looked for in steps of this. Positions. */
const CONTEXT_STEP = 16;

/**
 * @throws InputError `option`, GpuUnavailableError, ModelFormatError, DownloadError, StorageError; the signal's reason.
 *   What keeps a file whose header can be read from running is no error here but a reason in the answer.
 */
export async function fitModel(from: PlainOrigin, settings: FitSettings, hooks: OpenHooks): Promise<Fit> {
  if (typeof from === "function") {
    throw new InputError(
      "option",
      "A ReadableStream can be read only once: load it, or give fit() a File or an address.",
      {
        details: { option: "source" },
      },
    );
  }
  checkAll(settings, { memoryBytes: fitRules.memoryBytes });
  const gpu = await openGpu(settings.features);
  try {
    const { source, file } = await openOrigin(from, { ...settings, headerOnly: true }, hooks);
    source.close();
    const facts = { ...fileFacts(file, source.name), fileBytes: file.fileBytes };
    return { ...facts, ...judge(gpu, file, settings), adapter: gpu.facts };
  } finally {
    gpu.destroy();
  }
}

type Judgement = Pick<
  Fit,
  "fits" | "reasons" | "contextLength" | "trainedContextLength" | "bytes" | "longestContext" | "fittingTypes"
>;

/** Whether a file whose header could be read runs here. @throws InputError `option` */
export function judge(gpu: Gpu, file: GgufFile, settings: FitSettings): Judgement {
  const reasons: FitReason[] = [];
  const attempt = <T>(work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      const known = [UnsupportedModelError, DoesNotFitError, ModelFormatError];
      if (!(error instanceof IntabError && known.some(kind => error instanceof kind))) throw error;
      reasons.push({ code: error.code, message: error.message, details: error.details });
      return undefined;
    }
  };
  const { model } = checkModel(file, gpu, attempt);
  if (!model || reasons.length > 0) {
    const trainedContextLength = model?.shape.contextLength ?? null;
    const unknown = { bytes: null, longestContext: null, contextLength: null, fittingTypes: [] };
    return { fits: false, reasons, trainedContextLength, ...unknown };
  }
  return { ...sizes(gpu, file, model, settings), trainedContextLength: model.shape.contextLength };
}

function sizes(
  gpu: Gpu,
  file: GgufFile,
  model: OpenedModel,
  {
    contextLength: wanted,
    maxSequences = DEFAULT_SEQUENCES,
    memoryBytes = Number.POSITIVE_INFINITY,
  }: FitSettings,
): Omit<Judgement, "trainedContextLength"> {
  const contextLength = chooseContext(gpu, model, wanted);
  const bytes = takenBytes(dryGpu(gpu, false), model, { contextLength, maxSequences });
  const most = longestContext(gpu, model, memoryBytes, maxSequences);
  const fittingTypes = typesThatFit(file, bytes, memoryBytes);
  const reasons: FitReason[] = [];
  if (bytes.total > memoryBytes) {
    const smaller = bytes.weights > memoryBytes ? [] : [contextRemedy(most)];
    const types =
      fittingTypes.length > 0
        ? [`With this context, weights of the type ${fittingTypes[0]} or smaller fit.`]
        : [];
    reasons.push({
      code: "gpu-memory",
      message: [
        `The model needs ${megabytes(bytes.total)} of GPU memory (weights ${megabytes(bytes.weights)}, keys and values of ` +
          `${contextLength} positions ${megabytes(bytes.kvCache)}, scratch ${megabytes(bytes.scratch)}), and ${megabytes(memoryBytes)} are there.`,
        ...smaller,
        ...types,
      ].join(" "),
      details: { ...bytes, memoryBytes, longestContext: most },
    });
  }
  const overLimit = limitError(gpu, model, { contextLength, maxSequences });
  if (overLimit) {
    const { code, message, details } = withLongest(overLimit, most);
    reasons.push({ code, message, details });
  }
  return { fits: reasons.length === 0, reasons, contextLength, bytes, longestContext: most, fittingTypes };
}

/** Runs the whole allocation on a GPU that makes nothing. @throws DoesNotFitError `adapter-limit` */
function takenBytes(dry: Gpu, model: OpenedModel, limits: SequenceLimits): FitBytes {
  const weightBuffers = new Buffers(dry);
  const weights = new AllocatedWeights(model.taken, weightBuffers);
  const buffers = new Buffers(dry);
  const { kvBytes } = buildModel({ gpu: dry, buffers, model, weights, ...limits });
  return {
    weights: weightBuffers.bytes,
    kvCache: kvBytes,
    scratch: buffers.bytes - kvBytes,
    total: weightBuffers.bytes + buffers.bytes,
  };
}

/** Why the model exceeds the adapter's limits at this context length. */
function limitError(gpu: Gpu, model: OpenedModel, limits: SequenceLimits): DoesNotFitError | undefined {
  try {
    takenBytes(dryGpu(gpu, true), model, limits);
    return undefined;
  } catch (error) {
    if (error instanceof DoesNotFitError) return error;
    throw error;
  }
}

/**
 * The most positions, at most those that the model was trained for, with which it keeps to the adapter's limits and the
 * memory; 0: not even the fewest fit.
 */
function longestContext(gpu: Gpu, model: OpenedModel, memoryBytes: number, maxSequences: number): number {
  const dry = dryGpu(gpu, true);
  const fits = (positions: number): boolean => {
    try {
      return takenBytes(dry, model, { contextLength: positions, maxSequences }).total <= memoryBytes;
    } catch (error) {
      if (error instanceof DoesNotFitError) return false;
      throw error;
    }
  };
  const trained = model.shape.contextLength;
  if (fits(trained)) return trained;
  let [low, high] = [0, Math.ceil(trained / CONTEXT_STEP)];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (fits(middle * CONTEXT_STEP)) low = middle;
    else high = middle;
  }
  return low * CONTEXT_STEP;
}

/**
 * Weight types, the largest first, in which the model with this context would keep to the memory, were all its matrices
 * of that type: an estimate, since files mix types.
 */
function typesThatFit(file: GgufFile, { kvCache, scratch }: FitBytes, memoryBytes: number): string[] {
  const elements = file.tensors
    .filter(({ dims }) => dims.length > 1)
    .reduce((sum, { dims }) => sum + dims.reduce((product, n) => product * n, 1), 0);
  return [...TENSOR_TYPES.values()]
    .filter(({ name }) => isWeightType(name))
    .map(({ name, blockBytes, blockElements }) => ({ name, bytes: (elements * blockBytes) / blockElements }))
    .filter(({ bytes }) => bytes + kvCache + scratch <= memoryBytes)
    .sort((a, b) => b.bytes - a.bytes)
    .map(({ name }) => name);
}

/** A load's own error over an adapter's limit, with the context that would fit. */
export function explainLimit(gpu: Gpu, model: OpenedModel, maxSequences: number, error: unknown): unknown {
  if (!(error instanceof DoesNotFitError) || error.code !== "adapter-limit") return error;
  return withLongest(error, longestContext(gpu, model, Number.POSITIVE_INFINITY, maxSequences));
}

function withLongest(error: DoesNotFitError, longest: number): DoesNotFitError {
  return new DoesNotFitError(error.code, `${error.message} ${contextRemedy(longest)}`, {
    details: { ...error.details, longestContext: longest },
  });
}

const contextRemedy = (longest: number): string =>
  longest > 0 ? `A contextLength of ${longest} fits.` : "No context length makes it fit.";

/** For messages, rounded up: what is needed. */
export const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`;
