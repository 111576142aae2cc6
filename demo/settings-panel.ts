/** System prompt, sampling and context length, per model, kept between visits. */
import type { Settings, Source } from "./catalog.ts";
import { byId, h, setText } from "./dom.ts";
import { integer } from "./format.ts";
import { FIELDS, type NumberField, type NumberKey, problemOf } from "./settings-fields.ts";

/** What is set for a model: the options of a chat, and of its load. */
type ModelSettings = Settings & { contextLength?: number | undefined };

export class SettingsPanel {
  readonly #system = h("textarea", {
    id: "setting-system",
    rows: 3,
    placeholder: "The model's own",
    "data-testid": "setting-system",
  });
  readonly #stop = h("textarea", {
    id: "setting-stop",
    rows: 2,
    "aria-describedby": "setting-stop-hint",
    "data-testid": "setting-stop",
  });
  readonly #thinking = h(
    "select",
    {
      id: "setting-enableThinking",
      "aria-describedby": "setting-enableThinking-hint",
      "data-testid": "setting-enableThinking",
    },
    h("option", { value: "" }, "As the model does"),
    h("option", { value: "true" }, "On"),
    h("option", { value: "false" }, "Off"),
  );
  readonly #reload = h("button", {
    type: "button",
    class: "button small wide",
    hidden: true,
    "data-testid": "settings-reload",
  });
  readonly #inputs = new Map<NumberKey, NumberInput>();
  #preset: ModelSettings = { system: "" };
  #key = "";
  /** Of the model in use; `null` = none. */
  #loadedContext: number | null = null;

  /** @param events.onReload the model in use is to be loaded with another context length */
  constructor(events: { onReload: () => void }) {
    for (const field of FIELDS) this.#inputs.set(field.key, new NumberInput(field));
    const form = byId("settings-form", HTMLFormElement);
    form.append(
      labelled("setting-system", "System prompt", this.#system),
      h("div", { class: "field-grid" }, ...[...this.#inputs.values()].map(({ element }) => element)),
      this.#reload,
      labelled(
        "setting-enableThinking",
        "Reasoning",
        this.#thinking,
        "Of models that can answer with and without it.",
      ),
      labelled("setting-stop", "Stop texts", this.#stop, "An answer ends before any of these, one a line."),
      h(
        "button",
        { type: "reset", class: "button small quiet", "data-testid": "settings-reset" },
        "Reset to this model's defaults",
      ),
    );
    this.#reload.addEventListener("click", () => events.onReload());
    form.addEventListener("submit", event => event.preventDefault());
    form.addEventListener("reset", event => {
      event.preventDefault();
      this.reset();
    });
    form.addEventListener("input", () => this.#save());
  }

  /** Settings for the next answer. Of a field with a problem, the last value that had none. */
  get current(): Settings {
    const { contextLength: _, ...settings } = this.#values();
    return settings;
  }

  /** Context length to load a model with; `undefined` = as the engine chooses. */
  contextLengthFor(source: Source): number | undefined {
    return keyOf(source) === this.#key
      ? this.#values().contextLength
      : (stored(keyOf(source)) ?? (source.settings as ModelSettings)).contextLength;
  }

  /**
   * Shows the settings of another model: what was set for it here before, else its own.
   * @param contextLength that it was loaded with; `null` before it is
   */
  use(source: Source, contextLength: number | null): void {
    this.#key = keyOf(source);
    this.#preset = source.settings;
    this.#loadedContext = contextLength;
    this.#show(stored(this.#key) ?? source.settings);
  }

  reset(): void {
    this.#show(this.#preset);
    localStorage.removeItem(this.#key);
  }

  /** Opens the settings, with the cursor in one of them. */
  reveal(key: NumberKey = "temperature"): void {
    byId("settings", HTMLDetailsElement).open = true;
    const input = this.#inputs.get(key)?.input;
    input?.scrollIntoView({ block: "center" });
    input?.focus();
  }

  #values(): ModelSettings {
    const settings: ModelSettings = { system: this.#system.value };
    for (const [key, { value }] of this.#inputs) if (value !== undefined) settings[key] = value;
    const stop = this.#stop.value.split("\n").filter(text => text !== "");
    if (stop.length > 0) settings.stop = stop;
    if (this.#thinking.value !== "") settings.enableThinking = this.#thinking.value === "true";
    return settings;
  }

  #show(settings: ModelSettings): void {
    this.#system.value = settings.system;
    for (const [key, input] of this.#inputs) input.show(settings[key]);
    this.#stop.value = (settings.stop ?? []).join("\n");
    this.#thinking.value = settings.enableThinking === undefined ? "" : String(settings.enableThinking);
    this.#offerReload();
  }

  #save(): void {
    localStorage.setItem(this.#key, JSON.stringify(this.#values()));
    this.#offerReload();
  }

  #offerReload(): void {
    const wanted = this.#inputs.get("contextLength")?.value;
    this.#reload.hidden =
      this.#loadedContext === null || wanted === undefined || wanted === this.#loadedContext;
    if (wanted !== undefined) setText(this.#reload, `Load again with ${integer(wanted)} tokens`);
  }
}

/** A field that says what is wrong with its text, and keeps its last sound value meanwhile. */
class NumberInput {
  readonly element: HTMLElement;
  readonly input: HTMLInputElement;
  readonly #field: NumberField;
  readonly #problem: HTMLElement;
  /** `undefined` = left to the model. */
  value: number | undefined;

  constructor(field: NumberField) {
    const { key, label, hint, placeholder } = field;
    const id = `setting-${key}`;
    this.#field = field;
    this.#problem = h("span", {
      id: `${id}-problem`,
      class: "field-problem",
      role: "alert",
      "data-testid": `${id}-problem`,
    });
    this.input = h("input", {
      id,
      type: "text",
      inputmode: "decimal",
      autocomplete: "off",
      placeholder,
      "aria-describedby": `${id}-problem ${id}-hint`,
      "data-testid": id,
    });
    this.input.addEventListener("input", () => this.#read());
    this.element = h(
      "div",
      { class: "field" },
      h("label", { for: id }, label),
      this.input,
      this.#problem,
      h("span", { id: `${id}-hint`, class: "hint" }, hint),
    );
  }

  show(value: number | undefined): void {
    this.value = value;
    this.input.value = value === undefined ? "" : String(value);
    this.#say("");
  }

  #read(): void {
    const text = this.input.value.trim().replace(",", ".");
    const value = text === "" ? undefined : Number(text);
    const problem = value === undefined ? "" : problemOf(this.#field, value);
    if (problem === "") this.value = value;
    const meanwhile =
      this.value === undefined ? "Until then the model's own is used." : `Until then ${this.value} is used.`;
    this.#say(problem === "" ? "" : `${problem} ${meanwhile}`);
  }

  #say(problem: string): void {
    setText(this.#problem, problem);
    this.input.setAttribute("aria-invalid", String(problem !== ""));
  }
}

function labelled(id: string, label: string, control: HTMLElement, hint?: string): HTMLElement {
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    control,
    hint !== undefined && h("span", { id: `${id}-hint`, class: "hint" }, hint),
  );
}

const keyOf = ({ title }: Source): string => `intab.settings.${title}`;

/** What was set for a model on an earlier visit; `null` = nothing that can be read. */
function stored(key: string): ModelSettings | null {
  const text = localStorage.getItem(key);
  if (text === null) return null;
  let values: Record<string, unknown>;
  try {
    values = Object(JSON.parse(text));
  } catch (error) {
    // Written by hand or by another version: the model's own settings are better than none.
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  const { system, stop, enableThinking } = values;
  const settings: ModelSettings = { system: typeof system === "string" ? system : "" };
  for (const field of FIELDS) {
    const value = values[field.key];
    if (typeof value === "number" && problemOf(field, value) === "") settings[field.key] = value;
  }
  if (Array.isArray(stop)) settings.stop = stop.filter(text => typeof text === "string" && text !== "");
  if (typeof enableThinking === "boolean") settings.enableThinking = enableThinking;
  return settings;
}
