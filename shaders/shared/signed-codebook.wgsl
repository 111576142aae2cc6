// Weights W[N, K] of points of a codebook, with a sign for each element. The codebook stands at the beginning of
// `scales`, `TABLE` words with four elements each, a byte an element (src/kernels/codebooks.ts). Not a constant of the
// shader: each thread indexes it differently, and compilers would give each thread a copy.
// The importing module says which words of it, and which signs, the 4 rows of a group have in a unit of 8 columns,
// picks(group: u32, unit: u32) -> Picks, and by what they are multiplied, scale_values(group: u32, scale_block: u32)
// -> vec4f.
#import byte-values
override K: u32;             // columns, multiple of 256

@group(0) @binding(0) var<storage, read> words: array<vec4u>;
@group(0) @binding(1) var<storage, read> scales: array<u32>;

// For the 4 rows: words of the codebook for elements 0..3 and 4..7, and a sign bit for each element, set if negative.
struct Picks {
  a: vec4u,
  b: vec4u,
  signs: vec4u,
}

// Eight activations made ready for `unit_dot`; `sum` is there for the formats that need it.
struct Activations {
  a: vec4f,
  b: vec4f,
  sum: f32,
}

fn prepare(a: vec4f, b: vec4f) -> Activations {
  return Activations(a, b, 0.0);
}

// Four elements of the codebook, with the lowest four of `signs`.
fn point_values(index: u32, signs: u32) -> vec4f {
  // a bit of each byte, then all bits of it; bytes from 1 to 127 turn negative without a carry to the next
  let negative = ((signs & 15u) * 0x00204081u) & 0x01010101u;
  return signed_byte_values((scales[index] ^ (negative * 255u)) + negative);
}

fn row_dot(a: u32, b: u32, signs: u32, x: Activations) -> f32 {
  return dot(point_values(a, signs), x.a) + dot(point_values(b, signs >> 4u), x.b);
}

// Sum over one unit of element * activation for the 4 rows of a group, not scaled yet.
fn unit_dot(group: u32, unit: u32, x: Activations) -> vec4f {
  let p = picks(group, unit);
  return vec4f(
    row_dot(p.a.x, p.b.x, p.signs.x, x), row_dot(p.a.y, p.b.y, p.signs.y, x),
    row_dot(p.a.z, p.b.z, p.signs.z, x), row_dot(p.a.w, p.b.w, p.signs.w, x));
}

// Turns sums of `unit_dot` over the units of one scale block into weights times activations.
fn apply_scale(group: u32, scale_block: u32, codes: vec4f, sum: f32) -> vec4f {
  return scale_values(group, scale_block) * codes;
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
    scale * point_values(p.a[r], p.signs[r]), scale * point_values(p.b[r], p.signs[r] >> 4u));
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
