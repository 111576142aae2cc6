// Which names the shaders get when they are shipped.
import { readdirSync, readFileSync } from "node:fs";
import { shortNames } from "./wgsl.mjs";

/**
 * All shaders below a folder, and what TypeScript below another one says of them.
 * @param {string} shaders
 * @param {string} source
 */
export function shortNamesIn(shaders, source) {
  const texts = (/** @type {string} */ folder, /** @type {string} */ ending) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter(file => file.endsWith(ending))
      .sort()
      .map(file => readFileSync(`${folder}/${file}`, "utf8"));
  const said = new Set(
    texts(source, ".ts").flatMap(text => [...text.matchAll(/["'`](\w+)["'`]/g)].map(([, word = ""]) => word)),
  );
  return shortNames(texts(shaders, ".wgsl"), said);
}
