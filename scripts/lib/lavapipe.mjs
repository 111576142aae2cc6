// Mesa's lavapipe, the second software adapter of the kernel tests: f16, subgroups of 8. Dawn wants version 25.

import { existsSync } from "node:fs";
import { addDebianSuite, aptInstall, debianRelease, installedVersion } from "./apt.mjs";
import { ScriptError, say } from "./log.mjs";

const PACKAGE = "mesa-vulkan-drivers";
const OLDEST_MESA = 25;
/** The last Debian whose own Mesa is too old. */
const BOOKWORM = 12;

export const LAVAPIPE_ICD = process.env.INTAB_LAVAPIPE_ICD ?? "/usr/share/vulkan/icd.d/lvp_icd.json";

/** @returns {number} major version of the installed Mesa; 0 if there is none */
function mesaVersion() {
  return Number.parseInt(installedVersion(PACKAGE)?.replace(/^\d+:/, "") ?? "0", 10);
}

/**
 * Installs lavapipe where it is missing or too old.
 * @returns {Promise<string>} what is there now, in words
 */
export async function ensureLavapipe() {
  if (process.env.INTAB_LAVAPIPE_ICD) {
    if (existsSync(LAVAPIPE_ICD)) return `driver ${LAVAPIPE_ICD}`;
    throw new ScriptError(
      "SetupError",
      "lavapipe",
      `INTAB_LAVAPIPE_ICD is ${LAVAPIPE_ICD}, and there is no such file.`,
    );
  }
  const release = debianRelease();
  if (!release) {
    throw new ScriptError(
      "SetupError",
      "lavapipe",
      `Install Mesa's lavapipe ${OLDEST_MESA} or newer by your system's own means and set INTAB_LAVAPIPE_ICD to its lvp_icd.json.`,
    );
  }
  if (mesaVersion() < OLDEST_MESA) {
    const backports = release.id === "debian" && release.version <= BOOKWORM;
    const suite = `${release.codename}-backports`;
    const added = backports && addDebianSuite(suite);
    aptInstall([PACKAGE], {
      why: `Mesa ${OLDEST_MESA} is missing`,
      refresh: added,
      ...(backports ? { suite } : {}),
    });
  }
  const version = mesaVersion();
  if (version < OLDEST_MESA || !existsSync(LAVAPIPE_ICD)) {
    throw new ScriptError(
      "SetupError",
      "lavapipe",
      `Mesa ${version || "(none)"} is installed; the kernel tests need ${OLDEST_MESA} or newer, with ${LAVAPIPE_ICD}. Use Debian 12 with backports, Debian 13, or set INTAB_LAVAPIPE_ICD.`,
    );
  }
  say(`lavapipe: Mesa ${version}`);
  return `Mesa ${version}`;
}
