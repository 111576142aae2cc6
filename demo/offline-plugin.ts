/** Vite plugin: emits the service worker of the demo with the list of the files that the build made. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Plugin } from "vite";

/** `extra` = files of the public folder that the page needs. */
export function offlinePage({ extra }: { extra: readonly string[] }): Plugin {
  return {
    name: "intab:offline-page",
    apply: "build",
    enforce: "post",
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        const built = Object.values(bundle).filter(({ fileName }) => /\.(js|css|wasm)$/.test(fileName));
        const files = ["./", ...extra, ...built.map(({ fileName }) => fileName)];
        const hash = createHash("sha256");
        // The page's own text is part of the version: a change there alone has to reach the cache too.
        for (const output of Object.values(bundle)) {
          hash.update(output.fileName).update(output.type === "asset" ? output.source : output.code);
        }
        const worker = readFileSync(new URL("./offline-worker.js", import.meta.url), "utf8")
          .replace("scope.__FILES__", JSON.stringify(files))
          .replace("scope.__VERSION__", JSON.stringify(hash.digest("hex").slice(0, 12)));
        this.emitFile({ type: "asset", fileName: "offline-worker.js", source: worker });
      },
    },
  };
}
