/** A dialog of models by size: what each is good for, its licence, its download, and whether it fits. */
import type { CachedModel } from "intab";
import { fromUrl, isFrom, OFFERS, type Offer, type Source } from "./catalog.ts";
import { announce, byId, h, setText } from "./dom.ts";
import { bytes } from "./format.ts";
import { byHeader, bySize, type Verdict } from "./gallery-fit.ts";
import { icon } from "./icons.ts";
import type { ModelsInUse } from "./stored-list.ts";

export interface GalleryEvents {
  onChoose: (source: Source) => void;
  token: () => string;
}

/** By size of the download. Bytes. */
const GROUPS = [
  { title: "Up to 300 MB: a moment, on any GPU", below: 300e6 },
  { title: "Up to 1 GB: phones and laptops", below: 1e9 },
  { title: "Up to 3 GB: laptops with a good GPU", below: 3e9 },
  { title: "Above: GPUs with 8 GB and more", below: Number.POSITIVE_INFINITY },
] as const;

/** What the person says the GPU has, in GB; kept between visits. */
const MEMORY_KEY = "intab.gpu-memory";

export class Gallery {
  readonly #dialog = byId("gallery", HTMLDialogElement);
  readonly #memory = byId("gpu-memory", HTMLSelectElement);
  readonly #rows: readonly OfferRow[];
  #checking = new AbortController();

  constructor(events: GalleryEvents) {
    const close = byId("gallery-close", HTMLButtonElement);
    close.append(icon("close"));
    close.addEventListener("click", () => this.#dialog.close());
    // A click on the dialog itself is one beside its content: on the backdrop.
    this.#dialog.addEventListener("click", event => event.target === this.#dialog && this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.#checking.abort());
    this.#dialog.addEventListener("keydown", event => {
      // It closes the dialog, and is not meant for the answer behind it.
      if (event.key === "Escape") event.stopPropagation();
    });
    this.#memory.value = localStorage.getItem(MEMORY_KEY) ?? "";
    this.#memory.addEventListener("change", () => {
      localStorage.setItem(MEMORY_KEY, this.#memory.value);
      this.#checking.abort();
      for (const row of this.#rows) row.verdict(bySize(row.offer, this.#memoryBytes));
    });
    this.#rows = OFFERS.map(
      offer =>
        new OfferRow(offer, {
          onChoose: source => {
            this.#dialog.close();
            events.onChoose(source);
          },
          onCheck: row => void this.#check(row, events.token()),
        }),
    );
    for (const row of this.#rows) row.verdict(bySize(row.offer, this.#memoryBytes));
    byId("gallery-groups", HTMLElement).append(...this.#groups());
  }

  open(): void {
    this.#dialog.showModal();
  }

  update(state: ModelsInUse): void {
    for (const row of this.#rows) row.update(state);
  }

  show(cached: readonly CachedModel[]): void {
    for (const row of this.#rows) row.show(cached.find(({ url }) => isFrom(row.offer, url)));
  }

  get #memoryBytes(): number | null {
    return this.#memory.value === "" ? null : Number(this.#memory.value) * 2 ** 30;
  }

  #groups(): HTMLElement[] {
    let from = 0;
    return GROUPS.map(({ title, below }, index) => {
      const rows = this.#rows.filter(({ offer }) => offer.bytes >= from && offer.bytes < below);
      from = below;
      const id = `gallery-group-${index}`;
      return h(
        "section",
        { "aria-labelledby": id },
        h("h3", { id }, title),
        h("ul", { class: "gallery-rows" }, ...rows.map(({ element }) => element)),
      );
    });
  }

  /** One at a time: each reads a file's header over the network. */
  async #check(row: OfferRow, token: string): Promise<void> {
    if (row.isChecking) return;
    this.#checking.abort();
    const { signal } = (this.#checking = new AbortController());
    row.checking(true);
    try {
      const verdict = await byHeader(row.offer, this.#memoryBytes, { token, signal });
      row.verdict(verdict);
      announce(`${row.offer.title}: ${verdict.text}`);
    } catch (error) {
      if (!signal.aborted) throw error;
      row.verdict(bySize(row.offer, this.#memoryBytes));
    } finally {
      row.checking(false);
    }
  }
}

interface OfferRowEvents {
  onChoose: (source: Source) => void;
  onCheck: (row: OfferRow) => void;
}

class OfferRow {
  readonly offer: Offer;
  readonly element: HTMLElement;
  readonly #fit = h("p", { class: "gallery-fit", "data-testid": "gallery-fit" });
  readonly #size = h("span", { class: "row-size" });
  readonly #badge = h("span", { class: "badge in-use", hidden: true });
  readonly #load: HTMLButtonElement;
  readonly #check: HTMLButtonElement;
  #cached: CachedModel | undefined;

  constructor(offer: Offer, events: OfferRowEvents) {
    this.offer = offer;
    const { title, parameters, about, licence, from } = offer;
    this.#load = h("button", {
      type: "button",
      class: "button small primary",
      "data-testid": "gallery-load",
      onclick: () => events.onChoose(this.#source()),
    });
    this.#check = h(
      "button",
      {
        type: "button",
        class: "button small",
        "data-testid": "gallery-check",
        "aria-label": `Does it fit? ${title}`,
        onclick: () => events.onCheck(this),
      },
      "Does it fit?",
    );
    this.element = h(
      "li",
      { class: "row", "data-testid": "gallery-row", "data-name": from },
      h(
        "div",
        { class: "row-text" },
        h("strong", {}, title, h("span", { class: "parameters" }, parameters)),
        h("span", {}, about),
        h("code", { class: "hub-name" }, from.startsWith("hf:") ? from : "served with this page"),
      ),
      h("p", { class: "gallery-facts" }, this.#size, h("span", {}, licence)),
      this.#fit,
      h("div", { class: "row-actions" }, this.#check, this.#badge, this.#load),
    );
    this.show(undefined);
  }

  show(cached: CachedModel | undefined): void {
    this.#cached = cached;
    const { title, bytes: size } = this.offer;
    const partly = cached && !cached.complete && cached.storedBytes > 0;
    const label = partly ? "Resume" : cached?.complete ? "Load" : "Download";
    setText(this.#load, label);
    this.#load.setAttribute("aria-label", `${label}: ${title}`);
    const part = partly ? `${bytes(cached.storedBytes)} of ` : "";
    setText(
      this.#size,
      cached?.complete ? `${bytes(cached.totalBytes)}, on this device` : `${part}${bytes(size)}`,
    );
  }

  update({ usedFrom, loadingFrom }: ModelsInUse): void {
    const loading = isFrom(this.offer, loadingFrom);
    const used = isFrom(this.offer, usedFrom);
    this.element.dataset.used = String(used);
    this.#badge.hidden = !loading && !used;
    this.#load.hidden = loading || used;
    setText(this.#badge, loading ? "Loading…" : "In use");
  }

  verdict({ kind, text }: Verdict): void {
    this.#fit.dataset.kind = kind;
    setText(this.#fit, text);
  }

  get isChecking(): boolean {
    return this.#check.getAttribute("aria-disabled") === "true";
  }

  checking(busy: boolean): void {
    this.#check.setAttribute("aria-disabled", String(busy));
    setText(this.#check, busy ? "Reading the header…" : "Does it fit?");
  }

  /** What is stored whole is loaded by its own address, without a question to the Hub. */
  #source(): Source {
    return this.#cached?.complete ? fromUrl(this.#cached.url) : this.offer;
  }
}
