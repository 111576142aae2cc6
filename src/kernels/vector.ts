/** A short f32 tensor on the GPU, in a buffer that it may share with others: a norm's scale, a bias. */
export interface Vector {
  buffer: GPUBuffer;
  /** Where it begins, in units of 4 elements. It is filled up with zeros to a multiple of 4. */
  at: number;
}

/**
 * The one buffer that holds all of the vectors: what a kernel binds as `vectors`.
 * @throws RangeError if they lie in several
 */
export function vectorBuffer(vectors: readonly (Vector | undefined)[]): GPUBuffer | undefined {
  const buffers = new Set(vectors.flatMap(vector => vector?.buffer ?? []));
  if (buffers.size > 1) throw new RangeError("A kernel's vectors must share a buffer");
  return [...buffers][0];
}
