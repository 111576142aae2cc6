// From the declarations of all sources to those that the package needs: what its entries reach, with imports that
// every resolver follows.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

const IMPORT = /((?:from|import)\s*\(?\s*)(["'])(\.[^"']+)\2/g;

/** One import statement with names in braces, as tsc writes them. */
const NAMED_IMPORT = /^import (type )?\{ ([^}]*) \} from (["'][^"']+["']);\n/gm;

/**
 * tsc leaves the imports of what `@internal` took out.
 * @param {string} text
 */
function withoutUnusedImports(text) {
  const body = text.replace(NAMED_IMPORT, "");
  return text.replace(NAMED_IMPORT, (_all, type = "", names, source) => {
    const used = names.split(", ").filter((/** @type {string} */ name) => {
      const local = name.replace(/^type /, "").replace(/^.* as /, "");
      return new RegExp(`(?<![\\w$])${local}(?![\\w$])`).test(body);
    });
    return used.length > 0 ? `import ${type}{ ${used.join(", ")} } from ${source};\n` : "";
  });
}

/**
 * Copies the entries of `from` and everything that they import to `to`, removes `from`, and adds the declaration of the worker,
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
    const text = withoutUnusedImports(readFileSync(file, "utf8")).replace(
      IMPORT,
      (_all, before, quote, specifier) => {
        place(resolve(dirname(file), specifier.replace(/\.[jt]s$/, ".d.ts")));
        return `${before}${quote}${specifier.replace(/\.ts$/, ".js")}${quote}`;
      },
    );
    const target = join(to, relative(from, file));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text.replace(/^\/\/# sourceMappingURL=.*$/m, ""));
  };
  for (const entry of ["index.d.ts", "openai.d.ts"]) place(join(from, entry));
  writeFileSync(join(to, "worker.d.ts"), "export {};\n");
  rmSync(from, { recursive: true, force: true });
}
