// What nvidia-smi says of the GPU while something runs; nothing where there is none.
import { spawn } from "node:child_process";
import { median } from "./statistics.mjs";

/** @typedef {import("./report.d.mts").Clocks} Clocks */

/**
 * Watches from now on, twice a second. `enter` names the part that the samples after it belong to.
 * @param {string} part the first one
 * @returns {{ enter: (part: string) => void, end: () => Promise<Clocks | null> }}
 */
export function watchClocks(part) {
  const query = "name,driver_version,clocks.sm,clocks.mem,power.draw";
  const arguments_ = [`--query-gpu=${query}`, "--format=csv,noheader,nounits", "-lms", "500"];
  const child = spawn("nvidia-smi", arguments_, { stdio: ["ignore", "pipe", "ignore"] });
  /** @type {{ part: string, fields: string[] }[]} */
  const samples = [];
  let [current, rest] = [part, ""];
  child.stdout.on("data", chunk => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) samples.push({ part: current, fields: line.split(", ") });
  });
  /** @type {Promise<void>} */
  const ended = new Promise(resolve => {
    child.once("error", () => resolve());
    child.once("close", () => resolve());
  });
  // a child that could not be started has the pid 0, and a signal to that ends this process's whole group
  const kill = () => void (child.pid !== undefined && child.kill());
  process.once("exit", kill);
  return {
    enter: next => {
      current = next;
    },
    end: async () => {
      kill();
      await ended;
      process.off("exit", kill);
      const [gpu, driver] = samples[0]?.fields ?? [];
      if (gpu === undefined || driver === undefined) return null;
      const column = (/** @type {number} */ index) => samples.map(({ fields }) => Number(fields[index]));
      return {
        gpu,
        driver,
        part: samples.map(sample => sample.part),
        smMHz: column(2),
        memoryMHz: column(3),
        watts: column(4),
      };
    },
  };
}

/**
 * The SM clock in one part; undefined where no sample fell into it, as in reports of earlier versions.
 * @param {Clocks | null | undefined} clocks
 * @param {string} part
 * @returns {number | undefined} median, MHz
 */
export function smClock(clocks, part) {
  const values = clocks?.smMHz.filter((_, index) => clocks.part?.[index] === part) ?? [];
  return values.length > 0 ? median(values) : undefined;
}
