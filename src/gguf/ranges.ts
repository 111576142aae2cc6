/**
 * What the numbers of a header may be, by key without the architecture's prefix. Every number is compared before anything is
 * computed, counted or allocated by it. The limits lie far above every known model and below what would hang a tab or
 * leave the range of f32; a key that is not here only has to be finite.
 */
import { MAX_TENSORS } from "./limits.ts";

export interface Range {
  least: number;
  most: number;
  whole: boolean;
}

const whole = (least: number, most: number): Range => ({ least, most, whole: true });
const real = (least: number, most: number): Range => ({ least, most, whole: false });

/** Models of a terabyte come in about 150 parts. */
const parts = whole(0, 512);
/** 10 million positions are the most that a model has claimed (Llama 4 Scout). */
export const MAX_POSITIONS = 2 ** 24;
/** Widths: 53,248 is the widest known (the MLP of Llama 3.1 405B). */
const width = whole(0, 2 ** 20);
/** The widest known have 128. */
const heads = whole(0, 4096);
/** Bases: 10,000 to 500 million. */
const base = real(1.001, 1e12);
/** Factors on states, scores and logits: 0.01 to 100. 0 = not given. */
const scale = real(0, 1e6);
/** Below 0 it would be the root of a negative number. */
const epsilon = real(0, 1);

const RANGES: Readonly<Record<string, Range>> = {
  "split.count": parts,
  "split.no": parts,
  "split.tensors.count": whole(0, MAX_TENSORS),
  block_count: whole(1, 1024), // 126 are the most known
  context_length: whole(1, MAX_POSITIONS),
  embedding_length: width,
  embedding_length_per_layer_input: width,
  feed_forward_length: width,
  pooling_type: whole(-1, 16),
  expert_count: whole(0, 4096),
  expert_used_count: whole(0, 4096),
  expert_weights_scale: scale,
  leading_dense_block_count: whole(0, 1024),
  "attention.head_count": heads,
  "attention.head_count_kv": heads,
  "attention.key_length": whole(1, 4096),
  "attention.value_length": whole(1, 4096),
  "attention.key_length_swa": whole(1, 4096),
  "attention.shared_kv_layers": whole(0, 1024),
  "attention.sliding_window": whole(0, 2 ** 31), // 0 = none
  "attention.layer_norm_rms_epsilon": epsilon,
  "attention.layer_norm_epsilon": epsilon,
  "attention.scale": scale,
  "attention.temperature_scale": scale,
  attn_logit_softcapping: scale,
  final_logit_softcapping: scale,
  embedding_scale: scale,
  residual_scale: scale,
  logit_scale: scale,
  "rope.dimension_count": whole(0, 4096),
  "rope.dimension_count_swa": whole(0, 4096),
  "rope.freq_base": base,
  "rope.freq_base_swa": base,
  "rope.scale_linear": scale,
  "rope.scaling.factor": scale,
  "rope.scaling.attn_factor": scale,
  "rope.scaling.original_context_length": whole(1, MAX_POSITIONS),
  "rope.scaling.yarn_beta_fast": scale,
  "rope.scaling.yarn_beta_slow": scale,
  "rope.scaling.yarn_log_multiplier": scale,
  "shortconv.l_cache": whole(1, 1024), // 3
  full_attention_interval: whole(1, 1024), // 4
  nextn_predict_layers: whole(0, 64), // 1
  "ssm.conv_kernel": whole(1, 1024), // 4
  "ssm.state_size": whole(1, 4096), // 128
  "ssm.group_count": heads,
  "ssm.time_step_rank": heads,
  "ssm.inner_size": width,
};

/** Of a whole key, such as `llama.block_count`. */
export function rangeOf(key: string): Range | undefined {
  return RANGES[key] ?? RANGES[key.slice(key.indexOf(".") + 1)];
}
