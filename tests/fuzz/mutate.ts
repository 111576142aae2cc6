/** Changes of a parsed header that its parser would let pass. */
import type { GgufFile, GgufTensor } from "../../src/gguf/gguf.ts";
import { TENSOR_TYPES, tensorTypeNamed } from "../../src/gguf/tensor-types.ts";
import type { Random } from "./random.ts";

type Metadata = Record<string, unknown>;

/** A value of any kind in the place of another. */
function changed(random: Random, value: unknown): unknown {
  if (Array.isArray(value) && value.length > 0 && random.chance(0.8)) {
    const list = [...value];
    for (let n = random.below(8); n >= 0; n--) {
      const one = random.pick(list);
      list[random.below(list.length)] = Array.isArray(one) ? random.number() : changed(random, one);
    }
    if (random.chance(0.2)) list.length = random.below(list.length + 1);
    if (random.chance(0.1)) list.push(...list.slice(0, 10));
    return list;
  }
  if (typeof value === "number" && random.chance(0.8)) return random.number(value);
  if (typeof value === "string" && random.chance(0.6)) {
    const at = random.below(value.length + 1);
    return random.pick([
      value.slice(at),
      value.slice(0, at),
      value.slice(0, 1000).repeat(1 + random.below(200)),
      random.text([value]),
      random.pick([
        "",
        "none",
        "yarn",
        "linear",
        "longrope",
        "gpt2",
        "llama",
        "t5",
        "bert",
        "default",
        "gemma3",
      ]),
    ]);
  }
  return random.pick<unknown>([
    random.number(),
    "",
    "text",
    true,
    false,
    2n ** 63n,
    -(2n ** 62n),
    [],
    [random.number()],
    ["a"],
    [2n ** 63n],
    [[1]],
  ]);
}

/** Keys that architectures read and few files have. */
const RARE = [
  "rope.scaling.type",
  "rope.scaling.factor",
  "rope.scaling.attn_factor",
  "rope.scaling.original_context_length",
  "rope.freq_base_swa",
  "attention.sliding_window",
  "attention.causal",
  "attention.value_length",
  "expert_count",
  "expert_used_count",
  "pooling_type",
  "logit_scale",
  "residual_scale",
  "attn_logit_softcapping",
];

export function changedMetadata(random: Random, metadata: Metadata, only = ""): Metadata {
  const next: Metadata = Object.assign(Object.create(null), metadata);
  for (let n = random.below(4); n >= 0; n--) {
    const keys = Object.keys(next).filter(key => key.startsWith(only));
    const key = random.pick(keys);
    if (key === undefined) break;
    if (random.chance(0.1)) delete next[key];
    else next[key] = changed(random, next[key]);
    if (only === "" && random.chance(0.3))
      next[`${next["general.architecture"]}.${random.pick(RARE)}`] = changed(random, random.number());
  }
  return next;
}

/** A tensor as the parser could give it: its dims and bytes agree with its type. */
function changedTensor(random: Random, tensor: GgufTensor): GgufTensor {
  let { name, type, dims } = tensor;
  const change = random.below(4);
  if (change === 0)
    name = random.pick([name.replace(/\d+/, `${random.below(40)}`), `${name}.x`, "output.weight"]);
  if (change === 1) type = random.pick([...TENSOR_TYPES.values()]).name;
  if (change > 1) {
    const sizes = dims.map(size =>
      random.chance(0.5) ? size : Math.abs(Math.trunc(random.number(size))) || 1,
    );
    dims = random.chance(0.2) ? sizes.slice(0, random.below(sizes.length + 1)) : sizes;
  }
  const { blockElements, blockBytes } = tensorTypeNamed(type)!;
  const elements = dims.reduce((product, size) => product * size, 1);
  const sound = Number.isSafeInteger(elements) && (dims[0] ?? 1) % blockElements === 0;
  if (!sound) return tensor; // the parser refuses it
  return { ...tensor, name, type, dims, bytes: (elements / blockElements) * blockBytes };
}

export function changedFile(random: Random, file: GgufFile): GgufFile {
  const metadata = random.chance(0.8) ? changedMetadata(random, file.metadata) : file.metadata;
  let tensors = [...file.tensors];
  if (random.chance(0.4)) {
    for (let n = random.below(3); n >= 0; n--) {
      const at = random.below(tensors.length);
      tensors[at] = changedTensor(random, tensors[at]!);
    }
  }
  if (random.chance(0.1)) tensors.splice(random.below(tensors.length), 1);
  const seen = new Set<string>();
  tensors = tensors.filter(({ name }) => !seen.has(name) && seen.add(name)); // the parser refuses doubles
  return { ...file, metadata, tensors };
}
