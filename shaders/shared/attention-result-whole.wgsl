// One workgroup saw all keys of a row: out[T, HEADS * HEAD_DIM] = sum of weight * value / sum of weights.
@group(0) @binding(3) var<storage, read_write> out: array<vec4f>;

// `row` = token * HEADS + head; `unit` = which 4 elements of the head.
fn place(row: u32, split: u32, unit: u32) -> u32 {
  return row * (HEAD_DIM / 4u) + unit;
}

fn finish(row: u32, split: u32, unit: u32, values: vec4f, maximum: f32, weights: f32) {
  out[place(row, split, unit)] = values / weights;
}
