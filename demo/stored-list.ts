/** The models on this device, the built-in one first: load, resume, remove. */
import { type CachedModel, models } from "intab";
import { fileName, shownAddress } from "./address.ts";
import { BUILT_IN, fromUrl, isFrom, offerOf, type Source } from "./catalog.ts";
import { announce, byId, h } from "./dom.ts";
import { bytes } from "./format.ts";

/** What the rows have to know about the session. */
export interface ModelsInUse {
  usedFrom: Source["from"] | null;
  loadingFrom: Source["from"] | null;
}

export interface StoredListEvents {
  onChoose: (source: Source) => void;
  /** Storage failed; the page shows why. */
  onError: (error: unknown, source: Source) => void;
  /** A model was removed, and the storage is to be looked at again. */
  onRemoved: () => Promise<void>;
}

export class StoredList {
  readonly #events: StoredListEvents;
  readonly #list = byId("stored", HTMLElement);
  #state: ModelsInUse = { usedFrom: null, loadingFrom: null };
  #cached: readonly CachedModel[] = [];
  /** The address whose removal waits for a second click. */
  #removing: string | null = null;

  constructor(events: StoredListEvents) {
    this.#events = events;
    this.#list.addEventListener("keydown", event => {
      if (event.key !== "Escape" || this.#removing === null) return;
      event.preventDefault();
      event.stopPropagation(); // it would close the drawer, too
      this.#removing = null;
      this.#draw();
    });
    this.#draw();
  }

  update(state: ModelsInUse): void {
    const { usedFrom, loadingFrom } = this.#state;
    this.#state = state;
    // Called with every report of a load; a row that is redrawn under the pointer would lose its click.
    if (state.usedFrom !== usedFrom || state.loadingFrom !== loadingFrom) this.#draw();
  }

  show(cached: readonly CachedModel[]): void {
    const changed = JSON.stringify(cached) !== JSON.stringify(this.#cached);
    this.#cached = cached;
    if (changed) this.#draw();
  }

  async remove(url: string): Promise<void> {
    const row = this.#cached.findIndex(cached => cached.url === url);
    const focused = this.#list.contains(document.activeElement);
    try {
      await models.remove(url);
      announce(`${fromUrl(url).title} was removed from this device.`);
    } catch (error) {
      this.#events.onError(error, fromUrl(url));
    }
    await this.#events.onRemoved();
    if (!focused || this.#list.contains(document.activeElement)) return;
    // The button that had the focus is gone with its row: the next row's takes its place.
    const buttons = this.#list.querySelectorAll<HTMLElement>("[data-testid=remove]");
    (buttons[Math.min(row, buttons.length - 1)] ?? this.#list.querySelector<HTMLElement>("li"))?.focus();
  }

  #draw(): void {
    const builtIn = this.#cached.find(({ url }) => isFrom(BUILT_IN, url));
    const others = this.#cached.filter(cached => cached !== builtIn);
    const rows = [
      builtIn ? this.#row(builtIn) : this.#builtInRow(),
      ...others.sort((one, other) => other.lastUsed - one.lastUsed).map(cached => this.#row(cached)),
    ];
    keepFocus(this.#list, rows);
  }

  /** Before it is stored, or where nothing can be. */
  #builtInRow(): HTMLElement {
    return h(
      "li",
      { class: "row", tabindex: -1, "data-key": "row", "data-used": String(this.#isUsed(BUILT_IN)) },
      h("div", { class: "row-text" }, h("strong", {}, BUILT_IN.title), h("span", {}, BUILT_IN.about)),
      h(
        "div",
        { class: "row-actions" },
        h("span", { class: "row-size" }, `Built in, ${bytes(BUILT_IN.bytes)}`),
        this.#loadControl(BUILT_IN, "Load"),
      ),
    );
  }

  #row(cached: CachedModel): HTMLElement {
    const { url, complete, damaged, storedBytes, totalBytes } = cached;
    const offer = offerOf(url);
    const source = fromUrl(url);
    const label = damaged ? "Download again" : complete ? "Load" : "Resume";
    return h(
      "li",
      {
        class: "row",
        tabindex: -1,
        "data-key": `row ${url}`,
        "data-testid": "stored-row",
        "data-url": url,
        "data-stored-bytes": storedBytes,
        "data-complete": String(complete),
        "data-used": String(this.#isUsed(source)),
      },
      h(
        "div",
        { class: "row-text" },
        h("strong", { title: shownAddress(url) || url }, source.title),
        offer && h("span", {}, offer === BUILT_IN ? offer.about : fileName(url)),
        damaged &&
          h(
            "span",
            { class: "row-problem", "data-testid": "damaged" },
            "Its record on this device is damaged.",
          ),
        !complete &&
          totalBytes > 0 &&
          h("progress", {
            max: totalBytes,
            value: storedBytes,
            "aria-label": `Stored part of ${source.title}`,
          }),
      ),
      h(
        "div",
        { class: "row-actions" },
        h("span", { class: "row-size" }, sizeOf(cached, offer === BUILT_IN)),
        h(
          "span",
          { class: "row-buttons" },
          this.#removeControl(source, url),
          this.#loadControl(source, label),
        ),
      ),
    );
  }

  #removeControl({ title }: Source, url: string): HTMLElement {
    const sure = this.#removing === url;
    const remove = h(
      "button",
      {
        type: "button",
        class: sure ? "button small danger" : "button small quiet",
        "data-testid": "remove",
        "data-key": `remove ${url}`,
        "aria-label": `${sure ? "Really remove" : "Remove"} ${title}`,
        title: sure ? "Escape keeps it" : null,
      },
      sure ? "Really remove" : "Remove",
    );
    remove.addEventListener("click", () => {
      this.#removing = sure ? null : url;
      if (sure) void this.remove(url);
      else this.#draw();
    });
    remove.addEventListener("blur", event => {
      // Focus that only moves to the same button of a redrawn row is no change of mind.
      if (!sure || !(event.relatedTarget instanceof Element)) return;
      this.#removing = null;
      queueMicrotask(() => this.#draw());
    });
    return remove;
  }

  #isUsed(source: Source): boolean {
    return isSame(source, this.#state.usedFrom);
  }

  #loadControl(source: Source, label: string): HTMLElement {
    if (isSame(source, this.#state.loadingFrom)) return h("span", { class: "badge" }, "Loading…");
    if (this.#isUsed(source)) return h("span", { class: "badge in-use", "data-testid": "in-use" }, "In use");
    return h(
      "button",
      {
        type: "button",
        class: "button small",
        "data-testid": source.from === BUILT_IN.from ? "load-built-in" : "load-stored",
        "data-key": `load ${source.title}`,
        "aria-label": `${label}: ${source.title}`,
        onclick: () => this.#events.onChoose(source),
      },
      label,
    );
  }
}

function isSame(source: Source, from: Source["from"] | null): boolean {
  return source.from === from || offerOf(source.from) === (offerOf(from) ?? null);
}

function sizeOf({ complete, damaged, storedBytes, totalBytes }: CachedModel, builtIn: boolean): string {
  if (damaged) return "Size not known";
  if (!complete) return `${bytes(storedBytes)} of ${bytes(totalBytes)}, incomplete`;
  return builtIn ? `Built in, ${bytes(totalBytes)}` : bytes(totalBytes);
}

/** Replaces rows without taking the keyboard focus away from a button that is still there, or from its row. */
function keepFocus(list: HTMLElement, rows: HTMLElement[]): void {
  const focused = list.contains(document.activeElement) ? (document.activeElement as HTMLElement) : null;
  const key = focused?.dataset.key;
  const rowKey = focused?.closest("li")?.dataset.key;
  list.replaceChildren(...rows);
  if (key === undefined) return;
  const all = [...list.querySelectorAll<HTMLElement>("[data-key]")];
  (
    all.find(element => element.dataset.key === key) ?? all.find(element => element.dataset.key === rowKey)
  )?.focus();
}
