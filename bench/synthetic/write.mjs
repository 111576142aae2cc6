// Writes a GGUF file of a shape, streaming: a few MB of random blocks per type are made once and repeated, so that 16 GB
// take the time of the disk, not of a generator.
import { closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { randomBlocks, randomVector } from "./blocks.mjs";
import { aligned, ggufHeader } from "./header.mjs";
import { kvHeadsOf, ropeFactors, tensorsOf } from "./shapes.mjs";
import { FILE_TYPES, TYPES, typeOf } from "./types.mjs";
import { tokenizerEntries } from "./vocabulary.mjs";

/** @typedef {import("./shapes.mjs").Shape} Shape */

/** Of short tensors' random values. @type {Partial<Record<import("./shapes.mjs").Role, number>>} */
const MEANS = { norm: 1, decay: -1 };

/** Bytes of random blocks per type, about: repeated at that distance, far more than what a cache near the cores holds. */
const PERIOD = 8 * 2 ** 20;

/**
 * @param {Shape} shape
 * @param {string} fileType
 * @returns {[string, import("./header.mjs").Value][]}
 */
function entriesOf(shape, fileType) {
  const { architecture, headDim, name } = shape;
  const key = (/** @type {string} */ text) => `${architecture}.${text}`;
  /** @type {[string, import("./header.mjs").Value][]} */
  const entries = [
    ["general.architecture", { string: architecture }],
    ["general.type", { string: "model" }],
    ["general.name", { string: `${name} ${fileType}, random weights` }],
    ["general.file_type", { u32: FILE_TYPES[fileType] ?? 0 }],
    ["general.quantization_version", { u32: 2 }],
    [key("block_count"), { u32: shape.layers }],
    [key("context_length"), { u32: shape.contextLength }],
    [key("embedding_length"), { u32: shape.hidden }],
    [key("feed_forward_length"), { u32: shape.feedForward }],
    [key("attention.head_count"), { u32: shape.heads }],
    [
      key("attention.head_count_kv"),
      shape.mamba
        ? { i32s: Array.from({ length: shape.layers }, (_, layer) => kvHeadsOf(shape, layer)) }
        : { u32: shape.kvHeads },
    ],
    [key("attention.key_length"), { u32: headDim }],
    [key("attention.value_length"), { u32: headDim }],
    [key("attention.layer_norm_rms_epsilon"), { f32: shape.normEpsilon }],
    [key("rope.freq_base"), { f32: shape.ropeBase }],
    [key("rope.dimension_count"), { u32: headDim }],
    [key("vocab_size"), { u32: shape.vocabulary }],
  ];
  if (shape.mamba) {
    const { heads, groups, stateDim, headDim: width, taps } = shape.mamba;
    entries.push(
      [key("ssm.conv_kernel"), { u32: taps }],
      [key("ssm.state_size"), { u32: stateDim }],
      [key("ssm.group_count"), { u32: groups }],
      [key("ssm.inner_size"), { u32: heads * width }],
      [key("ssm.time_step_rank"), { u32: heads }],
      [key("rope.scaling.finetuned"), { bool: false }],
    );
  }
  if (shape.slidingWindow) entries.push([key("attention.sliding_window"), { u32: shape.slidingWindow }]);
  if (shape.localRopeBase) entries.push([key("rope.freq_base_swa"), { f32: shape.localRopeBase }]);
  return [...entries, ...tokenizerEntries(shape)];
}

/**
 * The tensors of a file: type, size and place of each.
 * @param {Shape} shape
 * @param {string} fileType
 */
export function layoutOf(shape, fileType) {
  let offset = 0;
  const tensors = tensorsOf(shape).map(tensor => {
    const type = typeOf(fileType, tensor, shape.layers);
    const elements = tensor.dims.reduce((product, size) => product * size, 1);
    const bytes = (elements / TYPES[type].elements) * TYPES[type].bytes;
    const placed = { ...tensor, type, typeId: TYPES[type].id, elements, bytes, offset };
    offset = aligned(offset + bytes);
    return placed;
  });
  return { tensors, dataBytes: offset };
}

/**
 * Writes the file; the same arguments give the same bytes on every machine.
 * @param {string} path
 * @param {Shape} shape
 * @param {string} fileType one of FILE_TYPES
 * @param {number} [seed]
 * @returns {number} its bytes
 */
export function writeModel(path, shape, fileType, seed = 1) {
  const { tensors, dataBytes } = layoutOf(shape, fileType);
  const header = ggufHeader(entriesOf(shape, fileType), tensors);
  const seedOf = (/** @type {string} */ text) =>
    [...text].reduce((hash, letter) => Math.imul(hash ^ letter.charCodeAt(0), 0x01000193), seed ^ 0x811c9dc5);
  /** @type {Map<string, Uint8Array>} */
  const periods = new Map();
  const file = openSync(path, "w");
  try {
    let position = 0;
    /** @param {Uint8Array} bytes */
    const write = bytes => {
      for (let done = 0; done < bytes.length; )
        done += writeSync(file, bytes, done, undefined, position + done);
      position += bytes.length;
    };
    write(header);
    for (const { name, role, type, elements, bytes, offset } of tensors) {
      position = header.length + offset;
      if (type === "F32") {
        const values =
          role === "rope" ? ropeFactors(shape) : randomVector(elements, MEANS[role] ?? 0, 0.1, seedOf(name));
        write(new Uint8Array(values.buffer));
        continue;
      }
      const { bytes: blockBytes } = TYPES[type];
      const periodBlocks = Math.floor(PERIOD / blockBytes);
      let period = periods.get(type);
      if (!period) periods.set(type, (period = randomBlocks(type, periodBlocks, seedOf(type))));
      // every tensor starts elsewhere in the period, so that no two are alike
      let from = ((seedOf(name) >>> 0) % periodBlocks) * blockBytes;
      for (let left = bytes; left > 0; from = 0) {
        const piece = period.subarray(from, Math.min(period.length, from + left));
        write(piece);
        left -= piece.length;
      }
    }
    const end = header.length + dataBytes;
    if (position < end) write(new Uint8Array(end - position));
    return end;
  } finally {
    closeSync(file);
  }
}

/**
 * The file of a shape in `folder`: the one that is there, else a new one.
 * @param {string} folder
 * @param {Shape} shape
 * @param {string} fileType
 * @param {{ seed?: number, onWrite?: (path: string) => void }} [options] onWrite: called before a new file is written
 * @returns {string} its path
 */
export function ensureModel(folder, shape, fileType, { seed = 1, onWrite = () => {} } = {}) {
  const path = join(folder, `${shape.name}-random-${seed}.${fileType}.gguf`);
  if (existsSync(path) && statSync(path).size > layoutOf(shape, fileType).dataBytes) return path;
  onWrite(path);
  mkdirSync(folder, { recursive: true });
  const work = `${path}.${process.pid}.part`;
  try {
    writeModel(work, shape, fileType, seed);
    renameSync(work, path);
  } finally {
    rmSync(work, { force: true });
  }
  return path;
}
