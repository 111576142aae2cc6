fn factor(token: u32, group: u32) -> vec4f { return vec4f(1.0); }
