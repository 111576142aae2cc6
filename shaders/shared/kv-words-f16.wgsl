// The KV cache in words of 16 bytes, the most that a thread reads at once: 8 elements in f16.
alias Word = vec4u;
const WORD_UNITS = 2u;       // units of 4 elements in a word

fn unit_of(word: Word, unit: u32) -> vec4f {
  return vec4f(unpack2x16float(word[2u * unit]), unpack2x16float(word[2u * unit + 1u]));
}
