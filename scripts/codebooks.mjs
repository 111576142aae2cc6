// Writes src/kernels/codebook-data.ts, the tables of the IQ types, from gguf-py's source. The tables are part of the
// format and do not change; this is how they came here:
//   pip download --no-deps gguf==0.19.0 && unzip gguf-0.19.0-py3-none-any.whl gguf/quants.py
//   node scripts/codebooks.mjs gguf/quants.py
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { reportError, ScriptError, say } from "./lib/log.mjs";

const TARGET = fileURLToPath(new URL("../src/kernels/codebook-data.ts", import.meta.url));

/** Name of the class in quants.py, name here; elements of a point, levels of an element, and bits of a level there. */
const TABLES = /** @type {const} */ ([
  ["IQ2_XXS", "IQ2_XXS", { points: 256, elements: 8, levels: 3, bits: 2 }],
  ["IQ2_XS", "IQ2_XS", { points: 512, elements: 8, levels: 3, bits: 2 }],
  ["IQ2_S", "IQ2_S", { points: 1024, elements: 8, levels: 3, bits: 2 }],
  ["IQ3_XXS", "IQ3_XXS", { points: 256, elements: 4, levels: 8, bits: 4 }],
  ["IQ3_S", "IQ3_S", { points: 512, elements: 4, levels: 8, bits: 4 }],
  ["IQ1_S", "IQ1", { points: 2048, elements: 8, levels: 3, bits: 2 }],
]);
const HEADER = `// Written by scripts/codebooks.mjs from gguf-py 0.19 (ggml, MIT licence). A point is a number: its elements' levels are
// the digits, the first element's the lowest. Points ascend; each character is the gap to the one before, from "(" = 0 on.
`;
const FIRST_CHARACTER = 40;

/** @param {string} source @param {string} name @param {number} size */
function levelsOf(source, name, size) {
  const body = source.split(new RegExp(`^class ${name}\\(`, "m"))[1]?.split(/^class /m)[0] ?? "";
  const lines = /grid_hex = \(([^)]*)\)/.exec(body)?.[1] ?? "";
  const bytes = Buffer.from([...lines.matchAll(/b"([0-9a-f]+)"/g)].map(([, hex]) => hex).join(""), "hex");
  if (bytes.length === size) return bytes;
  throw new ScriptError("SourceError", "table", `${name} has ${bytes.length} bytes of levels, not ${size}.`);
}

/** @param {Buffer} bytes @param {{ points: number, elements: number, levels: number, bits: number }} shape */
function gapsOf(bytes, { points, elements, levels, bits }) {
  const perByte = 8 / bits;
  let text = "";
  let before = -1;
  for (let point = 0; point < points; point++) {
    let number = 0;
    for (let element = elements - 1; element >= 0; element--) {
      const at = point * elements + element;
      const byte = bytes[Math.floor(at / perByte)] ?? 0;
      number = number * levels + ((byte >> ((at % perByte) * bits)) & (2 ** bits - 1));
    }
    if (number <= before) throw new ScriptError("SourceError", "table", `Point ${point} does not ascend.`);
    text += String.fromCharCode(FIRST_CHARACTER + number - before);
    before = number;
  }
  return text;
}

try {
  const [path] = process.argv.slice(2);
  if (!path)
    throw new ScriptError("UsageError", "option", "node scripts/codebooks.mjs path/to/gguf/quants.py", {
      exitCode: 2,
    });
  const source = readFileSync(path, "utf8");
  const entries = TABLES.map(([from, to, shape]) => {
    const bytes = levelsOf(source, from, (shape.points * shape.elements * shape.bits) / 8);
    const lines = gapsOf(bytes, shape).match(/.{1,90}/gsu) ?? [];
    return `  ${to}:\n    ${lines.map(line => JSON.stringify(line)).join(" +\n    ")},\n`;
  });
  writeFileSync(TARGET, `${HEADER}export const CODEBOOK_GAPS = {\n${entries.join("")}} as const;\n`);
  say(`${TARGET}: ${TABLES.length} tables`);
} catch (error) {
  process.exitCode = reportError(error);
}
