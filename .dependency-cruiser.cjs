// The direction of imports: downwards only, as docs/architecture.md draws it. `npm run check` applies it.

/** Layers from top to bottom; a layer may import from those below it and from `src/errors.ts`, `src/types.ts` and `src/options.ts`. */
const LAYERS = {
  "src/index.ts": ["src/api", "src/engine", "src/generation", "src/support", "src/storage", "src/worker"],
  "src/api": ["src/engine", "src/generation", "src/origin", "src/support", "src/worker"],
  "src/engine": ["src/generation", "src/origin", "src/storage", "src/worker"],
  "src/origin": ["src/storage"],
  "src/support": ["src/gpu"],
  "src/worker": ["src/runtime", "src/tokenizer"],
  "src/runtime": ["src/model", "src/kernels", "src/gpu", "src/gguf", "src/storage", "src/tokenizer", "src/sampling"],
  "src/model": ["src/kernels", "src/gpu", "src/gguf"],
  "src/kernels": ["src/gpu", "src/gguf", "src/sampling"],
  "src/gpu": [],
  "src/gguf": [],
  "src/storage": [],
  "src/tokenizer": [],
  "src/sampling": [],
};

const escaped = path => path.replace(/[.]/g, "\\.");
const startsWith = path => `^${escaped(path)}(/|\\.|$)`;

const layerRules = Object.entries(LAYERS).map(([layer, below]) => ({
  name: `below-${layer.replace(/^src\//, "").replace(/\.ts$/, "")}`,
  comment: `${layer} may import from ${below.length > 0 ? below.join(", ") : "nothing of src"} (and errors, types, options)`,
  severity: "error",
  from: { path: startsWith(layer) },
  to: {
    path: "^src/",
    pathNot: [startsWith(layer), ...below.map(startsWith), "^src/(errors|types|options)\\.ts$"],
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
      from: { path: "^src/", pathNot: ["^src/(errors|types|options)\\.ts$", ...Object.keys(LAYERS).map(startsWith), "^src/generation\\.ts$"] },
      to: {},
    },
    {
      name: "leaves-import-no-leaf",
      comment: "errors.ts, types.ts and options.ts import nothing else",
      severity: "error",
      from: { path: "^src/(errors|types|options)\\.ts$" },
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
      to: { path: "^src/", pathNot: "^src/index\\.ts$" },
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
