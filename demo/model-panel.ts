/** Where models are chosen: those on this device, the gallery, an address, a file. */
import { models } from "intab";
import { AccessToken } from "./access-token.ts";
import { AddressForm } from "./address-form.ts";
import { fromFiles, fromUrl, type Source } from "./catalog.ts";
import { byId, setText } from "./dom.ts";
import { bytes } from "./format.ts";
import { Gallery } from "./gallery.ts";
import { icon } from "./icons.ts";
import { type ModelsInUse, StoredList } from "./stored-list.ts";

export interface PanelEvents {
  onChoose: (source: Source) => void;
  /** Storage failed; the page shows why. */
  onError: (error: unknown, source: Source) => void;
}

/** Milliseconds between two looks at the storage while it fills. */
const REFRESH_PERIOD = 1000;

export class ModelPanel {
  readonly #stored: StoredList;
  readonly #gallery: Gallery;
  readonly #address: AddressForm;
  readonly #token = new AccessToken();
  #loading = false;
  #refreshing = 0;

  constructor({ onChoose, onError }: PanelEvents) {
    this.#stored = new StoredList({ onChoose, onError, onRemoved: () => this.refresh() });
    this.#gallery = new Gallery({ onChoose, token: () => this.token });
    this.#address = new AddressForm({
      onChoose: address => onChoose(fromUrl(address)),
      token: () => this.token,
    });
    const file = byId("file", HTMLInputElement);
    const button = byId("file-button", HTMLButtonElement);
    button.append(icon("file"), "Choose a file…");
    button.addEventListener("click", () => this.pickFile());
    file.addEventListener("change", () => {
      const [first, ...others] = file.files ?? [];
      file.value = "";
      if (first) onChoose(fromFiles([first, ...others]));
    });
    byId("gallery-open", HTMLButtonElement).addEventListener("click", () => this.showGallery());
  }

  /** The Hub's access token; empty = none. */
  get token(): string {
    return this.#token.value;
  }

  askForToken(): void {
    this.#token.ask();
  }

  askForAddress(): void {
    this.#address.focus();
  }

  showGallery(): void {
    this.#gallery.open();
  }

  pickFile(): void {
    byId("file", HTMLInputElement).click();
  }

  update(state: ModelsInUse): void {
    this.#stored.update(state);
    this.#gallery.update(state);
    const loading = state.loadingFrom !== null;
    if (loading === this.#loading) return;
    this.#loading = loading;
    clearInterval(this.#refreshing);
    if (loading) this.#refreshing = window.setInterval(() => this.refresh(), REFRESH_PERIOD);
  }

  /** Asks the storage again. */
  async refresh(): Promise<void> {
    const usage = byId("usage", HTMLElement);
    try {
      const [cached, { modelBytes, usageBytes, quotaBytes, persisted }] = await Promise.all([
        models.list(),
        models.usage(),
      ]);
      const free = Math.max(0, quotaBytes - usageBytes);
      const keeps = persisted
        ? "The browser keeps them."
        : "The browser may remove them when space runs low.";
      setText(
        usage,
        `${bytes(modelBytes)} stored, ${bytes(free)} free. ${cached.length > 0 ? keeps : ""}`.trim(),
      );
      this.#stored.show(cached);
      this.#gallery.show(cached);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      setText(usage, `The browser's storage cannot be read: ${why}`);
      this.#stored.show([]);
      this.#gallery.show([]);
    }
  }

  async remove(url: string): Promise<void> {
    await this.#stored.remove(url);
  }
}
