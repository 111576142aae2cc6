enable f16;
// `real`: the storage type of KV cache and matrix tiles. This is the variant for adapters with shader-f16.
alias real = f16;
alias real4 = vec4<f16>;

// Saturates, since an infinite key or value would make every later result NaN. What is NaN or infinite before stays so, and
// shows; by its bits, because compilers may take it that neither comes.
fn to_real(value: vec4f) -> real4 {
  let none = vec4u(0x7f800000u);
  return real4(select(clamp(value, vec4f(-65504.0), vec4f(65504.0)), value, (bitcast<vec4u>(value) & none) == none));
}
