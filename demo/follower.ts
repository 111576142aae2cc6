/** Follows growing content, but only while the reader is at its end; elsewhere offers a way back. */

/** Nearer to the end than this counts as at the end, in CSS pixels. */
const NEAR = 48;

export class Follower {
  readonly #scroller: HTMLElement;
  readonly #button: HTMLButtonElement;
  #following = false;

  constructor(scroller: HTMLElement, button: HTMLButtonElement) {
    this.#scroller = scroller;
    this.#button = button;
    scroller.addEventListener("scroll", () => this.#setFollowing(this.#distance() < NEAR), { passive: true });
    button.addEventListener("click", () => this.toEnd());
    new ResizeObserver(() => this.follow()).observe(scroller);
  }

  /** Content has grown. */
  follow(): void {
    if (this.#following) this.#scroller.scrollTop = this.#scroller.scrollHeight;
    else this.#button.hidden = this.#distance() < NEAR;
  }

  /** Back to the start, for a page that has nothing to follow yet. */
  reset(): void {
    this.#following = false;
    this.#scroller.scrollTop = 0;
    this.#button.hidden = true;
  }

  toEnd(): void {
    this.#setFollowing(true);
    this.follow();
  }

  #distance(): number {
    return this.#scroller.scrollHeight - this.#scroller.scrollTop - this.#scroller.clientHeight;
  }

  #setFollowing(following: boolean): void {
    this.#following = following;
    this.#button.hidden = following;
  }
}
