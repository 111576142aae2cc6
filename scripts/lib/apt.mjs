// Debian packages that the scripts need, installed where that can work (Debian or Ubuntu, as root or by sudo without a
// password). Everything that is done is said first.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ScriptError, say } from "./log.mjs";

/** @returns {{ id: string, version: number, codename: string } | undefined} what /etc/os-release says, on Debian and its kin */
export function debianRelease() {
  if (!existsSync("/etc/os-release") || !existsSync("/usr/bin/apt-get")) return undefined;
  const fields = new Map(
    readFileSync("/etc/os-release", "utf8")
      .split("\n")
      .map(line => /^(\w+)="?(.*?)"?$/.exec(line))
      .filter(match => match !== null)
      .map(match => [match[1], match[2] ?? ""]),
  );
  return {
    id: fields.get("ID") ?? "",
    version: Number.parseFloat(fields.get("VERSION_ID") ?? ""),
    codename: fields.get("VERSION_CODENAME") ?? "",
  };
}

/** @returns {string[] | undefined} what to put before a command so that it runs as root; undefined where that cannot be */
function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  const sudo = spawnSync("sudo", ["-n", "true"], { stdio: "ignore" });
  return sudo.status === 0 ? ["sudo", "-n"] : undefined;
}

/**
 * @param {string[]} command
 * @param {string} remedy what a person types instead
 */
function asRoot(command, remedy) {
  const prefix = rootPrefix();
  if (!prefix) {
    throw new ScriptError(
      "SetupError",
      "needs-root",
      `Installing packages needs root, and neither is this root nor does sudo work without a password. Run once: ${remedy}`,
    );
  }
  const [program = "", ...rest] = [...prefix, "env", "DEBIAN_FRONTEND=noninteractive", ...command];
  const result = spawnSync(program, rest, {
    encoding: "utf8",
    maxBuffer: 1e8,
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (result.status === 0) return true;
  say(`${result.stdout}${result.stderr}`.trim());
  return false;
}

/** @returns {boolean} whether apt has ever fetched its package lists (container images come without) */
function hasPackageLists() {
  const folder = "/var/lib/apt/lists";
  return existsSync(folder) && readdirSync(folder).some(name => /_Packages(\.\w+)?$/.test(name));
}

/**
 * @param {string} name
 * @returns {string | undefined} installed version
 */
export function installedVersion(name) {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholders are dpkg-query's own
  const query = spawnSync("dpkg-query", ["-W", "-f", "${db:Status-Status} ${Version}", name], {
    encoding: "utf8",
  });
  const [status, version] = (query.stdout ?? "").split(" ");
  return query.status === 0 && status === "installed" ? version : undefined;
}

/**
 * @param {string[]} packages
 * @param {{ suite?: string, why: string, refresh?: boolean }} options suite: such as "bookworm-backports"; refresh:
 *   fetch the package lists first in any case
 */
export function aptInstall(packages, { suite, why, refresh = false }) {
  const arguments_ = ["-y", "-q", "--no-install-recommends", ...(suite ? ["-t", suite] : []), ...packages];
  const remedy = `sudo apt-get update && sudo apt-get install ${arguments_.join(" ")}`;
  if (!debianRelease()) {
    throw new ScriptError(
      "SetupError",
      "not-debian",
      `${why}: install ${packages.join(", ")} by your system's own means.`,
    );
  }
  say(
    `${why}: apt-get install ${packages.join(" ")}${suite ? ` from ${suite}` : ""} (this can take a minute)`,
  );
  let fresh = false;
  const update = () => {
    asRoot(["apt-get", "update", "-q"], remedy);
    fresh = true;
  };
  if (refresh || !hasPackageLists()) update();
  if (asRoot(["apt-get", "install", ...arguments_], remedy)) return;
  // lists that have grown old name packages that the mirror no longer has
  if (!fresh) {
    update();
    if (asRoot(["apt-get", "install", ...arguments_], remedy)) return;
  }
  throw new ScriptError(
    "SetupError",
    "apt-failed",
    `apt-get could not install ${packages.join(", ")}. Try: ${remedy}`,
  );
}

/**
 * Makes a suite of the machine's own Debian mirror known to apt, such as `bookworm-backports`.
 * @param {string} suite
 * @returns {boolean} whether something was added
 */
export function addDebianSuite(suite) {
  const folder = "/etc/apt/sources.list.d";
  const files = [
    "/etc/apt/sources.list",
    ...(existsSync(folder) ? readdirSync(folder) : [])
      .filter(name => /\.(list|sources)$/.test(name))
      .map(name => join(folder, name)),
  ].filter(file => existsSync(file));
  const text = files.map(file => readFileSync(file, "utf8").replace(/^\s*#.*$/gm, "")).join("\n");
  if (new RegExp(`(^|\\s)${suite}(\\s|$)`, "m").test(text)) return false;
  const mirror =
    /^URIs:\s*(https?:\/\/\S+\/debian\/?)(\s|$)/m.exec(text)?.[1] ??
    /^deb\s+(?:\[[^\]]*\]\s+)?(https?:\/\/\S+\/debian\/?)\s/m.exec(text)?.[1] ??
    "http://deb.debian.org/debian";
  const keyring = ["gpg", "pgp"]
    .map(ending => `/usr/share/keyrings/debian-archive-keyring.${ending}`)
    .find(file => existsSync(file));
  const lines = ["Types: deb", `URIs: ${mirror}`, `Suites: ${suite}`, "Components: main"];
  if (keyring) lines.push(`Signed-By: ${keyring}`);
  const target = join(folder, `${suite}.sources`);
  say(`Adding ${suite} of ${mirror} to apt: ${target}`);
  const content = `${lines.join("\n")}\n`;
  if (process.getuid?.() === 0) writeFileSync(target, content);
  else if (
    !asRoot(
      ["sh", "-c", `printf '%s' '${content}' > '${target}'`],
      `write these lines to ${target}: ${lines.join(" | ")}`,
    )
  ) {
    throw new ScriptError("SetupError", "apt-failed", `Could not write ${target}.`);
  }
  return true;
}
