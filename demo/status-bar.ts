/** Facts about the model in use: name, size, adapter, memory, context, speed. */
import type { AdapterFacts, ModelInfo } from "intab";
import { byId, h, setText } from "./dom.ts";
import { bytes, integer, parameters, plural, rate } from "./format.ts";
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
  #reading = 0;

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
    this.showReading(null);
    this.#showAdapterNotice(info?.adapter);
  }

  showContext(used: number): void {
    setText(byId("context-text", HTMLElement), `Context ${integer(used)} of ${integer(this.#contextLength)}`);
    byId("context-meter", HTMLMeterElement).value = this.#contextLength > 0 ? used / this.#contextLength : 0;
  }

  /**
   * Says that the model reads a prompt of so many tokens, and for how long already: it answers only after that, and does
   * not tell how far it has come. null = it does not.
   */
  showReading(tokens: number | null): void {
    clearInterval(this.#reading);
    const speed = byId("speed", HTMLElement);
    if (tokens === null) return;
    const started = performance.now();
    const draw = () => {
      const seconds = Math.floor((performance.now() - started) / 1000);
      speed.hidden = seconds < 1;
      setText(speed, `Reading ${plural(tokens, "token")}, ${seconds} s`);
    };
    draw();
    this.#reading = window.setInterval(draw, READING_PERIOD);
  }

  /** Shows a speed now and then; null hides it. */
  showSpeed(tokensPerSecond: number | null): void {
    this.showReading(null);
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
