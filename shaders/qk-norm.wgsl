// Norms queries and keys before RoPE (QK-norm: Henry et al. 2020, Dehghani et al. 2023), then puts them and the values
// where the QKV projection's epilogue would. qkv[T, HEADS * Q_STEP + SIDES * KV_HEADS * HEAD_DIM]; one workgroup a head and token.
#import state
#import thread-sum
#import vectors
#import qkv-place
override THREADS: u32;
override EPS: f32;
override Q_NORM_AT: u32;     // scales in `vectors`: HEAD_DIM numbers for all heads, or for each head its own
override K_NORM_AT: u32;
override OWN: bool;          // each head has its own scales
override WHOLE: bool;        // the mean is over all heads, not over one (OLMo 2)
override CENTRED: bool;      // LayerNorm instead of RMSNorm (StableLM 2)
override Q_STEP: u32;        // from one query to the next: HEAD_DIM, or twice as much where gates stand between them
override NORM_VALUES: bool;  // RMSNorm of values, without scales (Gemma 4)
override SIDES: u32;         // 2: keys and values; 1: keys, which before norm and RoPE are the values; 0: neither
override PAIRED: u32;        // with SIDES = 1, leading elements of a key whose halves were brought together when loaded
override UNITS: u32 = HEAD_DIM / 4u;
@group(0) @binding(0) var<storage, read> qkv: array<vec4f>;

// A unit of a head that starts at `first`. Values that are keys have their halves apart again.
fn unit_of_head(first: u32, unit: u32, apart: bool) -> vec4f {
  if (!apart || unit >= PAIRED / 4u) { return qkv[first + unit]; }
  let half = max(PAIRED / 8u, 1u);
  let a = qkv[first + unit % half * 2u];
  let b = qkv[first + unit % half * 2u + 1u];
  return select(vec4f(a.xz, b.xz), vec4f(a.yw, b.yw), unit >= half);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  if (stopped()) { return; }
  let head = workgroup.x;
  let token = workgroup.y;
  let is_query = head < HEADS;
  let keys_at = HEADS * Q_STEP / 4u;
  let base = token * (keys_at + SIDES * KV_HEADS * UNITS);
  let normed = head < HEADS + KV_HEADS;
  let side_first = select(HEADS, 0u, is_query);          // first head of the queries or keys
  let side_heads = select(KV_HEADS, HEADS, is_query);
  let apart = SIDES == 1u && !normed;
  let own = base + select(keys_at + (head - HEADS - select(0u, KV_HEADS, apart)) * UNITS, head * Q_STEP / 4u, is_query);
  let first = select(own, base + side_first * UNITS, WHOLE && normed);
  let count = select(1u, side_heads, WHOLE && normed) * UNITS;
  var mean = 0.0;
  if (CENTRED) {
    var sum = 0.0;
    for (var i = thread; i < count; i += THREADS) { sum += dot(qkv[first + i], vec4f(1.0)); }
    mean = thread_sum(sum, thread) / f32(count * 4u);
  }
  var squares = 0.0;
  for (var i = thread; i < count; i += THREADS) {
    let value = qkv[first + i] - mean;
    squares += dot(value, value);
  }
  let scale = inverseSqrt(thread_sum(squares, thread) / f32(count * 4u) + EPS);
  let weights = select(K_NORM_AT, Q_NORM_AT, is_query) + select(0u, (head - side_first) * UNITS, OWN);
  for (var unit = thread; unit < UNITS; unit += THREADS) {
    var value = unit_of_head(own, unit, apart);
    if (normed) { value = (value - mean) * scale * vectors[weights + unit]; } else if (NORM_VALUES) { value *= scale; }
    place(token, head * HEAD_DIM + unit * 4u, value);
  }
}
