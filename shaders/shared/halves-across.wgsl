// The f16 number at `offset` in each of the blocks of 4 rows, side by side.
fn halves_across(rows: vec4u, offset: u32) -> vec2u {
  let o = rows + offset;
  return vec2u(raw_u16(o.x) | (raw_u16(o.y) << 16u), raw_u16(o.z) | (raw_u16(o.w) << 16u));
}
