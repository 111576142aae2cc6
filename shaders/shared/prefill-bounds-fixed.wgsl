// Loop bounds of attention-prefill.wgsl as constants: GPU compilers unroll.
override UNIT_LOOP: u32 = UNITS;
override COLUMN_LOOP: u32 = COLUMNS;
override LOAD_LOOP: u32 = LOADS;
override ACROSS_LOOP: u32 = ACROSS;

fn set_bounds() {}
