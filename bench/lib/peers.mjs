// The other engines: gets their packages, runs each on the same file and prompt, and says why one was not run.
import { fork } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openPage } from "../../scripts/lib/chromium.mjs";
import { messageOf, ScriptError, say } from "../../scripts/lib/log.mjs";
import { root, run } from "../../scripts/lib/process.mjs";
import { serve } from "../../scripts/lib/server.mjs";
import { watchClocks } from "./clocks.mjs";

/** @typedef {import("./options.mjs").PeerName} PeerName */

/**
 * What a peer is to do. Its result is a PeerResult without name and version.
 * @typedef {object} PeerJob
 * @property {string} folder the one with node_modules
 * @property {string} file the GGUF
 * @property {number} contextLength
 * @property {number} vocabularySize
 * @property {number[]} prefill
 * @property {number[]} decodeAt
 * @property {number} decodeTokens
 * @property {number} runs
 * @property {number} warmUpMs
 */

/** A browser peer's job: `file` is its address on the page's server. @typedef {PeerJob & { modelFiles: string[] }} PageJob */

/** Told what comes next. @typedef {(part: "prefill" | "decode") => void} OnPart */

/** @typedef {Omit<import("./report.d.mts").PeerResult, "name" | "version" | "clocks">} Rates */

/** node-llama-cpp's prebuilt binaries for this machine. @type {Record<string, string[]>} */
const NATIVE_BINARIES = {
  "linux-x64": ["linux-x64", "linux-x64-vulkan"],
  "linux-arm64": ["linux-arm64"],
  "darwin-arm64": ["mac-arm64-metal"],
  "darwin-x64": ["mac-x64"],
  "win32-x64": ["win-x64", "win-x64-vulkan"],
  "win32-arm64": ["win-arm64"],
};
const binaries = NATIVE_BINARIES[`${process.platform}-${process.arch}`] ?? [];

/** Packages at fixed versions, the one that is run first. @type {Record<PeerName, [string, string][]>} */
const PACKAGES = {
  native: [
    ["node-llama-cpp", "3.22.1"],
    ...binaries.map(name => /** @type {[string, string]} */ ([`@node-llama-cpp/${name}`, "3.22.1"])),
  ],
  wllama: [["@wllama/wllama", "3.8.1"]],
  webllm: [["@mlc-ai/web-llm", "0.2.79"]],
  transformers: [["@huggingface/transformers", "4.3.1"]],
};

/** What the two that read no GGUF need. @type {Partial<Record<PeerName, string>>} */
const OWN_FORMAT = {
  webllm: "an MLC model and its .wasm library",
  transformers: "an ONNX model",
};

/** @param {PeerName} name */
const versionOf = name => PACKAGES[name][0]?.[1] ?? "";

/**
 * @param {string} folder
 * @param {string} name
 * @param {string} version
 */
function isInstalled(folder, name, version) {
  const file = join(folder, "node_modules", name, "package.json");
  return existsSync(file) && JSON.parse(readFileSync(file, "utf8")).version === version;
}

/**
 * @param {PeerName} name
 * @param {string} folder
 * @param {boolean} given the folder is the caller's: nothing is installed into it
 */
async function ensurePackages(name, folder, given) {
  const missing = PACKAGES[name].filter(([pack, version]) => !isInstalled(folder, pack, version));
  if (missing.length === 0) return;
  const wanted = missing.map(([pack, version]) => `${pack}@${version}`);
  const command = ["install", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund", ...wanted];
  const remedy = `In ${folder}, run: npm ${command.join(" ")}`;
  if (given)
    throw new ScriptError(
      "SetupError",
      "peer",
      `${folder}/node_modules lacks ${wanted.join(", ")}. ${remedy}`,
    );
  say(`Installing ${wanted.join(", ")} from npm into ${folder}`);
  mkdirSync(folder, { recursive: true });
  const manifest = join(folder, "package.json");
  if (!existsSync(manifest)) writeFileSync(manifest, '{ "name": "intab-bench-peers", "private": true }\n');
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  if ((await run(npm, command, { cwd: folder })) !== 0)
    throw new ScriptError("SetupError", "peer", `npm could not install it. ${remedy}`);
}

/**
 * In a process of its own: a crash of a native library ends only that.
 * @param {PeerJob & { nativeBatch: number }} job
 * @param {OnPart} onPart
 * @param {number} limitMs
 * @returns {Promise<Rates>}
 */
async function runNative(job, onPart, limitMs) {
  const work = mkdtempSync(join(tmpdir(), "intab-native-"));
  const jobFile = join(work, "job.json");
  writeFileSync(jobFile, JSON.stringify(job));
  const child = fork(join(root, "bench/peers/native.mjs"), [jobFile], {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let stderr = "";
  child.stderr?.on("data", chunk => {
    stderr += chunk;
  });
  /** @type {Rates | undefined} */
  let result;
  child.on("message", (/** @type {{ part: "prefill" | "decode" } | { result: Rates }} */ message) => {
    if ("part" in message) onPart(message.part);
    else result = message.result;
  });
  /** @type {Promise<Rates>} */
  const ended = new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status, signal) => {
      if (result) return resolve(result);
      const lines = stderr.trim().split("\n");
      // an uncaught error's message stands above its stack
      const said = lines.find(line => /^\w*Error\b/.test(line)) ?? lines.slice(-3).join(" ");
      reject(new Error(said || `its process ended with ${signal ?? status}`));
    });
  });
  try {
    return await within(limitMs, ended);
  } finally {
    child.kill("SIGKILL"); // where it is too late
    await ended.catch(() => {});
    rmSync(work, { recursive: true, force: true });
  }
}

/**
 * In a browser of its own, on a page with the headers that threads need.
 * @param {Exclude<PeerName, "native">} name
 * @param {PeerJob} job
 * @param {string | undefined} modelFolder
 * @param {OnPart} onPart
 * @param {number} limitMs
 * @returns {Promise<Rates>}
 */
async function runInPage(name, job, modelFolder, onPart, limitMs) {
  const server = await serve({
    root: join(root, "bench"),
    files: { "/model.gguf": () => job.file },
    mounts: {
      "/node_modules/": join(job.folder, "node_modules"),
      // web-llm insists on an address of this form
      ...(modelFolder ? { "/own-model/resolve/main/": modelFolder, "/own-model/": modelFolder } : {}),
    },
    headers: {
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-embedder-policy": "require-corp",
    },
  });
  try {
    const session = await openPage({ url: `${server.url}/peers/page.html` });
    try {
      /** @type {PageJob} */
      const pageJob = {
        ...job,
        file: `${server.url}/model.gguf`,
        modelFiles: modelFolder ? readdirSync(modelFolder, { recursive: true }).map(String) : [],
      };
      await session.page.exposeFunction("intabPeerPart", onPart);
      const running = session.page.evaluate(
        async ({ script, given }) => {
          // asked for first, since the answer can be null while the GPU process starts
          for (let attempt = 0; attempt < 7 && !(await navigator.gpu?.requestAdapter()); attempt++)
            await new Promise(resolve => setTimeout(resolve, 300));
          const { run: runPeer } = await import(script);
          return runPeer(given, Reflect.get(window, "intabPeerPart"));
        },
        { script: `${server.url}/peers/${name}.mjs`, given: pageJob },
      );
      return await within(limitMs, running);
    } finally {
      await session.close();
    }
  } finally {
    await server.close();
  }
}

/**
 * What is too late goes on until the caller ends it.
 * @template T
 * @param {number} limitMs
 * @param {Promise<T>} running
 * @returns {Promise<T>}
 */
async function within(limitMs, running) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  /** @type {Promise<never>} */
  const late = new Promise((_, reject) => {
    const error = new Error(`it took longer than ${limitMs / 60_000} minutes (--peer-minutes)`);
    timer = setTimeout(() => reject(error), limitMs);
  });
  try {
    return await Promise.race([running, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The error's first line, without what playwright and JavaScript put before it. @param {unknown} error */
const reasonOf = error => (messageOf(error).split("\n")[0] ?? "").replace(/^page\.evaluate: (Error: )?/, "");

/**
 * Runs the peers one after the other. A peer that cannot run is in the result with the reason.
 * @param {readonly PeerName[]} names
 * @param {Omit<PeerJob, "folder">} job
 * @param {object} options
 * @param {string} options.folder
 * @param {boolean} options.given the folder is the caller's: nothing is installed into it
 * @param {Partial<Record<PeerName, string>>} options.models
 * @param {number} options.nativeBatch
 * @param {number} options.limitMs for each; then it is ended
 * @returns {Promise<NonNullable<import("./report.d.mts").Report["peers"]>>}
 */
export async function runPeers(names, job, { folder, given, models, nativeBatch, limitMs }) {
  const results = [];
  for (const name of names) {
    say(`against ${name}`);
    const needs = OWN_FORMAT[name];
    try {
      if (needs && !models[name])
        throw new ScriptError(
          "SetupError",
          "peer",
          `it cannot read a GGUF and needs ${needs}: --peer-model ${name}=FOLDER`,
        );
      await ensurePackages(name, folder, given);
      const full = { ...job, folder };
      const clocks = watchClocks("load");
      try {
        const rates =
          name === "native"
            ? await runNative({ ...full, nativeBatch }, clocks.enter, limitMs)
            : await runInPage(name, full, models[name], clocks.enter, limitMs);
        results.push({ name, version: versionOf(name), ...rates, clocks: await clocks.end() });
      } finally {
        await clocks.end(); // where the peer failed too
      }
    } catch (error) {
      results.push({ name, notRun: reasonOf(error) });
    }
  }
  return results;
}
