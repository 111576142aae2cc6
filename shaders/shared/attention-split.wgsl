// How decode spreads the keys of one head over workgroups: at most SPLITS parts, fixed when the dispatches are
// built. Parts are as long as they must be and no shorter than SPLIT_UNIT keys, so a short context has one
// part and the other workgroups return at once.
override SPLITS: u32;
override SPLIT_UNIT: u32;    // keys, multiple of BLOCK

fn keys_per_split(keys: u32) -> u32 {
  return max(SPLIT_UNIT, (keys + SPLITS * BLOCK - 1u) / (SPLITS * BLOCK) * BLOCK);
}

// Parts that the keys of a token at `position` have.
fn parts_at(position: u32) -> u32 {
  let keys = position + 1u - first_block(position);
  let split_keys = keys_per_split(keys);
  return (keys + split_keys - 1u) / split_keys;
}
