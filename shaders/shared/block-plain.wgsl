// A block whose words stand in the file as the kernels want them, without scales.
fn block_word(offset: u32, i: u32) -> u32 { return raw_u32(offset + 4u * i); }

fn write_scales(target_block: u32, rows: vec4u) {}
