import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../scripts/lib/process.mjs";

export const README = readFileSync(join(root, "README.md"), "utf8");

/** What the README shows in a language, as a reader copies it. */
export const readmeBlocks = (language: string): string[] =>
  [...README.matchAll(/^```(\w+)\n(.*?)^```$/gms)].flatMap(([, name, text]) =>
    name === language ? [text!] : [],
  );
