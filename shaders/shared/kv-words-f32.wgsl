// The KV cache in words of 16 bytes, the most that a thread reads at once: 4 elements in f32.
alias Word = vec4f;
const WORD_UNITS = 1u;       // units of 4 elements in a word

fn unit_of(word: Word, unit: u32) -> vec4f {
  return word;
}
