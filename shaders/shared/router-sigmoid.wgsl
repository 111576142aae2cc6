// A share is the sigmoid of a logit; a bias an expert, which evens out their load (Wang et al. 2024), has a say in the choice alone.
#import vectors
override BIAS_AT: u32;       // [E] in `vectors`

fn share(token: u32, expert: u32) -> f32 {
  return 1.0 / (1.0 + exp(min(-bitcast<f32>(logits[token * E + expert]), 80.0)));
}

fn choice_key(expert: u32, logit: u32) -> u32 {
  let key = key_of_bits(logit);
  if (key >= POSITIVE_INFINITY) { return key; }
  let score = 1.0 / (1.0 + exp(min(-value_of(key), 80.0)));
  return key_of(score + vectors[BIAS_AT + expert / 4u][expert % 4u]);
}
