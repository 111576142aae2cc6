/** What each option must be, one table a call. What depends on the model is checked where the model is known. */
import { MAX_SEQUENCES } from "../kernels/state.ts";
import { isObject, isText, nameRule, type Rule } from "../options.ts";
import type { samplingRules } from "../sampling/options.ts";
import type { ChatOptions, EmbedOptions, FitOptions, LoadOptions, TemplateOptions } from "../types.ts";

type Rules<T> = Readonly<Record<keyof T & string, Rule>>;

const holdsAll = (value: object, test: (item: unknown) => boolean): boolean =>
  Object.values(value).every(test);

const whole = (least: number, most = 0xffff_ffff): Rule => [
  (value: unknown) => Number.isInteger(value) && Number(value) >= least && Number(value) <= most,
  `a whole number from ${least} to ${most}`,
];
const flag: Rule = [(value: unknown) => typeof value === "boolean", "true or false"];
const dictionary: Rule = [isObject, "an object"];
const objects: Rule = [
  (value: unknown) => Array.isArray(value) && value.every(isObject),
  "a list of objects",
];
const oneOf = (...values: string[]): Rule => [
  (value: unknown) => isText(value) && values.includes(value),
  values.map(value => `"${value}"`).join(" or "),
];

export const text: Rule = [isText, "a string"];
export const texts: Rule = [
  (value: unknown) => Array.isArray(value) && value.every(isText),
  "a list of strings",
];
export const ids: Rule = [
  (value: unknown) => Array.isArray(value) && value.every(id => typeof id === "number"),
  "a list of token ids",
];
/** Of one text of `embed()`. */
export const textOrIds: Rule = [(value: never) => isText(value) || ids[0](value), `${text[1]} or ${ids[1]}`];

export const loadRules: Rules<Omit<LoadOptions, "signal" | "onProgress" | "worker">> = {
  contextLength: whole(1),
  maxSequences: whole(1, MAX_SEQUENCES),
  headers: [(value: unknown) => isObject(value) && holdsAll(value, isText), "an object of strings"],
  token: text,
  hubUrl: text,
  cacheKey: text,
  features: [
    (value: unknown) =>
      isObject(value) &&
      Object.entries(value).every(
        ([name, on]) =>
          ["f16", "subgroups", "subgroupMatrix"].includes(name) &&
          (on === undefined || typeof on === "boolean"),
      ),
    "an object of f16, subgroups, subgroupMatrix, each true or false",
  ],
};

export const fitRules: Rules<Omit<FitOptions, "signal" | "worker">> = {
  ...loadRules,
  memoryBytes: [(value: unknown) => typeof value === "number" && value > 0, "a number above 0"],
};

export const templateRules: Rules<TemplateOptions> = {
  tools: objects,
  documents: objects,
  enableThinking: flag,
  templateVariables: dictionary,
};

export const renderRules: Readonly<Record<string, Rule>> = {
  ...templateRules,
  addGenerationPrompt: flag,
  now: [
    (value: unknown) => value instanceof Date && Number.isFinite(value.getTime()),
    "a Date that is a time",
  ],
};

export const generateRules: Rules<
  Omit<ChatOptions, "signal" | "logitBias" | keyof TemplateOptions | keyof typeof samplingRules>
> = {
  maxTokens: whole(0),
  stop: [(value: never) => isText(value) || texts[0](value), "a string or a list of strings"],
  ignoreEndOfTurn: flag,
  cachePrompt: flag,
  priority: whole(-1000, 1000),
  journal: nameRule,
  specialTokens: oneOf("text", "control"),
};

export const tokenizeRules: Readonly<Record<string, Rule>> = { addSpecial: flag, parseSpecial: flag };

export const embedRules: Rules<Omit<EmbedOptions, "signal">> = {
  pooling: oneOf("mean", "first", "last"),
  normalize: flag,
  dimensions: whole(1),
};
