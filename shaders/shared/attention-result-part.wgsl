// One workgroup saw one part of the keys: what attention-combine needs of it,
// out[row][split][head] = HEAD_DIM / 4 words of weighted values, then one word (maximum, sum of weights, -, -).
@group(0) @binding(3) var<storage, read_write> out: array<vec4f>;

// `row` = token * HEADS + head; `unit` = which 4 elements of the head.
fn place(row: u32, split: u32, unit: u32) -> u32 {
  let token = row / HEADS;
  return ((token * SPLITS + split) * HEADS + row % HEADS) * (HEAD_DIM / 4u + 1u) + unit;
}

fn finish(row: u32, split: u32, unit: u32, values: vec4f, maximum: f32, weights: f32) {
  out[place(row, split, unit)] = values;
  if (unit == 0u) { out[place(row, split, HEAD_DIM / 4u)] = vec4f(maximum, weights, 0.0, 0.0); }
}
