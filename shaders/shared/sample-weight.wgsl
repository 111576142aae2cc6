// Probabilities and chance. A draw is an exponential race (Gumbel-max): every candidate gets its logit plus
// noise that depends on (seed, tokens generated, id) alone, the greatest wins. No running sum, so no order of
// summation matters.
#import sample-params
#import sample-keys

// exp((logit - greatest) / temperature): 1 for the most likely token.
fn weight_of(key: u32, greatest: f32) -> f32 {
  return exp(max((value_of(key) - greatest) * asked[slot].inverse_temperature, -87.0));
}

// pcg3d (Jarzynski & Olano, "Hash Functions for GPU Rendering", JCGT 2020), first component.
fn random_bits(id: u32, generated: u32) -> u32 {
  var v = vec3u(id, generated, asked[slot].seed) * 1664525u + 1013904223u;
  v.x += v.y * v.z;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  v ^= v >> vec3u(16u);
  v.x += v.y * v.z;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  return v.x;
}

// Key of logit / temperature + Gumbel noise.
fn race_key(key: u32, greatest: f32, generated: u32, id: u32) -> u32 {
  // uniform in (0, 1); fine steps near 0 because there the race is won
  let u = min((f32(random_bits(id, generated)) + 0.5) * 0x1p-32, 0x1.fffffep-1);
  let waiting = select(-log(1.0 - u), u * (1.0 + u * (0.5 + u / 3.0)), u < 0x1p-6);
  let scaled = max((value_of(key) - greatest) * asked[slot].inverse_temperature, -1e30);
  return key_of(scaled - log(waiting));
}
