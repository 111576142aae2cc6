// Weights of points of IQ1's codebook: eight elements -1, 0 or 1, as codes one larger. The codebook stands at the
// beginning of `scales`, `TABLE` words with eight nibbles each (src/kernels/codebooks.ts). Rows come in groups of 4, columns in units of 8:
//   words[group][unit / 4] = one u32 for each of the 4 rows: a byte for each of 4 units, the lower 8 bits of the point
// and the upper 3 bits where the importing module says.
#import nibbles
#import byte-values
override K: u32;             // columns, multiple of 256
const TABLE = 2048u;

@group(0) @binding(0) var<storage, read> words: array<vec4u>;
@group(0) @binding(1) var<storage, read> scales: array<u32>;

// The points of the 4 rows, whose upper bits are the lowest 3 of `upper`.
fn points(group: u32, unit: u32, upper: vec4u) -> vec4u {
  let low = (words[group * (K / 32u) + unit / 4u] >> vec4u(unit % 4u * 8u)) & vec4u(255u);
  return low | ((upper & vec4u(7u)) << vec4u(8u));
}

fn points_dot(p: vec4u, x: Activations) -> vec4f {
  return vec4f(
    word_dot(scales[p.x], x), word_dot(scales[p.y], x), word_dot(scales[p.z], x), word_dot(scales[p.w], x));
}

// The f16 scales of the 4 rows, in the words at `first`.
fn block_scales(first: u32) -> vec4f {
  return half_values(vec2u(scales[first], scales[first + 1u]));
}

// 16 bits of each of the 4 rows, in the words at `first`.
fn halves_of_rows(first: u32) -> vec4u {
  let p = scales[first];
  let q = scales[first + 1u];
  return vec4u(p & 0xffffu, p >> 16u, q & 0xffffu, q >> 16u);
}

struct Unit {
  a: vec4f,
  b: vec4f,
}

// The eight weights scale * (code - bias) of a point.
fn point_values(point: u32, scale: f32, bias: f32) -> Unit {
  let codes = scales[point];
  return Unit(scale * (codes_a(codes) - bias), scale * (codes_b(codes) - bias));
}
