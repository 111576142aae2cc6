/** What stands where the conversation will be: an introduction, or help where there is no WebGPU. */
import type { Support } from "intab";
import { byId, h } from "./dom.ts";

const SUGGESTIONS = [
  "Why is the sky blue?",
  "Write a short story about a lighthouse.",
  "Give me three tips for better sleep.",
  "Explain photosynthesis to a child.",
];

export class Welcome {
  readonly #element = byId("welcome", HTMLElement);
  readonly #buttons: HTMLButtonElement[];

  constructor(onAsk: (question: string) => void) {
    this.#buttons = SUGGESTIONS.map(text =>
      h(
        "button",
        {
          type: "button",
          class: "suggestion",
          disabled: true,
          "data-testid": "suggestion",
          onclick: () => onAsk(text),
        },
        text,
      ),
    );
    this.#element.append(
      h("h2", {}, "A language model, inside this tab"),
      h(
        "p",
        {},
        "It runs on your own graphics adapter through WebGPU. What you write stays on this device: no server answers, no account is needed.",
      ),
      h(
        "p",
        {},
        "The built-in model has 19.5 million parameters, a toy by today's measure: it answers at once, and it makes things up. Other models are one click away in the panel.",
      ),
      h("div", { class: "suggestions" }, ...this.#buttons),
    );
  }

  /** `visible` = nothing has been asked yet; `ready` = there is a model to ask. */
  update({ visible, ready }: { visible: boolean; ready: boolean }): void {
    this.#element.hidden = !visible;
    for (const button of this.#buttons) button.disabled = !ready;
  }

  /** Replaces the introduction by help for a browser that cannot run models. */
  showUnsupported(support: Support, onRetry: () => void): void {
    const step = (title: string, text: string) => h("li", {}, h("strong", {}, title), ` ${text}`);
    const insecure =
      !isSecureContext &&
      step(
        "Secure address.",
        `Browsers offer WebGPU only on https:// and on localhost, not on ${location.origin}.`,
      );
    this.#element.hidden = false;
    this.#element.dataset.testid = "unsupported";
    this.#element.replaceChildren(
      h("h2", {}, "This browser cannot run models yet"),
      h("p", { "data-testid": "unsupported-reason" }, support.reason),
      h(
        "ol",
        { class: "steps" },
        insecure,
        step(
          "Recent browser.",
          "Chrome or Edge 113, Safari 26, Firefox 141 on Windows or 145 on macOS, or any newer one.",
        ),
        step(
          "Hardware acceleration.",
          "Turn it on in the browser's settings, under System or Performance, and restart the browser.",
        ),
        step(
          "On Linux.",
          "In Chrome, open chrome://flags, enable Unsafe WebGPU Support and Vulkan, and restart. In Firefox, set dom.webgpu.enabled to true in about:config.",
        ),
        step(
          "Graphics driver.",
          "Update it if the browser is recent and still finds no adapter; chrome://gpu says what it found.",
        ),
      ),
      h(
        "div",
        { class: "error-actions" },
        h(
          "button",
          { type: "button", class: "button primary", "data-testid": "support-retry", onclick: onRetry },
          "Check again",
        ),
        h(
          "a",
          {
            class: "button",
            href: "https://developer.mozilla.org/docs/Web/API/WebGPU_API#browser_compatibility",
            target: "_blank",
            rel: "noopener noreferrer",
          },
          "Which browsers have WebGPU",
        ),
      ),
    );
  }
}
