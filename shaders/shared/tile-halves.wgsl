// A matmul splits the row groups of W in halves; results of `group` and of `group + HALF` come together.
override GROUPS: u32;        // row groups of W
override PAIRED: bool;       // the halves are gate and up projection: one output from both
override HALF: u32 = (GROUPS + 1u) / 2u;

fn finish_halves(row: u32, group: u32, first: vec4f, second: vec4f) {
  if (group >= HALF) { return; }
  var result = first;
  for (var at = group; at < select(GROUPS, HALF, PAIRED); at += HALF) {
    finish(row, at, result, second);
    result = second;
  }
}
