import type { Buffers } from "../../gpu/buffers.ts";

/** What a recurrent layer keeps of a sequence: the last inputs of a short convolution, the memory of a delta net or of Mamba-2; it may have both. */
export interface LayerState {
  layer: number;
  kind: "convolution" | "memory";
  bytes: number;
}

/** Bytes that checkpoints may take in all, and how many there are at least and at most. */
const CHECKPOINT_BYTES = 32 * 1024 * 1024;
const CHECKPOINTS = { least: 4, most: 64 };

/**
 * State of recurrent layers: it cannot be shared by pages nor be taken back to an earlier position, so that copies are kept
 * from which a sequence can go on.
 */
export class States {
  /** Copies that can be kept. */
  readonly checkpoints: number;
  readonly layers: readonly (LayerState & { live: GPUBuffer; kept: GPUBuffer })[];

  /** @throws DoesNotFitError `adapter-limit` */
  constructor(buffers: Buffers, layers: readonly LayerState[], slots: number) {
    const all = layers.reduce((sum, { bytes }) => sum + bytes, 0);
    const { least, most } = CHECKPOINTS;
    this.checkpoints = all === 0 ? 0 : Math.max(least, Math.min(most, Math.floor(CHECKPOINT_BYTES / all)));
    this.layers = layers.map(({ layer, kind, bytes }) => ({
      layer,
      kind,
      bytes,
      live: buffers.storage(`${kind} of layer ${layer}`, slots * bytes),
      kept: buffers.storage(`checkpoints, ${kind} of layer ${layer}`, this.checkpoints * bytes),
    }));
  }

  /** The running sequences' states of a layer, by slot. */
  live(layer: number, kind: LayerState["kind"]): GPUBuffer {
    return this.layers.find(state => state.layer === layer && state.kind === kind)!.live;
  }

  keep(encoder: GPUCommandEncoder, slot: number, checkpoint: number): void {
    for (const { live, kept, bytes } of this.layers)
      encoder.copyBufferToBuffer(live, slot * bytes, kept, checkpoint * bytes, bytes);
  }

  restore(encoder: GPUCommandEncoder, checkpoint: number, slot: number): void {
    for (const { live, kept, bytes } of this.layers)
      encoder.copyBufferToBuffer(kept, checkpoint * bytes, live, slot * bytes, bytes);
  }
}
