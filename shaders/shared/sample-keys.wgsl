// Logits as unsigned keys of the same order, so that no comparison depends on what a driver does with NaN or
// infinity (WGSL lets it assume that there are none). NaN of either sign becomes the greatest key; -0 equals
// +0.
const NEGATIVE_INFINITY = 0x007fffffu;
const POSITIVE_INFINITY = 0xff800000u;

fn key_of_bits(raw: u32) -> u32 {
  if ((raw & 0x7fffffffu) > 0x7f800000u) { return 0xffffffffu; }
  let bits = select(raw, 0u, raw == 0x80000000u);
  return bits ^ select(0x80000000u, 0xffffffffu, bits >> 31u == 1u);
}

fn key_of(value: f32) -> u32 { return key_of_bits(bitcast<u32>(value)); }

fn value_of(key: u32) -> f32 {
  return bitcast<f32>(key ^ select(0xffffffffu, 0x80000000u, key >> 31u == 1u));
}

// A greatest logit that is NaN or infinite, or -infinity (every token banned), cannot be sampled from.
fn is_failure(greatest: u32) -> bool {
  return greatest >= POSITIVE_INFINITY || greatest <= NEGATIVE_INFINITY;
}
