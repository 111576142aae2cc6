/** The numbers among the settings: what they are called, what they mean, what they may be. */
import type { Settings } from "./catalog.ts";

export interface NumberField {
  key: NumberKey;
  label: string;
  hint: string;
  min: number;
  max: number;
  integer?: boolean;
  placeholder: string;
}

export type NumberKey = Exclude<keyof Settings, "system" | "stop" | "enableThinking"> | "contextLength";

/** The ranges are the engine's. */
export const FIELDS: readonly NumberField[] = [
  {
    key: "temperature",
    label: "Temperature",
    hint: "0 always takes the likeliest word; higher is more surprising.",
    min: 0,
    max: 5,
    placeholder: "0.8",
  },
  {
    key: "topP",
    label: "Top-p",
    hint: "Keeps the likeliest words up to this share of probability.",
    min: 0.01,
    max: 1,
    placeholder: "0.95",
  },
  {
    key: "topK",
    label: "Top-k",
    hint: "Keeps this many of the likeliest words; 0 keeps all.",
    min: 0,
    max: 1000,
    integer: true,
    placeholder: "40",
  },
  {
    key: "minP",
    label: "Min-p",
    hint: "Drops words less likely than this share of the likeliest.",
    min: 0,
    max: 0.99,
    placeholder: "0.05",
  },
  {
    key: "repetitionPenalty",
    label: "Repetition penalty",
    hint: "Above 1 makes recent words less likely; 1 is off.",
    min: 0.01,
    max: 100,
    placeholder: "1",
  },
  {
    key: "frequencyPenalty",
    label: "Frequency penalty",
    hint: "Against words, the more the more often the answer has them.",
    min: -2,
    max: 2,
    placeholder: "0",
  },
  {
    key: "presencePenalty",
    label: "Presence penalty",
    hint: "Against words that the answer has already.",
    min: -2,
    max: 2,
    placeholder: "0",
  },
  {
    key: "maxTokens",
    label: "Max tokens",
    hint: "Longest answer; empty = what the context has room for.",
    min: 1,
    max: 1_000_000,
    integer: true,
    placeholder: "no limit",
  },
  {
    key: "seed",
    label: "Seed",
    hint: "The same seed gives the same answer; empty = another one each time.",
    min: 0,
    max: 4_294_967_295,
    integer: true,
    placeholder: "random",
  },
  {
    key: "contextLength",
    label: "Context length",
    hint: "Tokens that the model sees. More take more GPU memory.",
    min: 16,
    max: 16_777_216,
    integer: true,
    placeholder: "model's",
  },
];

/** Why a field's text is no value for it; empty = it is one. */
export function problemOf({ min, max, integer }: NumberField, value: number): string {
  const kind = integer ? "a whole number" : "a number";
  if (!Number.isFinite(value)) return `Give ${kind} from ${shown(min)} to ${shown(max)}.`;
  if (value >= min && value <= max && (!integer || Number.isInteger(value))) return "";
  return `${shown(value)} cannot be used: give ${kind} from ${shown(min)} to ${shown(max)}.`;
}

const shown = (value: number): string => value.toLocaleString("en-US", { maximumFractionDigits: 6 });
