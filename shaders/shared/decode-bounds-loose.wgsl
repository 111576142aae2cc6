// The same bounds unknown to the compiler, for software adapters, which would unroll whole heads and take up to half a
// minute for it.
var<private> UNIT_LOOP: u32;
var<private> LANE_LOOP: u32;

fn set_bounds() {
  UNIT_LOOP = PART_UNITS + unknown_zero();
  LANE_LOOP = LANES + unknown_zero();
}
