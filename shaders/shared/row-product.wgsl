// One thread multiplies a row group by one activation vector, and with PAIR_GROUPS > 0 row group `group + PAIR_GROUPS` by
// the same one (gate and up). Scales are applied once a block.
override PAIR_GROUPS: u32;

struct Product {
  result: vec4f,
  paired: vec4f,
}

// `base`: where the activations begin in x.
fn row_product(group: u32, base: u32) -> Product {
  var product = Product();
  for (var unit = 0u; unit < K / 8u;) {
    let block = unit / UNITS_PER_SCALE;
    let end = min(unit + UNITS_PER_SCALE, K / 8u);
    var codes = vec4f();
    var paired_codes = vec4f();
    var sum = 0.0;
    for (; unit < end; unit++) {
      let ready = prepare(weigh(x[base + unit * 2u], unit * 2u), weigh(x[base + unit * 2u + 1u], unit * 2u + 1u));
      codes += unit_dot(group, unit, ready);
      sum += ready.sum;
      if (PAIR_GROUPS > 0u) { paired_codes += unit_dot(group + PAIR_GROUPS, unit, ready); }
    }
    product.result += apply_scale(group, block, codes, sum);
    if (PAIR_GROUPS > 0u) { product.paired += apply_scale(group + PAIR_GROUPS, block, paired_codes, sum); }
  }
  return product;
}
