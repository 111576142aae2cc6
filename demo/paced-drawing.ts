/**
 * Draws at most once a frame, and takes at most a quarter of the time: a block that is long to draw is drawn less often,
 * so that a growing answer never makes the page slow.
 */
export class PacedDrawing {
  readonly #draw: () => void;
  #timer = 0;
  #frame = 0;
  /** Not before this, by `performance.now()`. */
  #next = 0;

  constructor(draw: () => void) {
    this.#draw = draw;
  }

  request(): void {
    if (this.#timer !== 0 || this.#frame !== 0) return;
    const wait = this.#next - performance.now();
    if (wait <= 0) this.#atNextFrame();
    else this.#timer = window.setTimeout(() => this.#atNextFrame(), wait);
  }

  /** What was requested is not drawn any more. */
  cancel(): void {
    clearTimeout(this.#timer);
    cancelAnimationFrame(this.#frame);
    this.#timer = 0;
    this.#frame = 0;
  }

  #atNextFrame(): void {
    this.#timer = 0;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      const start = performance.now();
      this.#draw();
      const end = performance.now();
      this.#next = end + 3 * (end - start);
    });
  }
}
