/** How long submits take that run one after the other, as the CPU sees it. */
export class SubmitClock {
  #end = 0;
  /** The longest so far. Milliseconds. */
  longestMs = 0;

  /** What was sent before is over, and was no submit of these. */
  begin(): void {
    this.#end = performance.now();
  }

  /** A submit is over: it ran since it was sent, or since the one before it ended. @param sent by `performance.now()` */
  ended(sent: number): void {
    const now = performance.now();
    this.longestMs = Math.max(this.longestMs, now - Math.max(sent, this.#end));
    this.#end = now;
  }
}
