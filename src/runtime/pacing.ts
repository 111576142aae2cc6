/**
 * How much work goes into one submit. A submit cannot be interrupted, and while it runs the page may not get to draw:
 * so its length is bounded, and measured rather than guessed.
 */

/** A frame at 60 Hz: decode submits aim at this, so that tokens arrive as smoothly as the page can show them. */
const DECODE_SUBMIT_MS = 16;
/** Several steps share a submit even on a slow adapter: the round trip to the CPU stays off the critical path. */
const MIN_STEPS = 2;
const MAX_STEPS = 16;
/** Prefill submits aim at this; above about 50 ms a page stutters. */
const PREFILL_SUBMIT_MS = 40;

/**
 * Mean of measurements, the latest counting most. A smaller one counts at once: small batches and cold clocks only ever
 * measure too much.
 */
class Estimate {
  #value = 0;

  get value(): number {
    return this.#value;
  }

  add(sample: number): void {
    const known = this.#value > 0 && sample > this.#value;
    this.#value = known ? this.#value * 0.7 + sample * 0.3 : sample;
  }
}

export class Pacing {
  readonly #stepMs = new Estimate();
  readonly #rowMs = new Estimate();

  /** Decode steps of the next submit. */
  stepsPerSubmit(): number {
    const { value } = this.#stepMs;
    return value === 0
      ? MIN_STEPS
      : Math.min(MAX_STEPS, Math.max(MIN_STEPS, Math.floor(DECODE_SUBMIT_MS / value)));
  }

  /** Submits that a prompt chunk of `rows` tokens is spread over. */
  submitsPerChunk(rows: number): number {
    return Math.max(1, Math.ceil((this.#rowMs.value * rows) / PREFILL_SUBMIT_MS));
  }

  /** Two submits that are heard of at once make the second look like nothing: it may halve the estimate, no more. */
  decoded(steps: number, ms: number): void {
    this.#stepMs.add(Math.max(ms / steps, this.#stepMs.value / 2));
  }

  prefilled(rows: number, ms: number): void {
    this.#rowMs.add(ms / rows);
  }
}
