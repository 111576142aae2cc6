/**
 * WGSL files and their composition. `#import name` in a shader is replaced by `shaders/shared/name.wgsl`, once; a
 * variant may say which file stands for a name, so that text differs by import and numbers by `override`.
 * `enable` and `diagnostic` lines of all parts move to the top, where WGSL wants them.
 */

const files = import.meta.glob<string>("../../shaders/**/*.wgsl", {
  query: "?raw",
  import: "default",
  eager: true,
});

const sources = new Map(
  Object.entries(files).map(([path, text]) => [
    path.replace(/^.*?shaders\//, "").replace(/\.wgsl$/, ""),
    text,
  ]),
);

/** Which file in `shaders/shared/` stands for an import name, such as `{ real: "real-f16" }`. */
export type ShaderImports = Readonly<Record<string, string>>;

/**
 * @param name file in `shaders/` without `.wgsl`
 * @throws Error if a file is missing: a fault of this package, not of the caller
 */
export function composeShader(name: string, imports: ShaderImports = {}): string {
  const directives = new Set<string>();
  const done = new Set<string>();
  const expand = (file: string): string => {
    const text = sources.get(file);
    if (text === undefined) throw new Error(`No shader file ${file}.wgsl`);
    return text
      .split("\n")
      .map(line => {
        const directive = /^\s*(?:enable|diagnostic|requires)\b.*;/.exec(line);
        if (directive) {
          directives.add(directive[0].trim());
          return "";
        }
        const wanted = /^\s*#import\s+([\w-]+)/.exec(line)?.[1];
        if (!wanted) return line;
        const target = `shared/${imports[wanted] ?? wanted}`;
        if (done.has(target)) return "";
        done.add(target);
        return expand(target);
      })
      .join("\n");
  };
  const body = expand(name);
  return [...directives, body].join("\n");
}
