// Lays rows of a GGUF tensor out for the kernels: rows in groups of 4, columns in units of 8, one u32 of each
// row side by side (shaders/shared/weights-*.wgsl have the details). Lossless. One thread per group of rows
// and block of columns. Rows past the window's last one become zeros, so that a last group of fewer than 4 is
// whole. `block` stands for the tensor's type: `block_word` gives a row's words, `write_scales` writes those of
// 4 rows. Sizes are not overrides: one pipeline serves every tensor of a type.
#import block
struct Window {
  first_group: u32,   // in the destination, of the tensor's first row
  start_group: u32,   // of the window in its tensor
  rows: u32,          // in the window
  columns: u32,       // multiple of 8 * BLOCK_UNITS
  offset: u32,        // of the window's first row in `raw`, in bytes, even
  // a tensor of several matrices (experts): groups of one in the tensor, and from one to the next in the destination
  matrix_groups: u32,
  matrix_stride: u32,
  // rows that RoPE rotates in halves, (i, i + rotated / 2), become neighbours: rows of a head, and the rows this is for
  head: u32,
  rotated: u32,
  paired_rows: u32,
}
const THREADS = 64u;
@group(0) @binding(0) var<storage, read> raw: array<u32>;
@group(0) @binding(1) var<storage, read_write> words: array<vec4u>;
@group(0) @binding(3) var<uniform> window: Window;

// Offset of a row that is not there; bytes from it on are zeros.
const ABSENT = 0x80000000u;

// Four bytes at any offset: MXFP4's blocks have 17.
fn raw_u32(offset: u32) -> u32 {
  if (offset >= ABSENT) { return 0u; }
  let low = raw[offset / 4u];
  let shift = offset % 4u * 8u;
  if (shift == 0u) { return low; }
  return (low >> shift) | (raw[offset / 4u + 1u] << (32u - shift));
}

fn raw_u8(offset: u32) -> u32 {
  if (offset >= ABSENT) { return 0u; }
  return (raw[offset / 4u] >> (offset % 4u * 8u)) & 255u;
}

// At an even offset.

fn raw_u16(offset: u32) -> u32 {
  if (offset >= ABSENT) { return 0u; }
  return (raw[offset / 4u] >> (offset % 4u * 8u)) & 0xffffu;
}

// Row of the tensor that becomes row `row` of the destination.
fn source_row(row: u32) -> u32 {
  if (row >= window.paired_rows) { return row; }
  let element = row % window.head;
  if (element >= window.rotated) { return row; }
  return row - element + element / 2u + element % 2u * (window.rotated / 2u);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) size: vec3u,
        @builtin(local_invocation_index) thread: u32) {
  let blocks = window.columns / (8u * BLOCK_UNITS);
  // two dimensions of workgroups in a row, because one holds at most 65,535
  let index = (workgroup.y * size.x + workgroup.x) * THREADS + thread;
  let group = index / blocks;
  if (group >= (window.rows + 3u) / 4u) { return; }
  let block = index % blocks;
  let tensor_group = window.start_group + group;
  let target_group = window.first_group + tensor_group / window.matrix_groups * window.matrix_stride
    + tensor_group % window.matrix_groups;
  let target_block = target_group * blocks + block;
  let first = tensor_group * 4u;
  let row = vec4u(source_row(first), source_row(first + 1u), source_row(first + 2u), source_row(first + 3u))
    - window.start_group * 4u;
  let offsets = select(
    vec4u(ABSENT), window.offset + (row * blocks + block) * BLOCK_BYTES, row < vec4u(window.rows));
  for (var i = 0u; i < BLOCK_WORDS; i++) {
    words[target_block * BLOCK_WORDS + i] = vec4u(
      block_word(offsets.x, i), block_word(offsets.y, i), block_word(offsets.z, i), block_word(offsets.w, i));
  }
  write_scales(target_block, offsets);
}
