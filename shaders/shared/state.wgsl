// What changes from step to step, in GPU memory: kernels read it, the sampler advances it, so that many steps can be
// queued without the CPU in between. Glossary of dimension letters: docs/kernels.md.
struct State {
  // positions in the KV cache before this batch; row t of the batch sits at `position + t`
  position: u32,
  // tokens in this batch: a chunk of the prompt in prefill, 1 in decode
  rows: u32,
  // 1 once an end-of-turn token was sampled, 2 once the logits were no numbers: kernels return early, so what is still
  // queued costs next to nothing
  finished: u32,
  // tokens sampled since the request began
  generated: u32,
}
