// Which commit this is.
import { execFileSync } from "node:child_process";
import { root } from "./process.mjs";

/** `INTAB_COMMIT`, else git's word; undefined where there is neither. @returns {string | undefined} */
export function commit() {
  if (process.env.INTAB_COMMIT) return process.env.INTAB_COMMIT;
  try {
    const git = (/** @type {string[]} */ ...args) =>
      execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
    const changed = git("status", "--porcelain", "--untracked-files=no") !== "";
    return `${git("rev-parse", "--short", "HEAD")}${changed ? " with changes" : ""}`;
  } catch {
    return undefined; // no git here, or no repository: a packed copy
  }
}
