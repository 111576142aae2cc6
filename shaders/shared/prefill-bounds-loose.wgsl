// The same bounds unknown to the compiler, for software adapters: see decode-bounds-loose.wgsl.
var<private> UNIT_LOOP: u32;
var<private> COLUMN_LOOP: u32;
var<private> LOAD_LOOP: u32;
var<private> ACROSS_LOOP: u32;

fn set_bounds() {
  UNIT_LOOP = UNITS + unknown_zero();
  COLUMN_LOOP = COLUMNS + unknown_zero();
  LOAD_LOOP = LOADS + unknown_zero();
  ACROSS_LOOP = ACROSS + unknown_zero();
}
