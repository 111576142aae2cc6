// Loop bounds of attention-prefill.wgsl as constants: GPU compilers unroll.
override UNIT_LOOP: u32 = UNITS;
override COLUMN_LOOP: u32 = COLUMNS;

fn set_bounds() {}
