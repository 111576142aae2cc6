// What nvidia-smi says of the GPU while something runs; nothing where there is none.
import { spawn } from "node:child_process";

/**
 * Watches from now on, twice a second. @returns {() => Promise<import("./report.d.mts").Report["clocks"]>} ends it
 */
export function watchClocks() {
  const query = "name,driver_version,clocks.sm,clocks.mem,power.draw";
  const child = spawn(
    "nvidia-smi",
    [`--query-gpu=${query}`, "--format=csv,noheader,nounits", "-lms", "500"],
    {
      stdio: ["ignore", "pipe", "ignore"],
    },
  );
  let text = "";
  child.stdout.on("data", chunk => {
    text += chunk;
  });
  /** @type {Promise<void>} */
  const ended = new Promise(resolve => {
    child.once("error", () => resolve());
    child.once("close", () => resolve());
  });
  process.once("exit", () => child.kill());
  return async () => {
    child.kill();
    await ended;
    const lines = text
      .split("\n")
      .slice(0, -1)
      .map(line => line.split(", "));
    const [gpu, driver] = lines[0] ?? [];
    if (gpu === undefined || driver === undefined) return null;
    const column = (/** @type {number} */ index) => lines.map(line => Number(line[index]));
    return { gpu, driver, smMHz: column(2), memoryMHz: column(3), watts: column(4) };
  };
}
