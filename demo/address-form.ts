/** The field for an address, and the choice among the files of a repository. */
import { hubName, parseAddress, type Repository, wholeRepository } from "./address.ts";
import { byId, h, setText } from "./dom.ts";
import { bytes } from "./format.ts";
import { type HubFile, listModelFiles } from "./hub-listing.ts";

export interface AddressFormEvents {
  onChoose: (address: string) => void;
  token: () => string;
}

export class AddressForm {
  readonly #events: AddressFormEvents;
  readonly #field = byId("url", HTMLInputElement);
  readonly #files = byId("hub-files", HTMLElement);
  readonly #list = byId("hub-files-list", HTMLButtonElement);
  #listing = new AbortController();

  constructor(events: AddressFormEvents) {
    this.#events = events;
    byId("url-form", HTMLFormElement).addEventListener("submit", event => {
      event.preventDefault();
      this.#with(address => this.#events.onChoose(address));
    });
    this.#field.addEventListener("input", () => this.#changed());
    this.#list.addEventListener("click", () => void this.#showFiles());
    this.#changed();
  }

  /** Puts the cursor into the field, with what was typed there selected. */
  focus(): void {
    this.#field.focus();
    this.#field.select();
  }

  /** Calls back with what was typed, or says beside the field why that is no address. */
  #with(use: (address: string) => void): void {
    let address: string;
    try {
      address = parseAddress(this.#field.value);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#problem(error.message);
      this.#field.focus();
      return;
    }
    this.#problem("");
    use(address);
  }

  #changed(): void {
    this.#problem("");
    this.#listing.abort();
    this.#files.replaceChildren();
    this.#list.hidden = this.#repository() === null;
    this.#list.disabled = false;
  }

  #repository(): Repository | null {
    try {
      return wholeRepository(parseAddress(this.#field.value));
    } catch {
      // What is no address yet is told when the form is sent, not while somebody types.
      return null;
    }
  }

  async #showFiles(): Promise<void> {
    const repository = this.#repository();
    if (!repository) return;
    this.#listing.abort();
    const { signal } = (this.#listing = new AbortController());
    this.#problem("");
    this.#files.replaceChildren(h("p", { class: "hint", role: "status" }, "Asking the Hub…"));
    this.#list.disabled = true;
    try {
      const files = await listModelFiles(repository, this.#events.token(), signal);
      this.#files.replaceChildren(this.#choice(repository, files));
      this.#list.hidden = true;
      this.#files.querySelector("select")?.focus();
    } catch (error) {
      if (signal.aborted) return;
      this.#files.replaceChildren();
      this.#problem(error instanceof Error ? error.message : String(error));
      this.#list.disabled = false;
      this.#list.focus();
    }
  }

  #choice(repository: Repository, files: readonly HubFile[]): HTMLElement {
    const options = files.map(({ path, bytes: size }) =>
      h("option", { value: path }, size === null ? path : `${path} (${bytes(size)})`),
    );
    const select = h("select", { id: "hub-file", "data-testid": "hub-file" }, ...options);
    const usual = files.find(({ path }) => /Q4_K_M/i.test(path)) ?? files[0];
    if (usual) select.value = usual.path;
    const load = () => this.#events.onChoose(hubName(repository, select.value));
    return h(
      "div",
      { class: "field" },
      h("label", { for: "hub-file" }, "File"),
      select,
      h(
        "p",
        { class: "hint" },
        "Fewer bits: a smaller download, less memory, somewhat worse answers. Q4_K_M is the usual choice.",
      ),
      h(
        "button",
        { type: "button", class: "button wide", "data-testid": "hub-file-load", onclick: load },
        "Load this file",
      ),
    );
  }

  #problem(problem: string): void {
    setText(byId("url-problem", HTMLElement), problem);
    this.#field.setAttribute("aria-invalid", String(problem !== ""));
  }
}
