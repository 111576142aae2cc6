// Child processes.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The project's root folder. */
export const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/[\\/]$/, "");

/**
 * Runs a program to its end, its stdout joined to stderr unless asked otherwise: stdout belongs to results.
 * @param {string} program
 * @param {readonly string[]} arguments_
 * @param {{ env?: Record<string, string | undefined>, cwd?: string, output?: "stderr" | "inherit" | "none" }} [options]
 * @returns {Promise<number>} exit status; 127 if the program could not be started
 */
export function run(program, arguments_, { env = {}, cwd = root, output = "stderr" } = {}) {
  return new Promise(resolve => {
    const streams = { stderr: [2, 2], inherit: [1, 2], none: ["ignore", "ignore"] }[output];
    const child = spawn(program, arguments_, {
      cwd,
      env: { ...process.env, ...env },
      stdio: /** @type {import("node:child_process").StdioOptions} */ (["ignore", ...streams]),
    });
    child.once("error", () => resolve(127));
    child.once("close", (status, signal) => resolve(status ?? (signal ? 128 : 1)));
  });
}
