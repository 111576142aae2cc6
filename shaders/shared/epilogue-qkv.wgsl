// Epilogue of the QKV projection: rotated queries to y, keys and values into the paged cache.
#import qkv-place
override N: u32;             // rows of this product; a whole QKV or, where the types differ, one part of it
override FIRST_ROW: u32;     // where its first row stands in [Q | K | V]

fn finish(token: u32, group: u32, result: vec4f, paired: vec4f) {
  if (group * 4u < N) { place(token, FIRST_ROW + group * 4u, result); }
}
