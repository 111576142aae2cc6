/** What the load is doing, in one card above the conversation: progress, cancelled, failed, or nothing. */
import type { LoadPhase, LoadProgress } from "intab";
import { BUILT_IN, type Source } from "./catalog.ts";
import { announce, byId, h, setText } from "./dom.ts";
import { errorCard, type RemedyHandler } from "./error-card.ts";
import { explain } from "./errors.ts";
import { bytes, timeLeft } from "./format.ts";
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
      this.#target.replaceChildren(this.#failedCard(state.error, state.goesOn));
    else this.#target.replaceChildren(this.#cancelledCard(state.source.title, state.kept));
  }

  #failedCard(error: unknown, goesOn: Source | null): HTMLElement {
    const explained = explain(error);
    if (!goesOn) return errorCard(explained, this.#onRemedy, this.#onDismiss);
    const remedies = explained.remedies.filter(remedy => remedy !== "built-in" || goesOn !== BUILT_IN);
    const advice = `${explained.advice} Until then, ${goesOn.title} goes on answering.`;
    return errorCard({ ...explained, advice, remedies }, this.#onRemedy, this.#onDismiss);
  }

  #cancelledCard(title: string, kept: boolean): HTMLElement {
    const text = kept
      ? "What was downloaded is stored; the next attempt goes on from there."
      : "Nothing is lost.";
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
          kept ? "Resume" : "Load",
        ),
        h("button", { type: "button", class: "button", onclick: this.#onDismiss }, "Dismiss"),
      ),
    );
  }
}

class ProgressCard {
  readonly title: string;
  readonly #phase = h("p", { class: "phase", "data-testid": "load-phase" });
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
    );
  }

  update(progress: LoadProgress | null, cancel: () => void): void {
    this.#cancel = cancel;
    const phase = progress?.phase ?? "header";
    setText(this.#phase, PHASES[phase]);
    this.element.dataset.phase = phase;
    if (this.#said !== phase) announce(`${this.title}: ${PHASES[phase]}`);
    this.#said = phase;
    if (progress && progress.totalBytes > 0) {
      this.#bar.value = progress.loadedBytes / progress.totalBytes;
      setText(this.#figures, figures(progress));
    } else {
      this.#bar.removeAttribute("value");
      setText(this.#figures, "");
    }
  }
}

function figures({ loadedBytes, totalBytes, bytesPerSecond, secondsLeft }: LoadProgress): string {
  const parts = [`${bytes(loadedBytes)} of ${bytes(totalBytes)}`];
  if (bytesPerSecond > 0) parts.push(`${bytes(bytesPerSecond)}/s`);
  if (secondsLeft !== null) parts.push(timeLeft(secondsLeft));
  return parts.join(" · ");
}
