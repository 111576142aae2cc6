// 1 on software adapters: their compiler unrolls loops of known length whole and then takes up to half a
// minute. A bound of N + LOOSE * state.finished is still N, since kernels return early where a sequence is
// finished.
override LOOSE: u32;
