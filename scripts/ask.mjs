// npm run ask: the engine in a headless Chromium, from a terminal. `--help` is the contract (lib/ask-options.mjs). Plain
// Node, playwright or playwright-core and the built dist/demo are enough to run it.
import { existsSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { DEFAULT_MAX_TOKENS, HELP, parseAskArguments } from "./lib/ask-options.mjs";
import { ensureBuilt } from "./lib/build.mjs";
import { openPage } from "./lib/chromium.mjs";
import { messageOf, reportError, ScriptError, say } from "./lib/log.mjs";
import { ensureSmollm2 } from "./lib/model.mjs";
import { serve } from "./lib/server.mjs";

/** @typedef {import("./lib/ask-options.mjs").AskRequest} AskRequest */

const BUILTIN = "/models/intab-tiny-q4_0.gguf";
const UPLOAD = "/upload/logits";

/** What ends with the process, last opened first. @type {(() => unknown)[]} */
const closers = [];
let interrupted = false;

async function closeAll() {
  for (const close of closers.splice(0).reverse()) await close();
}

/** @param {number} status */
async function interrupt(status) {
  if (interrupted) process.exit(status); // asked twice: at once
  interrupted = true;
  say("");
  await closeAll();
  process.exit(status);
}

process.on("SIGINT", () => void interrupt(130));
process.on("SIGTERM", () => void interrupt(143));
// `ask ... | head -1`: nobody reads on
process.stdout.on("error", error => {
  if (/** @type {NodeJS.ErrnoException} */ (error).code !== "EPIPE") throw error;
  void interrupt(0);
});

/**
 * @param {string} model
 * @returns {Promise<{ url: string } | { files: string[] }>}
 */
async function findModel(model) {
  if (model === "builtin") return { url: BUILTIN };
  if (model === "smollm2") return { files: [await ensureSmollm2()] };
  if (/^(https?:\/\/|hf:)/i.test(model)) return { url: model };
  const file = resolve(model);
  const missing = partFiles(file).filter(part => !existsSync(part) || !statSync(part).isFile());
  if (missing.length > 0) {
    throw new ScriptError(
      "InputError",
      "model-file",
      `--model ${model}: there is no file ${missing.join(", ")}. Give builtin, smollm2, the path of a GGUF file (of a model in several files, of any of them), an http(s) address, or hf:owner/repo.`,
    );
  }
  return { files: partFiles(file) };
}

/** All files of a split model, from any of them; of others the file itself. @param {string} file */
function partFiles(file) {
  const [, stem, no, count] = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/i.exec(basename(file)) ?? [];
  if (stem === undefined || Number(no) > Number(count)) return [file];
  const names = Array.from({ length: Number(count) }, (_, index) => {
    const digits = String(index + 1).padStart(5, "0");
    return `${stem}-${digits}-of-${count}${file.slice(-".gguf".length)}`;
  });
  return names.map(name => join(dirname(file), name));
}

/**
 * The switches for a page that loads from an address. A terminal may read any address, a page only servers that allow
 * it; the Hub does, and with it the browser's rules stay on: they keep the token from where the Hub redirects to.
 * @param {string} url
 * @param {string} hubUrl
 */
function switchesFor(url, hubUrl) {
  const ownRules = url === BUILTIN || /^hf:/i.test(url) || new URL(url).origin === new URL(hubUrl).origin;
  return ownRules ? [] : ["--disable-web-security"];
}

/** The Hub's own variables. @returns {{ token?: string, hubUrl?: string }} */
function hubSettings() {
  const { HF_TOKEN: token, HF_ENDPOINT: hubUrl } = process.env;
  return { ...(token ? { token } : {}), ...(hubUrl ? { hubUrl } : {}) };
}

/** One line on a terminal, overwritten; nothing elsewhere. */
function progressLine() {
  const live = process.stderr.isTTY === true;
  let shown = false;
  return {
    /** @param {import("../src/types.ts").LoadProgress} progress */
    show({ phase, loadedBytes, totalBytes }) {
      if (!live || phase === "ready") return this.clear();
      const share = totalBytes > 0 ? ` ${Math.floor((100 * loadedBytes) / totalBytes)} %` : "";
      process.stderr.write(`\r\x1b[K${phase}${share}`);
      shown = true;
    },
    clear() {
      if (shown) process.stderr.write("\r\x1b[K");
      shown = false;
    },
  };
}

/** @param {AskRequest} request */
async function ask({ model, json, loadOptions, task, logitsFile, capped }) {
  const source = model === null ? null : await findModel(model);
  const address = source && "url" in source ? source.url : undefined;
  const root = await ensureBuilt("demo");
  const partial = logitsFile && `${logitsFile}.${process.pid}.partial`;
  if (partial) closers.push(() => rmSync(partial, { force: true }));
  const server = await serve({ root, uploads: partial ? { [UPLOAD]: () => partial } : {} });
  closers.push(() => server.close());
  const hub = address !== undefined && address !== BUILTIN ? hubSettings() : {};
  const session = await openPage({
    url: `${server.url}/ask.html`,
    args: address === undefined ? [] : switchesFor(address, hub.hubUrl ?? "https://huggingface.co"),
  });
  closers.push(() => session.close());
  const { page } = session;
  page.on("pageerror", error => say(`In the page: ${error.message}`));

  const progress = progressLine();
  let endsWithNewline = true;
  await page.exposeFunction("intabProgress", (/** @type {any} */ step) => progress.show(step));
  await page.exposeFunction("intabText", (/** @type {string} */ text) => {
    progress.clear();
    if (json) return;
    process.stdout.write(text);
    endsWithNewline = text.endsWith("\n");
  });
  if (source && "files" in source) await page.setInputFiles("#model", source.files);
  await page.waitForFunction(() => "intabAsk" in window);
  /** @type {import("../demo/ask.ts").AskJob} */
  const job = {
    loadOptions: { ...loadOptions, ...hub },
    task,
    uploadUrl: UPLOAD,
    modelless: source === null,
    ...(address === undefined ? {} : { url: address }),
  };
  const crashed = new Promise((_resolve, reject) => {
    const fail = () =>
      reject(
        new ScriptError(
          "BrowserError",
          "crashed",
          "Chromium crashed. Less memory: --context-length 1024. Another driver: CHROMIUM_ARGS.",
        ),
      );
    page.once("crash", fail);
    page.context().once("close", fail);
  });
  const answer = await Promise.race([page.evaluate(given => window.intabAsk(given), job), crashed]).catch(
    error => {
      throw error instanceof ScriptError ? error : new ScriptError("BrowserError", "page", messageOf(error));
    },
  );
  progress.clear();
  if (!endsWithNewline) process.stdout.write("\n");
  if (!answer.ok) {
    const { name, code = "unexpected", message, stack, cause } = answer.error;
    throw new ScriptError(
      name,
      code,
      stack && !stack.includes(message) ? `${message}\n${stack}` : (stack ?? message),
      {
        cause: cause === undefined ? undefined : new Error(cause),
      },
    );
  }
  const { result } = answer;
  if (logitsFile && partial) {
    renameSync(partial, logitsFile);
    result.logits = { file: logitsFile, .../** @type {object} */ (result.logits) };
  }
  print({ ...result, browser: `Chromium ${session.version}` }, task, json);
  const atCap = task.kind === "prompt" && task.generate && result.finishReason === "length";
  if (capped && atCap && /** @type {unknown[]} */ (result.ids).length >= DEFAULT_MAX_TOKENS)
    say(
      `The answer was ended after ${DEFAULT_MAX_TOKENS.toLocaleString("en-US")} tokens. --max-tokens N allows another number.`,
    );
}

/**
 * @param {Record<string, any>} result
 * @param {import("../demo/ask.ts").AskTask} task
 * @param {boolean} json
 */
function print(result, task, json) {
  if (json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else if (task.kind !== "prompt") process.stdout.write(`${JSON.stringify(result[task.kind])}\n`);
  else {
    if (result.meanNegativeLogLikelihood !== undefined)
      process.stdout.write(`${result.meanNegativeLogLikelihood}\n`);
    if (result.logits) say(`Logits: ${result.logits.file}, float32, ${result.logits.shape.join(" x ")}`);
  }
}

try {
  const request = parseAskArguments(process.argv.slice(2));
  if (request === "help") process.stdout.write(HELP);
  else await ask(request);
} catch (error) {
  if (!interrupted) process.exitCode = reportError(error);
} finally {
  if (!interrupted) await closeAll();
}
