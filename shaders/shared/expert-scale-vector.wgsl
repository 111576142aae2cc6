// Each expert has a factor of its own on its weight (Gemma 4).
#import vectors
override EXPERT_SCALE_AT: u32;   // [E] in `vectors`

fn expert_scale(expert: u32) -> f32 { return vectors[EXPERT_SCALE_AT + expert / 4u][expert % 4u]; }
