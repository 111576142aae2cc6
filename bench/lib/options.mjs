// The command line of `npm run bench`.
import { join } from "node:path";
import { parseArgs } from "node:util";
import { messageOf, ScriptError } from "../../scripts/lib/log.mjs";
import { SHAPES } from "../synthetic/shapes.mjs";
import { FILE_TYPES } from "../synthetic/types.mjs";

/** Peers by name, in the order of the help. */
export const PEER_NAMES = /** @type {const} */ (["native", "wllama", "webllm", "transformers"]);
/** @typedef {typeof PEER_NAMES[number]} PeerName */

const names = (/** @type {readonly string[]} */ list) => list.join(", ");

export const HELP = `Usage: npm run bench -- [options]

Measures a model in a headless Chromium through the public API and prints one table: load, prefill, decode, time to first
token, GPU and JS memory, dispatches and submits per token, share of the memory bandwidth measured in the same page, the
longest submit and the page's frame times. Every rate is the median of warmed runs with their range. What is missing
(Chromium, the build, the model) is found, made or installed first. bench/README.md says what each figure means.

Model: one of
  --model builtin|smollm2|FILE   intab's own small model; SmolLM2-135M-Instruct Q4_1 (the default, fetched once); a GGUF
  --shape NAME                   random weights in the shape of a real model, written on the spot:
                                 ${names(SHAPES.slice(0, 4).map(({ name }) => name))},
                                 ${names(SHAPES.slice(4).map(({ name }) => name))}
    --type T                     with --shape: ${names(Object.keys(FILE_TYPES))} (default: Q4_0)

What is measured
  --prefill 512,1024,4096        prompt lengths, tokens (default on a software adapter: 64); "" for none
  --decode-at 0,2000,8000        context lengths at which decode is timed (software: 0); "" for none
  --decode-tokens 128            tokens per timed decode (software: 24)
  --together 1,2,4,8             total rate of so many requests side by side, and what a request feels of another one's
                                 prompt, of the longest --prefill (default: none)
  --runs 5                       timed runs of each length, after its warm-up (software: 3)
  --load-runs 3                  timed loads from IndexedDB (software: 1)
  --no-store                     read the file in place: nothing goes to IndexedDB, and --load-runs times that. For files
                                 of which the disk has no room for a copy
  --no-bandwidth                 leave out the bandwidth measurement
  --profile                      GPU time per kernel, by timestamp queries: of a decoded token at each of the contexts, and
                                 of a prompt chunk; as tables, and as a bar chart in SVG beside the JSON. Left out where the
                                 adapter has no timestamp queries
  --no-f16, --no-subgroups,
  --no-subgroup-matrix           switch the optional features off

Peers, on the same file and prompt, one after the other in this run, with ratios
  --against LIST                 ${names(PEER_NAMES)}. native is llama.cpp through node-llama-cpp, on Vulkan or
                                 the CPU. They come from npm at fixed versions into a folder of their own
  --peers FOLDER                 that folder (default: $INTAB_PEERS, else peers in ~/.cache/intab). With it or
                                 INTAB_PEERS set, nothing is installed: its node_modules has what is needed
  --peer-model NAME=FOLDER       what webllm and transformers run, since they cannot read a GGUF: a folder with an MLC or
                                 an ONNX model (for webllm with its .wasm library in it)
  --native-batch 512             tokens that native computes at once
  --peer-minutes 60              a peer that takes longer is ended, and its line says so

Output
  --json FILE                    where the report goes (default: bench-report.json); --profile's chart goes beside it
  --compare A.json B.json        measure nothing: say what moved between two reports beyond noise
  --help                         this text

CHROMIUM_PATH and CHROMIUM_ARGS choose the browser and its switches, as for npm run ask. INTAB_COMMIT names the commit where
there is no git.`;

/** @param {string} message */
const usage = message => new ScriptError("UsageError", "option", message, { exitCode: 2 });

/** @param {string} name */
export function findShape(name) {
  const shape = SHAPES.find(candidate => candidate.name.toLowerCase() === name.toLowerCase());
  if (!shape) throw usage(`There is no shape "${name}": ${names(SHAPES.map(({ name: known }) => known))}.`);
  return shape;
}

/** @param {string} name */
export function findType(name) {
  const type = Object.keys(FILE_TYPES).find(candidate => candidate.toLowerCase() === name.toLowerCase());
  if (!type) throw usage(`There is no type "${name}": ${names(Object.keys(FILE_TYPES))}.`);
  return type;
}

/**
 * @param {string} option
 * @param {string | undefined} text
 * @param {number} least
 */
function number(option, text, least) {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === "" || !Number.isInteger(value) || value < least)
    throw usage(`--${option} is "${text}"; it must be a whole number from ${least}.`);
  return value;
}

/**
 * @param {string} option
 * @param {string | undefined} text
 * @param {number} least
 */
function numbers(option, text, least) {
  if (text === undefined) return undefined;
  if (text.trim() === "") return [];
  return text.split(",").map(item => /** @type {number} */ (number(option, item, least)));
}

/**
 * @param {readonly string[]} items NAME=VALUE
 * @returns {Partial<Record<PeerName, string>>}
 */
function peerModels(items) {
  return Object.fromEntries(
    items.map(item => {
      const [, name = "", value = ""] = /^([^=]*)=(.*)$/.exec(item) ?? [];
      if ((name !== "webllm" && name !== "transformers") || value === "")
        throw usage(`--peer-model is "${item}"; give webllm=FOLDER or transformers=FOLDER.`);
      return [name, value];
    }),
  );
}

/** @param {string} text */
function peerNames(text) {
  return text.split(",").map(item => {
    const name = PEER_NAMES.find(candidate => candidate === item.trim());
    if (!name) throw usage(`--against does not know "${item}": ${names(PEER_NAMES)}.`);
    return name;
  });
}

/**
 * @param {readonly string[]} arguments_
 * @throws {ScriptError} UsageError
 */
export function parseBenchArguments(arguments_) {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...arguments_],
      allowPositionals: true,
      options: {
        model: { type: "string" },
        shape: { type: "string" },
        type: { type: "string" },
        prefill: { type: "string" },
        "decode-at": { type: "string" },
        "decode-tokens": { type: "string" },
        together: { type: "string" },
        runs: { type: "string" },
        "load-runs": { type: "string" },
        "no-store": { type: "boolean", default: false },
        "no-bandwidth": { type: "boolean", default: false },
        profile: { type: "boolean", default: false },
        "no-f16": { type: "boolean", default: false },
        "no-subgroups": { type: "boolean", default: false },
        "no-subgroup-matrix": { type: "boolean", default: false },
        against: { type: "string" },
        peers: { type: "string" },
        "peer-model": { type: "string", multiple: true, default: [] },
        "native-batch": { type: "string" },
        "peer-minutes": { type: "string" },
        json: { type: "string", default: "bench-report.json" },
        compare: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    throw usage(`${messageOf(error)} See --help.`);
  }
  const { values, positionals } = parsed;
  if (values.help) return /** @type {const} */ ({ kind: "help" });
  if (values.compare) {
    const [before, after, ...more] = positionals;
    if (!before || !after || more.length > 0) throw usage("--compare takes two reports: A.json B.json.");
    return { kind: /** @type {const} */ ("compare"), before, after };
  }
  if (positionals.length > 0) throw usage(`"${positionals[0]}" belongs to no option. See --help.`);
  if (values.model !== undefined && values.shape !== undefined)
    throw usage("Give --model or --shape, not both.");
  if (values.type !== undefined && values.shape === undefined) throw usage("--type goes with --shape.");
  return {
    kind: /** @type {const} */ ("measure"),
    model:
      values.shape === undefined
        ? { file: values.model ?? "smollm2", shape: undefined }
        : { shape: findShape(values.shape), type: findType(values.type ?? "Q4_0") },
    prefill: numbers("prefill", values.prefill, 1),
    decodeAt: numbers("decode-at", values["decode-at"], 0),
    decodeTokens: number("decode-tokens", values["decode-tokens"], 1),
    together: numbers("together", values.together, 1) ?? [],
    runs: number("runs", values.runs, 1),
    loadRuns: number("load-runs", values["load-runs"], 1),
    store: !values["no-store"],
    bandwidth: !values["no-bandwidth"],
    profile: values.profile,
    features: {
      ...(values["no-f16"] ? { f16: false } : {}),
      ...(values["no-subgroups"] ? { subgroups: false } : {}),
      ...(values["no-subgroup-matrix"] ? { subgroupMatrix: false } : {}),
    },
    against: values.against === undefined ? [] : peerNames(values.against),
    peersFolder: values.peers ?? process.env.INTAB_PEERS,
    peerModels: peerModels(values["peer-model"]),
    nativeBatch: number("native-batch", values["native-batch"], 1) ?? 512,
    peerMinutes: number("peer-minutes", values["peer-minutes"], 1) ?? 60,
    json: values.json,
    chart: values.json.replace(/(\.json)?$/, "-profile.svg"),
  };
}

/** The folder that generated models go to. @param {string} cache */
export const syntheticFolder = cache => join(cache, "synthetic");
