// The direction of imports: downwards only, as docs/architecture.md draws it. `npm run check` applies it.

/** Layers from top to bottom; a layer may import from those below it and from `src/errors.ts`, `src/types.ts`, `src/options.ts` and `src/abort.ts`. */
const LAYERS = {
  "src/index.ts": ["src/api", "src/page", "src/storage", "src/boundary"],
  "src/openai.ts": ["src/api"],
  "src/api": ["src/page", "src/boundary", "src/tools"],
  "src/page": ["src/boundary", "src/storage", "src/gpu/device", "src/worker/embedded"],
  "src/worker": ["src/boundary", "src/load", "src/engine", "src/storage", "src/tokenizer"],
  "src/load": ["src/boundary", "src/engine", "src/model", "src/kernels", "src/gpu", "src/gguf", "src/storage", "src/tokenizer", "src/sampling"],
  "src/engine": ["src/boundary", "src/model", "src/kernels", "src/gpu", "src/tokenizer", "src/sampling"],
  "src/boundary": ["src/storage/stream-source"],
  "src/model": ["src/kernels", "src/gpu", "src/gguf"],
  "src/kernels": ["src/gpu", "src/gguf", "src/sampling"],
  "src/gpu": [],
  "src/gguf": [],
  "src/storage": [],
  "src/tokenizer": ["src/gguf/fields"],
  "src/sampling": [],
  "src/tools": [],
};

const escaped = path => path.replace(/[.]/g, "\\.");
const startsWith = path => `^${escaped(path)}(/|\\.|$)`;

const layerRules = Object.entries(LAYERS).map(([layer, below]) => ({
  name: `below-${layer.replace(/^src\//, "").replace(/\.ts$/, "")}`,
  comment: `${layer} may import from ${below.length > 0 ? below.join(", ") : "nothing of src"} (and errors, types, options, abort)`,
  severity: "error",
  from: { path: startsWith(layer) },
  to: {
    path: "^src/",
    pathNot: [startsWith(layer), ...below.map(startsWith), "^src/(errors|types|options|abort)\\.ts$"],
  },
}));

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    { name: "no-circles", severity: "error", from: {}, to: { circular: true } },
    {
      name: "resolvable",
      comment: "every import names something that exists",
      severity: "error",
      from: {},
      to: { couldNotResolve: true, pathNot: ["\\?(raw|url|worker)$", "^(virtual|vite)/"] },
    },
    ...layerRules,
    {
      name: "every-file-has-a-layer",
      comment: "a new folder of src needs its place in LAYERS",
      severity: "error",
      from: { path: "^src/", pathNot: ["^src/(errors|types|options|abort)\\.ts$", ...Object.keys(LAYERS).map(startsWith)] },
      to: {},
    },
    {
      name: "leaves-import-no-leaf",
      comment: "errors.ts, types.ts, options.ts and abort.ts import nothing else",
      severity: "error",
      from: { path: "^src/(errors|types|options|abort)\\.ts$" },
      to: { path: "^src/", pathNot: "^src/(errors|types)\\.ts$" },
    },
    {
      name: "src-imports-only-src",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "^(demo|e2e|tests|bench|scripts)/" },
    },
    {
      name: "users-by-name",
      comment: "demo, e2e and bench import the package by its name",
      severity: "error",
      from: { path: "^(demo|e2e|bench)/" },
      to: { path: "^src/", pathNot: "^src/(index|openai)\\.ts$" },
    },
    {
      name: "runtime-packages",
      comment: "what ends up in the published files is agreed on in docs/dependencies.md",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "node_modules", pathNot: "node_modules/(comlink|idb-keyval)/" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "types", "default"] },
  },
};
