/**
 * How much work goes into one submit. A submit cannot be interrupted, and while it runs the page may not get to draw:
 * so its length is bounded, and measured rather than guessed.
 */

/** A frame at 60 Hz: decode submits aim at this, so that tokens arrive as smoothly as the page can show them. */
const DECODE_SUBMIT_MS = 16;
const MAX_STEPS = 16;
/** Other submits aim at this; above about 50 ms a page stutters. */
const SUBMIT_MS = 40;
/** The longest dispatch of a chunk takes about so many times the mean of all (gate and up, measured for models of 0.1B to 8B). */
const LONGEST_DISPATCH = 4;
/** Chunks of fewer rows read all weights for too little. */
const MIN_ROWS = 64;

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
  /** Of a single sequence, and of several. */
  readonly #stepMs = [new Estimate(), new Estimate()] as const;
  /** Of chunks alone, and beside sequences that wait for their next tokens: those are shorter, and a row of them costs more. */
  readonly #rowMs = [new Estimate(), new Estimate()] as const;

  /** Decode steps of the next submit for so many sequences; `beside` prompts, half as many. */
  stepsPerSubmit(sequences: number, beside = false): number {
    const { value } = this.#step(sequences);
    const ms = DECODE_SUBMIT_MS / value;
    const steps = value === 0 ? 1 : Math.min(MAX_STEPS, Math.max(1, Math.floor(ms)));
    return beside ? Math.ceil(steps / 2) : steps;
  }

  /** Submits that a decode step alone is spread over: more than one where a token takes long. */
  submitsPerStep(sequences: number): number {
    return Math.max(1, Math.ceil(this.#step(sequences).value / SUBMIT_MS));
  }

  #step(sequences: number): Estimate {
    return this.#stepMs[sequences > 1 ? 1 : 0];
  }

  /**
   * Rows of a prompt chunk where so many sequences wait for their next tokens: as long as a submit of theirs without prompts, so
   * that with half a submit of theirs they wait for 1.5 times as long.
   */
  rowsBeside(sequences: number): number {
    const value = this.#rowMs[1].value || this.#rowMs[0].value;
    const submitMs = this.stepsPerSubmit(sequences) * this.#step(sequences).value;
    return value === 0 ? MIN_ROWS : Math.max(MIN_ROWS, Math.floor(submitMs / value));
  }

  /** Rows of a prompt chunk at most: a submit has at least one of the chunk's `dispatches`, however long that takes. */
  rowsPerChunk(dispatches: number): number {
    const { value } = this.#rowMs[0];
    return value === 0
      ? Infinity
      : Math.max(MIN_ROWS, Math.floor((SUBMIT_MS * dispatches) / (value * LONGEST_DISPATCH)));
  }

  /** Submits that a prompt chunk of `rows` tokens is spread over. */
  submitsPerChunk(rows: number): number {
    return Math.max(1, Math.ceil((this.#rowMs[0].value * rows) / SUBMIT_MS));
  }

  /**
   * Two submits that are heard of at once make the second look like nothing: it may take a third off the estimate, no more,
   * or the next submit would be far too long.
   */
  decoded(sequences: number, steps: number, ms: number): void {
    const estimate = this.#step(sequences);
    estimate.add(Math.max(ms / steps, (estimate.value * 2) / 3));
  }

  /** @param beside sequences that wait for their next tokens */
  prefilled(rows: number, ms: number, beside = false): void {
    this.#rowMs[beside ? 1 : 0].add(ms / rows);
  }
}
