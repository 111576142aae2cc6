import { h } from "./dom.ts";
import type { Explained } from "./errors.ts";
import { icon } from "./icons.ts";
import { REMEDY_LABELS, type Remedy } from "./remedies.ts";

export type RemedyHandler = (remedy: Remedy) => void;

/** A failure in words, with its remedies as buttons. `onDismiss` adds a button that closes the card. */
export function errorCard(
  explained: Explained,
  onRemedy: RemedyHandler,
  onDismiss?: () => void,
): HTMLElement {
  const buttons = explained.remedies.map((remedy, index) =>
    h(
      "button",
      {
        type: "button",
        class: index === 0 ? "button primary" : "button",
        "data-testid": `remedy-${remedy}`,
        onclick: () => onRemedy(remedy),
      },
      REMEDY_LABELS[remedy],
    ),
  );
  return h(
    "section",
    { class: "card error", role: "alert", "data-testid": "error", "data-code": explained.code },
    onDismiss &&
      h(
        "button",
        {
          type: "button",
          class: "icon-button small card-close",
          "aria-label": "Dismiss",
          onclick: onDismiss,
        },
        icon("close"),
      ),
    h("h2", {}, explained.title),
    explained.subject &&
      h("p", { class: "error-subject", "data-testid": "error-subject" }, explained.subject),
    h("p", { "data-testid": "error-advice" }, explained.advice),
    h(
      "details",
      { class: "error-details" },
      h("summary", {}, "Details"),
      h("p", { "data-testid": "error-message" }, explained.message),
      h("p", {}, h("code", {}, explained.code)),
    ),
    h("div", { class: "error-actions" }, ...buttons),
  );
}
