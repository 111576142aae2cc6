// GELU by the error function (Hendrycks & Gimpel 2016), times up. erf by Abramowitz & Stegun 7.1.26: error below 1.5e-7.
fn erf(value: vec4f) -> vec4f {
  let x = abs(value);
  let t = 1.0 / (1.0 + 0.3275911 * x);
  let series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return sign(value) * (1.0 - series * exp(-x * x));
}

fn gated(gate: vec4f, up: vec4f) -> vec4f { return 0.5 * gate * (1.0 + erf(gate * 0.7071067811865476)) * up; }
