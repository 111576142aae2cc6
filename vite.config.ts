// Six builds from one file: `vite` (dev) and `vite build --mode demo` make the app, `--mode library`, `--mode worker`,
// `--mode embedded` and `--mode openai` the four files of the npm package. scripts/build.mjs runs them and puts the results in place.
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin, type UserConfig } from "vite";
import { commit } from "./scripts/lib/commit.mjs";
import { thirdPartyLicenses } from "./scripts/lib/licenses.mjs";
import { minifyWgsl } from "./scripts/lib/wgsl.mjs";
import { shortNamesIn } from "./scripts/lib/wgsl-names.mjs";

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

/** What `src/page/start-worker.ts` says of the worker, and what the package says instead. */
const LEFT_TO_BUNDLERS = [
  {
    source: /new URL\(\s*["']\.[\w./-]*worker\.ts["']\s*,\s*import\.meta\.url\s*,?\s*\)/,
    placeholder: "__INTAB_WORKER_URL__",
    published: `new URL("./intab-worker.js", import.meta.url)`,
  },
  { source: /import\.meta\.env\?\.PROD/, placeholder: "__INTAB_VITE__", published: "import.meta.env?.PROD" },
  {
    source: /import\([^()]*["']\.[\w./-]*embedded\.ts["']\s*\)/,
    placeholder: "__INTAB_EMBEDDED__",
    published: `import(/* webpackIgnore: true */ "./embedded.js")`,
  },
];
const STARTED_WORKER = /new Worker\(__INTAB_WORKER_URL__,\s*(\{[^{}]*\})\)/;

/** Comments, indentation and long names leave the shaders that are shipped. */
function shaders(): Plugin {
  const names = shortNamesIn(path("shaders"), path("src"));
  return {
    name: "intab:shaders",
    apply: "build",
    enforce: "pre",
    transform: {
      filter: { id: /\.wgsl\?raw$/ },
      handler(code) {
        const match = /^export default (".*")[;\s]*$/s.exec(code);
        const source = match ? (JSON.parse(match[1]!) as string) : code;
        return {
          code: `export default ${JSON.stringify(minifyWgsl(source, names))}`,
          moduleType: "js",
          map: null,
        };
      },
    },
  };
}

/** Leaves the ways to the worker to the bundler of whoever uses the package: no step of this build acts on them. */
function workerStaysApart(): Plugin {
  return {
    name: "intab:worker-stays-apart",
    enforce: "pre",
    transform: {
      filter: { id: /src\/page\/start-worker\.ts$/ },
      handler(code) {
        for (const { source, placeholder } of LEFT_TO_BUNDLERS) {
          if (!source.test(code)) this.error(`src/page/start-worker.ts has nothing like ${source}`);
          code = code.replace(source, placeholder);
        }
        return { code, map: null };
      },
    },
    generateBundle(_options, bundle) {
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== "chunk") continue;
        if (!STARTED_WORKER.test(chunk.code))
          this.error('The worker must be started by: new Worker(new URL("...", import.meta.url), { ... })');
        // the literal that Vite, webpack and browsers all understand
        chunk.code = chunk.code.replace(
          STARTED_WORKER,
          (_all, options) => `new Worker(__INTAB_WORKER_URL__, ${options.replaceAll("`", '"')})`,
        );
        for (const { placeholder, published } of LEFT_TO_BUNDLERS)
          chunk.code = chunk.code.replace(placeholder, () => published);
      }
    },
  };
}

/** The worker once more: what maps its lines lies beside the worker's own file. */
const EMBEDDED = "embedded.js";

/** One self-contained file of the package: see docs/dependencies.md for why nothing stays outside. */
function packageFile(entry: string, fileName: string, plugins: Plugin[]): UserConfig {
  return {
    publicDir: false,
    plugins: [
      shaders(),
      ...plugins,
      thirdPartyLicenses({ root: path("."), file: `${fileName}.licenses.txt` }),
    ],
    worker: { format: "es", plugins: () => [shaders()], rolldownOptions: { output: { minify: true } } },
    build: {
      target: "es2022",
      minify: true,
      sourcemap: fileName !== EMBEDDED,
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
  if (mode === "worker") return packageFile("src/worker/worker.ts", "intab-worker.js", []);
  if (mode === "openai") return packageFile("src/openai.ts", "openai.js", []);
  if (mode === "embedded") return packageFile("src/worker/embedded.ts", EMBEDDED, []);
  return demo;
});
