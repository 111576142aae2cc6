// A layer's result has a factor of its own (Gemma 4).
override ROW_SCALE_AT: u32;  // one number in `vectors`

fn row_scale() -> f32 { return vectors[ROW_SCALE_AT].x; }
