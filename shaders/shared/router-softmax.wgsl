// The greatest logits are chosen; a share is exp(logit - greatest logit).
fn choice_key(expert: u32, logit: u32) -> u32 { return key_of_bits(logit); }

fn share(token: u32, expert: u32) -> f32 {
  return exp(max(value_of(keys[expert]) - value_of(keys[chosen[0]]), -100.0));
}
