// Codes of less than 7 bits in the bytes of two words, eight of a row, times eight activations.

// Eight activations made ready for `rows_dot`, and their sum.
struct Activations {
  a: vec4f,
  b: vec4f,
  sum: f32,
}

// Bytes are used where they stand in the word, as in nibbles.wgsl.
const PLACE = vec4f(1.0, 0x1p-8, 0x1p-16, 0x1p-24);

fn prepare(a: vec4f, b: vec4f) -> Activations {
  return Activations(a * PLACE, b * PLACE, dot(a + b, vec4f(1.0)));
}

// Codes of 4 rows (elements 0..3 in `a`, 4..7 in `b`) times the activations.
fn rows_dot(a: vec4u, b: vec4u, x: Activations) -> vec4f {
  let p = bitcast<vec4i>(a);
  let q = bitcast<vec4i>(b);
  return vec4f(p & vec4i(0xff)) * x.a.x + vec4f(p & vec4i(0xff00)) * x.a.y
    + vec4f(p & vec4i(0xff0000)) * x.a.z + vec4f(p & vec4i(0x7f000000)) * x.a.w
    + vec4f(q & vec4i(0xff)) * x.b.x + vec4f(q & vec4i(0xff00)) * x.b.y
    + vec4f(q & vec4i(0xff0000)) * x.b.z + vec4f(q & vec4i(0x7f000000)) * x.b.w;
}
