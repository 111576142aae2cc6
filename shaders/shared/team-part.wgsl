override PAIR_GROUPS: u32;
override LANES: u32;

// What a thread of a team adds to the product.
struct Part {
  result: vec4f,
  paired: vec4f,
  squares: f32,              // sum of squares of the activations, where they are normalised
}
