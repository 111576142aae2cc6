// Writes a GGUF file of a real shape with random weights: node bench/generate.mjs --help
import { statSync } from "node:fs";
import { parseArgs } from "node:util";
import { reportError, say } from "../scripts/lib/log.mjs";
import { cacheFolder } from "../scripts/lib/model.mjs";
import { findShape, findType, syntheticFolder } from "./lib/options.mjs";
import { SHAPES } from "./synthetic/shapes.mjs";
import { FILE_TYPES } from "./synthetic/types.mjs";
import { ensureModel } from "./synthetic/write.mjs";

const HELP = `Usage: node bench/generate.mjs --shape NAME [--type T] [--seed N] [--out FOLDER]

Writes a GGUF file with the shape, tensor types and tokenizer size of a real model and random weights, for measuring. Its
path goes to stdout. The same seed gives the same bytes on every machine. A file that is there already is kept.

  --shape NAME   ${SHAPES.map(({ name }) => name).join(", ")}
  --type T       ${Object.keys(FILE_TYPES).join(", ")}
                 (default: Q4_0). Q4_K_M is llama.cpp's mixture of Q4_K and Q6_K; the others have every matrix in that
                 type, the embedding too, as llama-quantize --pure writes them. Rows that are no multiple of 256 take
                 Q5_0 for Q4_K and Q8_0 for Q6_K, as in llama.cpp.
  --seed N       default: 1
  --out FOLDER   default: the folder synthetic in $XDG_CACHE_HOME/intab or ~/.cache/intab`;

try {
  const { values } = parseArgs({
    options: {
      shape: { type: "string" },
      type: { type: "string", default: "Q4_0" },
      seed: { type: "string", default: "1" },
      out: { type: "string", default: syntheticFolder(cacheFolder()) },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help || !values.shape) console.log(HELP);
  else {
    const path = ensureModel(values.out, findShape(values.shape), findType(values.type), {
      seed: Number(values.seed),
      onWrite: file => say(`Writing ${file}`),
    });
    say(`${statSync(path).size} bytes`);
    console.log(path);
  }
} catch (error) {
  process.exitCode = reportError(error);
}
