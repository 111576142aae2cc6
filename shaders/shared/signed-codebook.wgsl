// Weights W[N, K] of points of a codebook, with a sign for each element. The codebook stands at the beginning of
// `scales`, `TABLE` words with four elements each, a byte an element, 64 larger (src/kernels/codebooks.ts).
// The importing module says which words of it, and which signs, the 4 rows of a group have in a unit of 8 columns,
// picks(group: u32, unit: u32) -> Picks, and by what they are multiplied, scale_values(group: u32, scale_block: u32)
// -> vec4f.
#import bytes
#import byte-values
override K: u32;             // columns, multiple of 256
const BIAS = 64.0;

@group(0) @binding(0) var<storage, read> words: array<vec4u>;
@group(0) @binding(1) var<storage, read> scales: array<u32>;

// For the 4 rows: words of the codebook for elements 0..3 and 4..7, and a sign bit for each element, set if negative.
struct Picks {
  a: vec4u,
  b: vec4u,
  signs: vec4u,
}

// Four elements of the codebook with the lowest four of `signs`, 64 larger.
fn point_codes(index: u32, signs: u32) -> u32 {
  // a bit of each byte; where it is set, 128 less the byte: all of them are from 1 to 127, so that nothing is carried
  let negative = ((signs & 15u) * 0x00204081u) & 0x01010101u;
  return (scales[index] ^ (negative * 127u)) + negative;
}

// Sum over one unit of code * activation for the 4 rows of a group, not scaled yet.
fn unit_dot(group: u32, unit: u32, x: Activations) -> vec4f {
  let p = picks(group, unit);
  let a = vec4u(
    point_codes(p.a.x, p.signs.x), point_codes(p.a.y, p.signs.y),
    point_codes(p.a.z, p.signs.z), point_codes(p.a.w, p.signs.w));
  let b = vec4u(
    point_codes(p.b.x, p.signs.x >> 4u), point_codes(p.b.y, p.signs.y >> 4u),
    point_codes(p.b.z, p.signs.z >> 4u), point_codes(p.b.w, p.signs.w >> 4u));
  return rows_dot(a, b, x);
}

// Turns sums of `unit_dot` over the units of one scale block, and the same activations' sum, into weights
// times activations.
fn apply_scale(group: u32, scale_block: u32, codes: vec4f, sum: f32) -> vec4f {
  return scale_values(group, scale_block) * (codes - BIAS * sum);
}

struct Unit {
  a: vec4f,
  b: vec4f,
}

// The eight weights of one row in one unit, exact.
fn unit_values(row: u32, unit: u32) -> Unit {
  let p = picks(row / 4u, unit);
  let r = row % 4u;
  let scale = scale_values(row / 4u, unit / UNITS_PER_SCALE)[r];
  return Unit(
    scale * (byte_values(point_codes(p.a[r], p.signs[r])) - BIAS),
    scale * (byte_values(point_codes(p.b[r], p.signs[r] >> 4u)) - BIAS));
}

// Seven signs; the eighth makes the number of negative elements even.
fn even_signs(signs: vec4u) -> vec4u {
  return signs | ((countOneBits(signs) & vec4u(1u)) << vec4u(7u));
}

// The f16 scales of the 4 rows, in the words at `first`.
fn block_scales(first: u32) -> vec4f {
  return half_values(vec2u(scales[first], scales[first + 1u]));
}

// Byte r of a word for row r.
fn bytes_of_rows(word: u32) -> vec4u {
  return (vec4u(word) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u);
}
