// The activations of unit `at`, made ready, and what they add to the sum of squares.
let a = x[base + at * 2u];
let b = x[base + at * 2u + 1u];
if (NORMALISED) { squares += dot(a, a) + dot(b, b); }
let ready = prepare(weigh(a, at * 2u), weigh(b, at * 2u + 1u));
