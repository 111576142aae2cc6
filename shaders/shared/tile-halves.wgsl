// A matmul splits the row groups of W in halves; results of `group` in the first half and of `group + HALF` come together.
override GROUPS: u32;        // row groups of W
override PAIRED: bool;       // the halves are gate and up projection: one output from both
override HALF: u32 = (GROUPS + 1u) / 2u;

fn finish_halves(token: u32, group: u32, first: vec4f, second: vec4f) {
  if (token >= state.rows || group >= HALF) { return; }
  if (PAIRED) {
    finish(token, group, first, second);
    return;
  }
  finish(token, group, first, vec4f());
  if (group + HALF < GROUPS) { finish(token, group + HALF, second, vec4f()); }
}
