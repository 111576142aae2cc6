// From the declarations of all sources to those that the package needs: what index.d.ts reaches, with imports that
// every resolver follows.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

const IMPORT = /((?:from|import)\s*\(?\s*)(["'])(\.[^"']+)\2/g;

/**
 * Copies `from/index.d.ts` and everything it imports to `to`, removes `from`, and adds the declaration of the worker,
 * which exports nothing.
 * @param {string} from
 * @param {string} to
 */
export function placeDeclarations(from, to) {
  /** @type {Set<string>} */
  const done = new Set();
  /** @param {string} file */
  const place = file => {
    if (done.has(file)) return;
    done.add(file);
    if (!existsSync(file))
      throw new Error(`The declarations import ${relative(from, file)}, which tsc did not write.`);
    const text = readFileSync(file, "utf8").replace(IMPORT, (_all, before, quote, specifier) => {
      place(resolve(dirname(file), specifier.replace(/\.[jt]s$/, ".d.ts")));
      return `${before}${quote}${specifier.replace(/\.ts$/, ".js")}${quote}`;
    });
    const target = join(to, relative(from, file));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text.replace(/^\/\/# sourceMappingURL=.*$/m, ""));
  };
  place(join(from, "index.d.ts"));
  writeFileSync(join(to, "worker.d.ts"), "export {};\n");
  rmSync(from, { recursive: true, force: true });
}
