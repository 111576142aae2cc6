// Loop bounds of attention-decode.wgsl as constants: GPU compilers unroll.
override UNIT_LOOP: u32 = UNITS;
override LANE_LOOP: u32 = LANES;
override THREAD_LOOP: u32 = THREADS;

fn set_bounds() {}
