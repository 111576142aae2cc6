// A matmul splits the row groups of W in halves; results of `group` and of `group + HALF` come together.
#import bias
override GROUPS: u32;        // row groups of W
override PAIRED: bool;       // the halves are gate and up projection: one output from both
override HALF: u32 = (GROUPS + 1u) / 2u;

// `row` of the result; `matrix`: where the matrix begins, in row groups.
fn finish_halves(row: u32, matrix: u32, group: u32, first: vec4f, second: vec4f) {
  if (group >= HALF) { return; }
  var result = biased(first, matrix + group);
  let other = biased(second, matrix + min(group + HALF, GROUPS - 1u));
  for (var at = group; at < select(GROUPS, HALF, PAIRED); at += HALF) {
    finish(row, at, result, other);
    result = other;
  }
}
