// Four builds from one file: `vite` (dev) and `vite build --mode demo` make the app, `--mode library` and
// `--mode worker` the two files of the npm package. scripts/build.mjs runs them and puts the results in place.
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin, type UserConfig } from "vite";
import { commit } from "./scripts/lib/commit.mjs";
import { thirdPartyLicenses } from "./scripts/lib/licenses.mjs";
import { minifyWgsl } from "./scripts/lib/wgsl.mjs";

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

/** The worker's source, and how `src/worker/start.ts` names it. */
const WORKER_ENTRY = "src/worker/worker.ts";
const WORKER_URL = /new URL\(\s*["']\.[\w./-]*worker\.ts["']\s*,\s*import\.meta\.url\s*,?\s*\)/;
/** Stands for the worker's URL while the library is built, so that no bundler step acts on it. */
const PLACEHOLDER = "__INTAB_WORKER_URL__";
const STARTED_WORKER = new RegExp(`new Worker\\(${PLACEHOLDER},\\s*(\\{[^{}]*\\})\\)`);

/** Comments and indentation leave the shaders that are shipped. */
function shaders(): Plugin {
  return {
    name: "intab:shaders",
    apply: "build",
    enforce: "pre",
    transform: {
      filter: { id: /\.wgsl\?raw$/ },
      handler(code) {
        const match = /^export default (".*")[;\s]*$/s.exec(code);
        const source = match ? (JSON.parse(match[1]!) as string) : code;
        return { code: `export default ${JSON.stringify(minifyWgsl(source))}`, moduleType: "js", map: null };
      },
    },
  };
}

/** Leaves `new Worker(new URL("./worker.js", import.meta.url))` to the bundler of whoever uses the package. */
function workerStaysApart(): Plugin {
  let found = 0;
  return {
    name: "intab:worker-stays-apart",
    enforce: "pre",
    transform: {
      filter: { code: WORKER_URL },
      handler(code) {
        found++;
        return { code: code.replace(WORKER_URL, PLACEHOLDER), map: null };
      },
    },
    generateBundle(_options, bundle) {
      if (found !== 1)
        this.error(`The worker's URL must appear in exactly one module; it appears in ${found}.`);
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== "chunk") continue;
        const options = STARTED_WORKER.exec(chunk.code)?.[1];
        if (!options)
          this.error('The worker must be started by: new Worker(new URL("...", import.meta.url), { ... })');
        // the literal that Vite, webpack and browsers all understand
        const published = `new Worker(new URL("./worker.js", import.meta.url), ${options.replaceAll("`", '"')})`;
        chunk.code = chunk.code.replace(STARTED_WORKER, published);
      }
    },
  };
}

/** One self-contained file of the package: see docs/dependencies.md for why nothing stays outside. */
function packageFile(entry: string, fileName: string, plugins: Plugin[]): UserConfig {
  return {
    publicDir: false,
    plugins: [
      shaders(),
      ...plugins,
      thirdPartyLicenses({ root: path("."), file: `${fileName}.licenses.txt` }),
    ],
    build: {
      target: "es2022",
      minify: true,
      sourcemap: true,
      reportCompressedSize: false,
      lib: { entry: path(entry), formats: ["es"], fileName: () => fileName },
      // Vite leaves the white space of libraries in place; here nothing after it would take it out
      rolldownOptions: { output: { codeSplitting: false, minify: true } },
    },
  };
}

const demoPages = readdirSync(path("demo"))
  .filter(name => name.endsWith(".html"))
  .map(name => path(`demo/${name}`));

const demo: UserConfig = {
  root: path("demo"),
  base: "./",
  publicDir: path("public"),
  plugins: [shaders(), thirdPartyLicenses({ root: path("."), file: "licenses.txt" })],
  // the benchmark's page says it in its reports
  define: { __INTAB_COMMIT__: JSON.stringify(commit() ?? null) },
  resolve: { alias: { intab: path("src/index.ts") } },
  worker: { format: "es", plugins: () => [shaders()] },
  server: { fs: { allow: [path(".")] } },
  build: {
    target: "es2022",
    outDir: path("dist/demo"),
    emptyOutDir: true,
    reportCompressedSize: false,
    rolldownOptions: { input: demoPages },
  },
};

export default defineConfig(({ mode }) => {
  if (mode === "library") return packageFile("src/index.ts", "index.js", [workerStaysApart()]);
  if (mode === "worker") return packageFile(WORKER_ENTRY, "worker.js", []);
  return demo;
});
