// Writes src/kernels/codebook-data.ts, the tables of the IQ types, from gguf-py's source. The tables are part of the
// format and do not change; this is how they came here:
//   pip download --no-deps gguf==0.19.0 && unzip gguf-0.19.0-py3-none-any.whl gguf/quants.py
//   node scripts/codebooks.mjs gguf/quants.py
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { reportError, ScriptError, say } from "./lib/log.mjs";

const TARGET = fileURLToPath(new URL("../src/kernels/codebook-data.ts", import.meta.url));

/** Name of the class in quants.py, name here, and bytes of its packed levels. */
const TABLES = /** @type {const} */ ([
  ["IQ2_XXS", "IQ2_XXS", 512],
  ["IQ2_XS", "IQ2_XS", 1024],
  ["IQ2_S", "IQ2_S", 2048],
  ["IQ3_XXS", "IQ3_XXS", 512],
  ["IQ3_S", "IQ3_S", 1024],
  ["IQ1_S", "IQ1", 4096],
]);
const HEADER = `// Written by scripts/codebooks.mjs from gguf-py 0.19 (ggml, MIT licence): the levels of the codebooks' elements, point
// by point, 2 bits each (IQ3: 4), lowest bits of a byte first, in base64.
`;

/** @param {string} source @param {string} name @param {number} size */
function levelsOf(source, name, size) {
  const body = source.split(new RegExp(`^class ${name}\\(`, "m"))[1]?.split(/^class /m)[0] ?? "";
  const lines = /grid_hex = \(([^)]*)\)/.exec(body)?.[1] ?? "";
  const bytes = Buffer.from([...lines.matchAll(/b"([0-9a-f]+)"/g)].map(([, hex]) => hex).join(""), "hex");
  if (bytes.length === size) return bytes;
  throw new ScriptError("SourceError", "table", `${name} has ${bytes.length} bytes of levels, not ${size}.`);
}

try {
  const [path] = process.argv.slice(2);
  if (!path)
    throw new ScriptError("UsageError", "option", "node scripts/codebooks.mjs path/to/gguf/quants.py", {
      exitCode: 2,
    });
  const source = readFileSync(path, "utf8");
  const entries = TABLES.map(([from, to, size]) => {
    const lines =
      levelsOf(source, from, size)
        .toString("base64")
        .match(/.{1,100}/g) ?? [];
    return `  ${to}:\n    "${lines.join('" +\n    "')}",\n`;
  });
  writeFileSync(TARGET, `${HEADER}export const CODEBOOK_LEVELS = {\n${entries.join("")}} as const;\n`);
  say(`${TARGET}: ${TABLES.length} tables`);
} catch (error) {
  process.exitCode = reportError(error);
}
