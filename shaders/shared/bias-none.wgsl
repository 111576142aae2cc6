fn biased(value: vec4f, group: u32) -> vec4f { return value; }
