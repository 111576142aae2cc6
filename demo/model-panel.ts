/** Where models are chosen: the offers, an address, a file, and what this device has stored. */
import { type CachedModel, models } from "intab";
import {
  BUILT_IN,
  fileName,
  fromFiles,
  fromUrl,
  isFrom,
  OFFERS,
  type Offer,
  parseAddress,
  type Source,
} from "./catalog.ts";
import { byId, h, setText } from "./dom.ts";
import { bytes } from "./format.ts";
import { icon } from "./icons.ts";

/** What the rows have to know about the session. */
export interface PanelState {
  usedFrom: Source["from"] | null;
  loadingFrom: Source["from"] | null;
}

export interface PanelEvents {
  onChoose: (source: Source) => void;
  /** Storage failed; the page shows why. */
  onError: (error: unknown) => void;
}

/** Milliseconds between two looks at the storage while it fills. */
const REFRESH_PERIOD = 1000;

export class ModelPanel {
  readonly #events: PanelEvents;
  #state: PanelState = { usedFrom: null, loadingFrom: null };
  #cached: readonly CachedModel[] = [];
  #refreshing = 0;
  /** The address whose removal waits for a second click. */
  #removing: string | null = null;

  constructor(events: PanelEvents) {
    this.#events = events;
    const file = byId("file", HTMLInputElement);
    const button = byId("file-button", HTMLButtonElement);
    button.append(icon("file"), "Choose a file…");
    button.addEventListener("click", () => this.pickFile());
    file.addEventListener("change", () => {
      const [first, ...others] = file.files ?? [];
      file.value = "";
      if (first) this.#events.onChoose(fromFiles([first, ...others]));
    });
    byId("url-form", HTMLFormElement).addEventListener("submit", event => {
      event.preventDefault();
      this.#chooseAddress();
    });
    byId("url", HTMLInputElement).addEventListener("input", () => this.#showAddressProblem(""));
    this.#draw();
  }

  pickFile(): void {
    byId("file", HTMLInputElement).click();
  }

  update(state: PanelState): void {
    const { usedFrom, loadingFrom } = this.#state;
    this.#state = state;
    // Called with every report of a load; a row that is redrawn under the pointer would lose its click.
    if (state.usedFrom !== usedFrom || state.loadingFrom !== loadingFrom) this.#draw();
    if ((state.loadingFrom === null) === (loadingFrom === null)) return;
    clearInterval(this.#refreshing);
    if (state.loadingFrom !== null)
      this.#refreshing = window.setInterval(() => this.refresh(), REFRESH_PERIOD);
  }

  /** Asks the storage again. */
  async refresh(): Promise<void> {
    try {
      const [cached, usage] = await Promise.all([models.list(), models.usage()]);
      const free = Math.max(0, usage.quotaBytes - usage.usageBytes);
      const keeps = usage.persisted
        ? "The browser keeps them."
        : "The browser may remove them when space runs low.";
      setText(
        byId("usage", HTMLElement),
        `${bytes(usage.modelBytes)} stored, ${bytes(free)} free. ${cached.length > 0 ? keeps : ""}`.trim(),
      );
      this.#show([...cached].sort((one, other) => other.lastUsed - one.lastUsed));
    } catch (error) {
      setText(
        byId("usage", HTMLElement),
        `The browser's storage cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      );
      this.#show([]);
    }
  }

  #show(cached: readonly CachedModel[]): void {
    const changed = JSON.stringify(cached) !== JSON.stringify(this.#cached);
    this.#cached = cached;
    if (changed) this.#draw();
  }

  async remove(url: string): Promise<void> {
    try {
      await models.remove(url);
    } catch (error) {
      this.#events.onError(error);
    }
    await this.refresh();
  }

  #chooseAddress(): void {
    try {
      const url = parseAddress(byId("url", HTMLInputElement).value);
      this.#showAddressProblem("");
      this.#events.onChoose(fromUrl(url));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#showAddressProblem(error.message);
      byId("url", HTMLInputElement).focus();
    }
  }

  #showAddressProblem(problem: string): void {
    setText(byId("url-problem", HTMLElement), problem);
    byId("url", HTMLInputElement).setAttribute("aria-invalid", String(problem !== ""));
  }

  #draw(): void {
    keepFocus(
      byId("catalog", HTMLElement),
      OFFERS.map(offer => this.#offerRow(offer)),
    );
    const rows = this.#cached.map(cached => this.#storedRow(cached));
    keepFocus(
      byId("stored", HTMLElement),
      rows.length > 0 ? rows : [h("li", { class: "hint" }, "Nothing yet.")],
    );
  }

  #offerRow(offer: Offer): HTMLElement {
    const cached = this.#cached.find(({ url }) => isFrom(offer, url));
    const partly = cached && !cached.complete && cached.storedBytes > 0;
    let size = `${bytes(offer.bytes)} to download`;
    if (offer === BUILT_IN) size = `Built in, ${bytes(offer.bytes)}`;
    else if (cached?.complete) size = `Stored, ${bytes(cached.totalBytes)}`;
    else if (partly) size = `${bytes(cached.storedBytes)} of ${bytes(cached.totalBytes)} stored`;
    const label = partly ? "Resume" : offer === BUILT_IN || cached?.complete ? "Load" : "Download";
    const testid = offer === BUILT_IN ? "load-built-in" : "load-smollm2";
    return h(
      "li",
      { class: "row", "data-used": String(isFrom(offer, this.#state.usedFrom)) },
      h("div", { class: "row-text" }, h("strong", {}, offer.title), h("span", {}, offer.about)),
      h(
        "div",
        { class: "row-actions" },
        h("span", { class: "row-size" }, size),
        this.#loadControl(offer, label, testid),
      ),
    );
  }

  #storedRow(cached: CachedModel): HTMLElement {
    const source = fromUrl(cached.url);
    const size = cached.complete
      ? bytes(cached.totalBytes)
      : `${bytes(cached.storedBytes)} of ${bytes(cached.totalBytes)}, incomplete`;
    const sure = this.#removing === cached.url;
    const remove = h(
      "button",
      {
        type: "button",
        class: sure ? "button small danger" : "button small quiet",
        "data-testid": "remove",
        "data-key": `remove ${cached.url}`,
        "aria-label": `${sure ? "Really remove" : "Remove"} ${source.title}`,
      },
      sure ? "Really remove" : "Remove",
    );
    remove.addEventListener("click", () => {
      this.#removing = sure ? null : cached.url;
      if (sure) void this.remove(cached.url);
      else this.#draw();
    });
    remove.addEventListener("blur", event => {
      // Focus that only moves to the same button of a redrawn row is no change of mind.
      if (!sure || !(event.relatedTarget instanceof Element)) return;
      this.#removing = null;
      queueMicrotask(() => this.#draw());
    });
    return h(
      "li",
      {
        class: "row",
        "data-testid": "stored-row",
        "data-url": cached.url,
        "data-stored-bytes": cached.storedBytes,
        "data-complete": String(cached.complete),
        "data-used": String(this.#state.usedFrom === cached.url),
      },
      h(
        "div",
        { class: "row-text" },
        h("strong", { title: cached.url }, fileName(cached.url)),
        h("span", { class: "row-size" }, size),
        !cached.complete &&
          cached.totalBytes > 0 &&
          h("progress", { max: cached.totalBytes, value: cached.storedBytes, "aria-label": "Stored part" }),
      ),
      h(
        "div",
        { class: "row-actions" },
        this.#loadControl(source, cached.complete ? "Load" : "Resume", "load-stored"),
        remove,
      ),
    );
  }

  #loadControl(source: Source, label: string, testid: string): HTMLElement {
    if (this.#state.loadingFrom === source.from) return h("span", { class: "badge" }, "Loading…");
    if (this.#state.usedFrom === source.from)
      return h("span", { class: "badge in-use", "data-testid": "in-use" }, "In use");
    return h(
      "button",
      {
        type: "button",
        class: "button small",
        "data-testid": testid,
        "data-key": `load ${testid} ${source.title}`,
        "aria-label": `${label}: ${source.title}`,
        onclick: () => this.#events.onChoose(source),
      },
      label,
    );
  }
}

/** Replaces rows without taking the keyboard focus away from a button that is still there. */
function keepFocus(list: HTMLElement, rows: HTMLElement[]): void {
  const key = list.contains(document.activeElement)
    ? (document.activeElement as HTMLElement).dataset.key
    : undefined;
  list.replaceChildren(...rows);
  if (key === undefined) return;
  for (const button of list.querySelectorAll("button")) if (button.dataset.key === key) button.focus();
}
