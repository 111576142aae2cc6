// The four bytes at `offset` in each of the blocks of 4 rows.
fn words_across(rows: vec4u, offset: u32) -> vec4u {
  let o = rows + offset;
  return vec4u(raw_u32(o.x), raw_u32(o.y), raw_u32(o.z), raw_u32(o.w));
}
