/** System prompt and sampling, per model, kept between visits. */
import type { Settings, Source } from "./catalog.ts";
import { byId, h } from "./dom.ts";

interface NumberField {
  key: "temperature" | "topP" | "topK" | "minP" | "maxTokens" | "seed";
  label: string;
  hint: string;
  min: number;
  max: number;
  step: number;
  placeholder: string;
}

const FIELDS: readonly NumberField[] = [
  {
    key: "temperature",
    label: "Temperature",
    hint: "0 always takes the likeliest word; higher is more surprising.",
    min: 0,
    max: 5,
    step: 0.05,
    placeholder: "model's",
  },
  {
    key: "topP",
    label: "Top-p",
    hint: "Keeps the likeliest words up to this share of probability.",
    min: 0.01,
    max: 1,
    step: 0.01,
    placeholder: "0.95",
  },
  {
    key: "topK",
    label: "Top-k",
    hint: "Keeps this many of the likeliest words; 0 keeps all.",
    min: 0,
    max: 1000,
    step: 1,
    placeholder: "40",
  },
  {
    key: "minP",
    label: "Min-p",
    hint: "Drops words less likely than this share of the likeliest.",
    min: 0,
    max: 0.99,
    step: 0.01,
    placeholder: "0.05",
  },
  {
    key: "maxTokens",
    label: "Max tokens",
    hint: "Longest answer; empty = what the context has room for.",
    min: 1,
    max: 1_000_000,
    step: 1,
    placeholder: "no limit",
  },
  {
    key: "seed",
    label: "Seed",
    hint: "The same seed gives the same answer; empty = another one each time.",
    min: 0,
    max: 4_294_967_295,
    step: 1,
    placeholder: "random",
  },
];

export class SettingsPanel {
  readonly #system = h("textarea", {
    id: "setting-system",
    rows: 3,
    placeholder: "The model's own",
    "data-testid": "setting-system",
  });
  readonly #inputs = new Map<NumberField["key"], HTMLInputElement>();
  #preset: Settings = { system: "" };
  #key = "";

  constructor() {
    const fields = FIELDS.map(field => this.#field(field));
    byId("settings-form", HTMLFormElement).append(
      h("div", { class: "field" }, h("label", { for: "setting-system" }, "System prompt"), this.#system),
      h("div", { class: "field-grid" }, ...fields),
      h(
        "button",
        { type: "reset", class: "button small quiet", "data-testid": "settings-reset" },
        "Reset to this model's defaults",
      ),
    );
    const form = byId("settings-form", HTMLFormElement);
    form.addEventListener("submit", event => event.preventDefault());
    form.addEventListener("reset", event => {
      event.preventDefault();
      this.reset();
    });
    form.addEventListener("input", () => this.#save());
  }

  /** Settings for the next answer. Values that the field itself calls invalid count as not given. */
  get current(): Settings {
    const settings: Settings = { system: this.#system.value };
    for (const [key, input] of this.#inputs) {
      if (input.value !== "" && input.validity.valid) settings[key] = input.valueAsNumber;
    }
    return settings;
  }

  /** Shows the settings of another model: what was set for it here before, else its own. */
  use(source: Source): void {
    this.#key = `intab.settings.${source.title}`;
    this.#preset = source.settings;
    this.#show(this.#stored() ?? source.settings);
  }

  reset(): void {
    this.#show(this.#preset);
    localStorage.removeItem(this.#key);
  }

  #show(settings: Settings): void {
    this.#system.value = settings.system;
    for (const [key, input] of this.#inputs)
      input.value = settings[key] === undefined ? "" : String(settings[key]);
  }

  #save(): void {
    localStorage.setItem(this.#key, JSON.stringify(this.current));
  }

  #stored(): Settings | null {
    const text = localStorage.getItem(this.#key);
    if (text === null) return null;
    try {
      const { system, ...numbers }: Record<string, unknown> = JSON.parse(text);
      const settings: Settings = { system: typeof system === "string" ? system : "" };
      for (const { key } of FIELDS) {
        const value = numbers[key];
        if (typeof value === "number") settings[key] = value;
      }
      return settings;
    } catch (error) {
      // Written by hand or by another version: the model's own settings are better than none.
      if (error instanceof SyntaxError || error instanceof TypeError) return null;
      throw error;
    }
  }

  #field({ key, label, hint, min, max, step, placeholder }: NumberField): HTMLElement {
    const id = `setting-${key}`;
    const input = h("input", {
      id,
      type: "number",
      inputmode: "decimal",
      min,
      max,
      step: Number.isInteger(step) ? step : "any",
      placeholder,
      "aria-describedby": `${id}-hint`,
      "data-testid": id,
    });
    this.#inputs.set(key, input);
    return h(
      "div",
      { class: "field" },
      h("label", { for: id }, label),
      input,
      h("span", { id: `${id}-hint`, class: "hint" }, hint),
    );
  }
}
