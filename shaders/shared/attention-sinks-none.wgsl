// No attention sinks: softmax starts with nothing seen.
const START_WEIGHT = 0.0;

fn start_maximum(head: u32) -> f32 {
  return NO_MAXIMUM;
}
