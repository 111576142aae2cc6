/** How many positions a session holds, and how many rows are computed at once. */
import { MAX_POSITIONS } from "../gguf/ranges.ts";
import type { Gpu } from "../gpu/device.ts";
import { MAX_SEQUENCES } from "../kernels/state.ts";
import { KV_PAGE, layerBytes } from "../model/kv/layout.ts";
import type { OpenedModel } from "../model/open-model.ts";
import { refused } from "../options.ts";

/** Context that a session gets unless asked otherwise: more costs memory that most chats never use. */
const DEFAULT_CONTEXT = 8192;
/** The same for a model whose positions see all, which computes a text at once: memory grows with it. */
const DEFAULT_TEXT = 2048;
/** Prompt tokens computed at once: enough to fill the adapter, few enough for a submit that the page does not feel. */
const CHUNK_ROWS = { gpu: 512, software: 64 };

/** Sequences that run at a time, unless asked otherwise. */
export const DEFAULT_SEQUENCES = MAX_SEQUENCES;

/** @throws InputError `option` */
export function chooseContext(gpu: Gpu, model: OpenedModel, wanted: number | undefined): number {
  if (wanted !== undefined && !(Number.isInteger(wanted) && wanted > 0 && wanted <= MAX_POSITIONS)) {
    throw refused("contextLength", wanted, `a whole number from 1 to ${MAX_POSITIONS}`);
  }
  if (wanted !== undefined) return wanted;
  const { maxBufferSize, maxStorageBufferBindingSize } = gpu.device.limits;
  const limit = Math.min(maxBufferSize, maxStorageBufferBindingSize);
  const most = Math.min(model.shape.contextLength, model.bidirectional ? DEFAULT_TEXT : DEFAULT_CONTEXT);
  const fits = model.caches.map(cache => {
    const shape = { elementBytes: gpu.f16 ? 2 : 4, batchRows: CHUNK_ROWS.gpu };
    if (layerBytes(cache, { ...shape, positions: most }) <= limit) return most;
    return Math.floor(limit / layerBytes(cache, { ...shape, positions: KV_PAGE })) * KV_PAGE;
  });
  return Math.min(most, ...fits);
}

/** Positions that the model has not been trained for are the caller's choice; answers there are mostly poor. */
export function contextWarnings({ shape }: OpenedModel, contextLength: number): string[] {
  if (contextLength <= shape.contextLength) return [];
  return [
    `contextLength is ${contextLength}, and the model was trained for ${shape.contextLength} positions: expect worse answers beyond these.`,
  ];
}

/** Rows of a batch: where each position sees all, a whole text. */
export function batchRows(gpu: Gpu, { bidirectional }: OpenedModel, contextLength: number): number {
  if (bidirectional) return contextLength;
  return Math.min(gpu.software ? CHUNK_ROWS.software : CHUNK_ROWS.gpu, contextLength);
}
