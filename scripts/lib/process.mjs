// Child processes.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The project's root folder. */
export const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/[\\/]$/, "");

/**
 * Runs a program to its end, its stdout joined to stderr unless asked otherwise: stdout belongs to results.
 * @param {string} program
 * @param {readonly string[]} arguments_
 * @param {{ env?: Record<string, string | undefined>, cwd?: string, output?: "stderr" | "inherit" | "none", timeoutMs?: number }} [options]
 *   timeoutMs: after this the program is killed
 * @returns {Promise<number>} exit status; 127 if the program could not be started, 137 if it was killed
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
      resolve(status ?? (signal === "SIGKILL" ? 137 : signal ? 128 : 1)),
    );
  });
}
