/** Follows growing content, but only while the reader is at its end; elsewhere offers a way back. */
import { icon } from "./icons.ts";

/** Nearer to the end than this counts as at the end, in CSS pixels. */
const NEAR = 48;

export class Follower {
  readonly #scroller: HTMLElement;
  readonly #button: HTMLButtonElement;
  /** Whether there is anything to follow. */
  #active = false;
  #following = false;
  #top = 0;

  constructor(scroller: HTMLElement, button: HTMLButtonElement) {
    this.#scroller = scroller;
    this.#button = button;
    button.append(icon("down"));
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    button.addEventListener("click", () => this.toEnd());
    new ResizeObserver(() => this.follow()).observe(scroller);
  }

  /** Content has grown. */
  follow(): void {
    if (!this.#active) return;
    if (this.#following) this.#scroller.scrollTop = this.#scroller.scrollHeight;
    else this.#button.hidden = this.#distance() < NEAR;
  }

  /** Back to the start, for a page that has nothing to follow yet. */
  reset(): void {
    this.#active = false;
    this.#following = false;
    this.#scroller.scrollTop = 0;
    this.#button.hidden = true;
  }

  toEnd(): void {
    this.#active = true;
    this.#setFollowing(true);
    this.follow();
  }

  /** Going up, however little, means reading; coming near to the end means following again. */
  #scrolled(): void {
    const up = this.#scroller.scrollTop < this.#top;
    this.#top = this.#scroller.scrollTop;
    if (this.#active) this.#setFollowing(this.#distance() < (up ? 1 : NEAR));
  }

  #distance(): number {
    return this.#scroller.scrollHeight - this.#scroller.scrollTop - this.#scroller.clientHeight;
  }

  #setFollowing(following: boolean): void {
    this.#following = following;
    this.#button.hidden = following;
  }
}
