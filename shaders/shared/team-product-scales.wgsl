// team-product.wgsl for types whose scales take much decoding: a thread takes TOGETHER neighbouring
// units at a time, which share scales (UNITS_PER_SCALE and the number of units are multiples of it).
#import team-part

fn team_product(group: u32, base: u32, lane: u32) -> Part {
  var result = vec4f();
  var paired = vec4f();
  var squares = 0.0;
  for (var unit = lane * TOGETHER; unit < K / 8u; unit += LANES * TOGETHER) {
    var codes = vec4f();     // sums over these units, not scaled yet
    var paired_codes = vec4f();
    var sum = 0.0;
#repeat i TOGETHER
    let at = unit + i;
    #insert team-unit
    codes += unit_dot(group, at, ready);
    if (PAIR_GROUPS > 0u) { paired_codes += unit_dot(group + PAIR_GROUPS, at, ready); }
    sum += ready.sum;
#end
    let block = unit / UNITS_PER_SCALE;
    result += apply_scale(group, block, codes, sum);
    if (PAIR_GROUPS > 0u) { paired += apply_scale(group + PAIR_GROUPS, block, paired_codes, sum); }
  }
  return Part(result, paired, squares);
}
