/** Facts about the model in use: name, size, adapter, memory, context, speed. */
import type { AdapterFacts, ModelInfo } from "intab";
import { byId, h, setText } from "./dom.ts";
import { bytes, integer, parameters, rate } from "./format.ts";
import { icon } from "./icons.ts";
import type { Loaded } from "./session.ts";

/** How often the live speed changes at most, in milliseconds: faster cannot be read. */
const SPEED_PERIOD = 250;

/** Milliseconds. */
const READING_PERIOD = 250;

export class StatusBar {
  #contextLength = 0;
  #speedAt = 0;
  #noticeDismissed = false;
  #busy = false;
  /** Timer of what is said while a prompt is read; 0 = none. */
  #reading = 0;
  /** Figures of the context since an answer began. */
  #counted = 0;

  showModel(loaded: Loaded | null, loading: boolean): void {
    const info = loaded?.model.info;
    setText(
      byId("model-name", HTMLElement),
      loaded?.source.title ?? (loading ? "Loading…" : "No model loaded"),
    );
    setText(byId("model-facts", HTMLElement), info ? modelFacts(info) : "");
    setText(byId("honesty", HTMLElement), loaded?.source.honesty ?? "");
    setText(
      byId("device", HTMLElement),
      info ? `${adapterName(info.adapter)} · ${bytes(info.gpuBytes)} GPU memory` : "",
    );
    byId("context", HTMLElement).hidden = !info;
    this.#contextLength = info?.contextLength ?? 0;
    this.showContext(0);
    this.#showAdapterNotice(info?.adapter);
  }

  showContext(used: number): void {
    // The first figure of an answer is of its prompt; the next one has a token of its own.
    if (this.#busy && ++this.#counted > 1) this.#stopReading();
    setText(byId("context-text", HTMLElement), `Context ${integer(used)} of ${integer(this.#contextLength)}`);
    byId("context-meter", HTMLMeterElement).value = this.#contextLength > 0 ? used / this.#contextLength : 0;
  }

  /**
   * Between a question and the answer's first token the model reads the prompt. It does not tell how far it has come: the
   * bar says for how long already.
   */
  showBusy(busy: boolean): void {
    if (busy === this.#busy) return;
    this.#busy = busy;
    this.#counted = 0;
    this.#stopReading();
    if (!busy) return;
    const speed = byId("speed", HTMLElement);
    const started = performance.now();
    this.#reading = window.setInterval(() => {
      const seconds = Math.floor((performance.now() - started) / 1000);
      speed.hidden = seconds < 1;
      setText(speed, `Reading the prompt, ${seconds} s`);
    }, READING_PERIOD);
  }

  #stopReading(): void {
    clearInterval(this.#reading);
    if (this.#reading !== 0) byId("speed", HTMLElement).hidden = true;
    this.#reading = 0;
  }

  /** Shows a speed now and then; null hides it. */
  showSpeed(tokensPerSecond: number | null): void {
    if (tokensPerSecond !== null) this.#stopReading();
    const speed = byId("speed", HTMLElement);
    speed.hidden = tokensPerSecond === null;
    const now = performance.now();
    if (tokensPerSecond === null || now - this.#speedAt < SPEED_PERIOD) return;
    this.#speedAt = now;
    setText(speed, rate(tokensPerSecond));
  }

  #showAdapterNotice(adapter: AdapterFacts | undefined): void {
    const notice = byId("adapter-notice", HTMLElement);
    notice.hidden = !adapter?.fallback || this.#noticeDismissed;
    if (notice.hidden || !adapter) return;
    const dismiss = () => {
      this.#noticeDismissed = true;
      notice.hidden = true;
    };
    notice.replaceChildren(
      h(
        "section",
        { class: "card warning", "data-testid": "software-adapter" },
        h(
          "button",
          {
            type: "button",
            class: "icon-button small card-close",
            "aria-label": "Dismiss",
            onclick: dismiss,
          },
          icon("close"),
        ),
        h(
          "p",
          {},
          h("strong", {}, "Running on the processor, not on a GPU: slow. "),
          "For speed, turn on hardware acceleration in the browser's settings.",
          h("span", { class: "beyond-phones" }, ` The browser's software adapter: ${adapterName(adapter)}.`),
        ),
      ),
    );
  }
}

function modelFacts(info: ModelInfo): string {
  return `${parameters(info.parameterCount)} parameters · ${mainType(info)} · ${bytes(info.fileBytes)}`;
}

/** The type of most matrices; F32 is usually only the norms. */
function mainType({ tensorTypes }: ModelInfo): string {
  const types = Object.entries(tensorTypes).sort(([, one], [, other]) => other - one);
  return (types.find(([type]) => type !== "F32") ?? types[0])?.[0] ?? "";
}

function adapterName({ description, vendor, architecture }: AdapterFacts): string {
  return description || [vendor, architecture].filter(Boolean).join(" ") || "Unnamed adapter";
}
