// Loop bounds of attention-decode.wgsl as constants: GPU compilers unroll.
override UNIT_LOOP: u32 = PART_UNITS;
override LANE_LOOP: u32 = LANES;

fn set_bounds() {}
