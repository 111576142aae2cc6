// Child processes.
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

/** The project's root folder. */
export const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/[\\/]$/, "");

/**
 * Runs a program to its end, its stdout joined to stderr unless asked otherwise: stdout belongs to results.
 * @param {string} program
 * @param {readonly string[]} arguments_
 * @param {{ env?: Record<string, string | undefined>, cwd?: string, output?: "stderr" | "inherit" | "none", timeoutMs?: number }} [options]
 *   timeoutMs: after this the program is killed
 * @returns {Promise<number>} exit status; 127 if the program could not be started, as in shells 128 and its number more if a signal
 *   ended it
 */
export function run(program, arguments_, { env = {}, cwd = root, output = "stderr", timeoutMs } = {}) {
  return new Promise(resolve => {
    const streams = { stderr: [2, 2], inherit: [1, 2], none: ["ignore", "ignore"] }[output];
    const child = spawn(program, arguments_, {
      cwd,
      env: { ...process.env, ...env },
      stdio: /** @type {import("node:child_process").StdioOptions} */ (["ignore", ...streams]),
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
    child.once("error", () => resolve(127));
    child.once("close", (status, signal) =>
      resolve(status ?? (signal ? 128 + constants.signals[signal] : 1)),
    );
  });
}

/** @param {number} status of `run` @returns {string} "status 1", or "status 143: SIGTERM" */
export function statusText(status) {
  const signal = Object.entries(constants.signals).find(([, number]) => 128 + number === status)?.[0];
  return `status ${status}${signal ? `: ${signal}` : ""}`;
}

/** How long what is about to end may take to do so. */
const GRACE_MS = 5000;

/**
 * Ends what is still running of the processes that were started with `mark` (`NAME=value`) in their environment, by their
 * ids. Found on Linux only; elsewhere there are none.
 * @param {string} mark
 * @param {number} [graceMs]
 * @returns {Promise<string[]>} the command lines of those that had not ended by themselves after some seconds
 */
export async function endMarked(mark, graceMs = GRACE_MS) {
  const deadline = Date.now() + graceMs;
  let left = marked(mark);
  while (left.length > 0 && Date.now() < deadline) {
    await new Promise(resolve => setTimeout(resolve, 50));
    left = marked(mark);
  }
  for (const { id } of left) {
    try {
      process.kill(id, "SIGKILL");
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== "ESRCH") throw error;
    }
  }
  return left.map(({ command }) => command);
}

/** @param {string} mark @returns {{ id: number, command: string }[]} */
function marked(mark) {
  if (process.platform !== "linux") return [];
  const found = [];
  for (const name of readdirSync("/proc")) {
    const id = Number(name);
    if (!Number.isInteger(id) || id === process.pid) continue;
    try {
      if (!readFileSync(`/proc/${id}/environ`, "latin1").split("\0").includes(mark)) continue;
      const command = readFileSync(`/proc/${id}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      if (command) found.push({ id, command }); // a process that has ended and is not yet waited for has none
    } catch (error) {
      // ended meanwhile, or another user's
      const code = /** @type {NodeJS.ErrnoException} */ (error).code ?? "";
      if (!["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(code)) throw error;
    }
  }
  return found;
}
