/** The Hub's access token: in memory alone, and on this device where the person says so. Never in an address or a message. */
import { byId } from "./dom.ts";

const KEY = "intab.token";

export class AccessToken {
  readonly #field = byId("token", HTMLInputElement);
  readonly #keep = byId("token-keep", HTMLInputElement);
  readonly #details = byId("token-details", HTMLDetailsElement);

  constructor() {
    const kept = localStorage.getItem(KEY);
    this.#field.value = kept ?? "";
    this.#keep.checked = kept !== null;
    for (const input of [this.#field, this.#keep]) input.addEventListener("input", () => this.#save());
  }

  /** Empty = none. */
  get value(): string {
    return this.#field.value.trim();
  }

  /** Opens the field and puts the cursor there. */
  ask(): void {
    this.#details.open = true;
    this.#field.focus();
  }

  #save(): void {
    if (this.#keep.checked && this.value !== "") localStorage.setItem(KEY, this.value);
    else localStorage.removeItem(KEY);
  }
}
