// How the teams of attention-decode-subgroups.wgsl meet: by shuffles, then through workgroup memory.
var<workgroup> team_sums: array<vec2f, FOLD * TEAMS>;               // a team's maximum and sum of weights
var<workgroup> team_values: array<vec4f, FOLD * TEAMS * UNITS>;

// Sum over the key lanes of a team.
fn across(value: vec4f) -> vec4f {
  var sum = value;
  #repeat i TEAM_STEPS
  sum += subgroupShuffleXor(sum, LANES << i);
  #end
  return sum;
}

// The result of all teams.
fn join(f: u32, row: u32, split: u32, unit: u32) {
  var largest = NO_MAXIMUM;
  for (var t = 0u; t < TEAMS; t++) { largest = max(largest, team_sums[f * TEAMS + t].x); }
  var sum = 0.0;
  var values = vec4f();
  for (var t = 0u; t < TEAMS; t++) {
    let seen = team_sums[f * TEAMS + t];
    let shrink = exp2(seen.x - largest);
    sum += seen.y * shrink;
    values += team_values[(f * TEAMS + t) * UNITS + unit] * shrink;
  }
  finish(row, split, unit, values, largest, sum);
}
