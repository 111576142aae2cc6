// Each token has a gate of its own: the shared expert of a mixture (Qwen2-MoE).
// token_gate[T]
@group(0) @binding(5) var<storage, read> token_gate: array<f32>;

fn token_scale(token: u32) -> f32 { return 1.0 / (1.0 + exp(-token_gate[token])); }
