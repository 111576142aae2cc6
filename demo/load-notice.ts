/** What the load is doing, in one card above the conversation: progress, cancelled, failed, or nothing. */
import { IntabError, type LoadPhase, type LoadProgress, models, type Retry } from "intab";
import { isFileOf } from "./address.ts";
import type { Source } from "./catalog.ts";
import { announce, byId, h, setText } from "./dom.ts";
import { errorCard, type RemedyHandler } from "./error-card.ts";
import { explain } from "./errors.ts";
import { bytes, plural, timeLeft } from "./format.ts";
import type { LoadState } from "./session.ts";

const PHASES: Readonly<Record<LoadPhase, string>> = {
  header: "Reading the file's header",
  download: "Downloading",
  read: "Moving the weights to the GPU",
  compile: "Preparing the GPU programs",
  ready: "Almost there",
};

export class LoadNotice {
  readonly #target = byId("load-notice", HTMLElement);
  readonly #onRemedy: RemedyHandler;
  readonly #onDismiss: () => void;
  #progress: ProgressCard | null = null;

  constructor(events: { onRemedy: RemedyHandler; onDismiss: () => void }) {
    this.#onRemedy = events.onRemedy;
    this.#onDismiss = events.onDismiss;
  }

  show(state: LoadState): void {
    if (state.kind === "loading") {
      if (this.#progress?.title !== state.source.title) {
        this.#progress = new ProgressCard(state.source.title);
        this.#target.replaceChildren(this.#progress.element);
      }
      this.#progress.update(state.progress, state.cancel);
      return;
    }
    this.#progress = null;
    if (state.kind === "idle") this.#target.replaceChildren();
    else if (state.kind === "failed")
      this.#target.replaceChildren(errorCard(explain(state.error, state), this.#onRemedy, this.#onDismiss));
    else void this.#showCancelled(state.source);
  }

  /** The storage is asked what was kept: most of a piece that was under way is not. */
  async #showCancelled(source: Source): Promise<void> {
    const place = h("div");
    this.#target.replaceChildren(place);
    const stored = await storedBytes(source);
    if (!place.isConnected) return; // another load has taken the place
    place.replaceWith(this.#cancelledCard(source.title, stored));
  }

  #cancelledCard(title: string, stored: number): HTMLElement {
    const text =
      stored > 0
        ? `${bytes(stored)} of it are stored; the next attempt goes on from there.`
        : "Nothing of it is stored.";
    announce(`Loading ${title} was cancelled. ${text}`);
    return h(
      "section",
      { class: "card", "data-testid": "cancelled" },
      h("h2", {}, `Loading ${title} was cancelled`),
      h("p", {}, text),
      h(
        "div",
        { class: "error-actions" },
        h(
          "button",
          {
            type: "button",
            class: "button primary",
            "data-testid": "remedy-retry",
            onclick: () => this.#onRemedy("retry"),
          },
          stored > 0 ? "Resume" : "Load",
        ),
        h("button", { type: "button", class: "button", onclick: this.#onDismiss }, "Dismiss"),
      ),
    );
  }
}

/** Bytes of a model that are stored; 0 for files, and where the storage cannot be read. */
async function storedBytes({ from }: Source): Promise<number> {
  if (typeof from !== "string") return 0;
  try {
    const found = (await models.list()).filter(({ url }) => url === from || isFileOf(from, url));
    // Of a repository alone, whichever file was being loaded: it is the one that is not complete.
    return found.find(({ complete }) => !complete)?.storedBytes ?? found[0]?.storedBytes ?? 0;
  } catch (error) {
    if (error instanceof IntabError) return 0;
    throw error;
  }
}

class ProgressCard {
  readonly title: string;
  readonly #phase = h("p", { class: "phase", "data-testid": "load-phase" });
  readonly #retry = h("p", { class: "retry", "data-testid": "load-retry", hidden: true });
  readonly #figures = h("p", { class: "figures", "data-testid": "load-figures" });
  readonly #bar = h("progress", { max: 1, "data-testid": "load-bar" });
  readonly element: HTMLElement;
  #cancel: () => void = () => {};
  #said: LoadPhase | null = null;

  constructor(title: string) {
    this.title = title;
    this.#bar.setAttribute("aria-label", `Loading ${title}`);
    this.element = h(
      "section",
      { class: "card loading", "data-testid": "loading", "aria-label": `Loading ${title}` },
      h(
        "div",
        { class: "loading-head" },
        h("h2", {}, `Loading ${title}`),
        h(
          "button",
          {
            type: "button",
            class: "button small",
            "data-testid": "load-cancel",
            onclick: () => this.#cancel(),
          },
          "Cancel",
        ),
      ),
      this.#bar,
      h("div", { class: "loading-foot" }, this.#phase, this.#figures),
      this.#retry,
    );
  }

  update(progress: LoadProgress | null, cancel: () => void): void {
    this.#cancel = cancel;
    const phase = progress?.phase ?? "header";
    setText(this.#phase, PHASES[phase]);
    this.element.dataset.phase = phase;
    if (this.#said !== phase) announce(`${this.title}: ${PHASES[phase]}`);
    this.#said = phase;
    this.#showRetry(progress?.retry);
    if (progress && progress.totalBytes > 0) {
      this.#bar.value = progress.loadedBytes / progress.totalBytes;
      setText(this.#figures, figures(progress));
    } else {
      this.#bar.removeAttribute("value");
      setText(this.#figures, "");
    }
  }

  /** Stays until the next report, which says that bytes come again, or that another try is due. */
  #showRetry(retry: Retry | undefined): void {
    this.#retry.hidden = !retry;
    if (!retry) return;
    const { attempt, attempts, waitMs, reason } = retry;
    const next = `Trying again in ${seconds(waitMs)}, try ${attempt} of ${attempts}.`;
    setText(this.#retry, `${next} ${reason}`);
    announce(`${this.title}: ${next}`);
  }
}

function seconds(milliseconds: number): string {
  return plural(Math.max(1, Math.round(milliseconds / 1000)), "second");
}

function figures({ loadedBytes, totalBytes, bytesPerSecond, secondsLeft }: LoadProgress): string {
  const parts = [`${bytes(loadedBytes)} of ${bytes(totalBytes)}`];
  if (bytesPerSecond > 0) parts.push(`${bytes(bytesPerSecond)}/s`);
  if (secondsLeft !== null) parts.push(timeLeft(secondsLeft));
  return parts.join(" · ");
}
