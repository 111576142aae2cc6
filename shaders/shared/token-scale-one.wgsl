fn token_scale(token: u32) -> f32 { return 1.0; }
