// The licences of what is bundled into a file travel with that file.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * @param {string} id a module's path inside some node_modules
 * @returns {string | undefined} the folder of its package
 */
export function packageFolder(id) {
  const match = /^(.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+)[\\/]/.exec(id);
  return match?.[1];
}

/**
 * Writes the licences of all bundled packages next to the bundle.
 * @param {{ root: string, file: string }} options
 * @returns {import("vite").Plugin}
 */
export function thirdPartyLicenses({ root, file }) {
  return {
    name: "intab:licenses",
    generateBundle(_options, bundle) {
      /** @type {Set<string>} */
      const folders = new Set();
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== "chunk") continue;
        for (const [id, module] of Object.entries(chunk.modules)) {
          const folder = packageFolder(id.replace(/^\0/, "").split("?")[0] ?? "");
          if (folder && module.renderedLength > 0) folders.add(folder);
        }
      }
      if (folders.size === 0) return;
      const texts = [...folders].sort().map(folder => licenseText(folder, root));
      this.emitFile({
        type: "asset",
        fileName: file,
        source: `${texts.join(`\n\n${"-".repeat(80)}\n\n`)}\n`,
      });
    },
  };
}

/**
 * @param {string} folder of a package
 * @param {string} root of this project
 */
function licenseText(folder, root) {
  const { name, version, license, homepage, repository } = JSON.parse(
    readFileSync(join(folder, "package.json"), "utf8"),
  );
  const source = homepage ?? repository?.url ?? "";
  const own = readdirSync(folder).find(entry => /^(licen[sc]e|copying)/i.test(entry));
  // Apache-2.0 packages without a file of their own: the text that comes with this project
  const shared = join(root, "public/models/LICENSE");
  const file = own ? join(folder, own) : license === "Apache-2.0" && existsSync(shared) ? shared : undefined;
  if (!file) return `${name} ${version}\n${license}\n${source}\n\n(Its package carries no licence text.)`;
  return `${name} ${version}\n${license}\n${source}\n\n${readFileSync(file, "utf8").trim()}`;
}
