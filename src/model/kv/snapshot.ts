/** A sequence's keys, values and states as bytes: out of GPU memory, and into it again. */
import { allocating } from "../../gpu/allocating.ts";
import type { Gpu } from "../../gpu/device.ts";
import { unlessLost } from "../../gpu/loss.ts";
import { GONE } from "./prefixes.ts";
import type { HeldLayer, KvSequence, KvStore } from "./store.ts";

/** In the store's order of layers. */
export interface KvSnapshot {
  /** Of each attention layer the keys of its pages in order, then their values; of a window only what it still sees. */
  layers: ArrayBuffer[];
  /** Of each recurrent layer. */
  states: ArrayBuffer[];
}

/** @throws DeviceLostError; DoesNotFitError `gpu-memory` */
export async function readSequence(gpu: Gpu, kv: KvStore, sequence: KvSequence): Promise<KvSnapshot> {
  const layers: ArrayBuffer[] = [];
  for (const layer of kv.held(sequence)) {
    const pages = present(layer);
    layers.push(await read(gpu, 2 * pages.length * layer.pageBytes, eachPage(layer, pages)));
  }
  const states: ArrayBuffer[] = [];
  for (const { live, bytes } of kv.states.layers) {
    states.push(await read(gpu, bytes, [{ buffer: live, from: sequence.slot * bytes, to: 0, bytes }]));
  }
  return { layers, states };
}

/** Bytes that a snapshot of this sequence has, layer by layer: another one is not of this model. */
export function snapshotBytes(kv: KvStore, sequence: KvSequence): { layers: number[]; states: number[] } {
  return {
    layers: kv.held(sequence).map(layer => 2 * present(layer).length * layer.pageBytes),
    states: kv.states.layers.map(({ bytes }) => bytes),
  };
}

/** Into pages that the sequence has. */
export function writeSequence(
  { device: { queue } }: Gpu,
  kv: KvStore,
  sequence: KvSequence,
  { layers, states }: KvSnapshot,
): void {
  for (const [index, layer] of kv.held(sequence).entries()) {
    for (const { buffer, from, to, bytes } of eachPage(layer, present(layer)))
      queue.writeBuffer(buffer, from, layers[index]!, to, bytes);
  }
  for (const [index, { live, bytes }] of kv.states.layers.entries())
    queue.writeBuffer(live, sequence.slot * bytes, states[index]!, 0, bytes);
}

interface Piece {
  buffer: GPUBuffer;
  /** Where it lies in the buffer, and in the bytes. */
  from: number;
  to: number;
  bytes: number;
}

const present = ({ pages }: HeldLayer): number[] => pages.filter(page => page !== GONE);

function eachPage({ buffer, pageBytes, count }: HeldLayer, pages: readonly number[]): Piece[] {
  return [0, 1].flatMap(half =>
    pages.map((page, index) => ({
      buffer,
      from: (half * count + page) * pageBytes,
      to: (half * pages.length + index) * pageBytes,
      bytes: pageBytes,
    })),
  );
}

async function read(gpu: Gpu, size: number, pieces: readonly Piece[]): Promise<ArrayBuffer> {
  const { device } = gpu;
  const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
  const { made: staging, error } = await allocating(gpu, () =>
    device.createBuffer({ size: Math.max(4, size), usage }),
  );
  try {
    if (error) throw error;
    const encoder = device.createCommandEncoder();
    for (const { buffer, from, to, bytes } of pieces)
      encoder.copyBufferToBuffer(buffer, from, staging, to, bytes);
    device.queue.submit([encoder.finish()]);
    await unlessLost(gpu, staging.mapAsync(GPUMapMode.READ));
    return staging.getMappedRange().slice(0, size);
  } finally {
    staging.destroy();
  }
}
