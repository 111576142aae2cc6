// The same bounds unknown to the compiler, for software adapters, which would unroll whole heads and take up to half a
// minute for it. `finished` is 0 here: kernels have returned before otherwise.
var<private> UNIT_LOOP: u32;
var<private> LANE_LOOP: u32;

fn set_bounds() {
  UNIT_LOOP = PART_UNITS + state.finished;
  LANE_LOOP = LANES + state.finished;
}
