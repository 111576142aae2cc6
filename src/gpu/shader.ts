/**
 * WGSL files and their composition. `#import name` in a shader is replaced by `shaders/shared/name.wgsl`, once
 * (`#insert name`: every time, for statements that are needed twice and can be no function); a
 * variant may say which file stands for a name, so that text differs by import and numbers by `override`.
 * `enable` and `diagnostic` lines of all parts move to the top, where WGSL wants them.
 *
 * Lines from `#repeat i COUNT` to `#end` are written out COUNT times, in braces, with 0u, 1u, ... for `i`; COUNT is one of the
 * kernel's sizes. Compilers keep an array in registers only where its indices are constants, and few unroll loops that far.
 * `name#i` becomes `name_0`, `name_1`, ...: a variable for each. `#repeat i COUNT open` has no braces, to declare these.
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

/**
 * The text of one file, for what the CPU reads from it.
 * @param name file in `shaders/` without `.wgsl`
 * @throws Error if it is missing: a fault of this package
 */
export function shaderFile(name: string): string {
  const text = sources.get(name);
  if (text === undefined) throw new Error(`No shader file ${name}.wgsl`);
  return text;
}

/** All of it, to tell one version of the kernels from another. */
export const allShaders = (): string => [...sources.values()].join("");

/** Which file in `shaders/shared/` stands for an import name, such as `{ real: "real-f16" }`. */
export type ShaderImports = Readonly<Record<string, string>>;

/** Numbers that the text itself depends on, such as how often lines are repeated. Each is a `const` of the shader. */
export type ShaderSizes = Readonly<Record<string, number>>;

/**
 * @param name file in `shaders/` without `.wgsl`
 * @throws Error if a file is missing: a fault of this package, not of the caller
 */
export function composeShader(name: string, imports: ShaderImports = {}, sizes: ShaderSizes = {}): string {
  const directives = new Set<string>();
  const done = new Set<string>();
  const expand = (file: string): string => {
    return shaderFile(file)
      .split("\n")
      .map(line => {
        const directive = /^\s*(?:enable|diagnostic|requires)\b.*;/.exec(line);
        if (directive) {
          directives.add(directive[0].trim());
          return "";
        }
        const [, how, wanted] = /^\s*#(import|insert)\s+([\w-]+)/.exec(line) ?? [];
        if (!wanted) return line;
        const target = `shared/${imports[wanted] ?? wanted}`;
        if (how === "import" && done.has(target)) return "";
        done.add(target);
        return expand(target);
      })
      .join("\n");
  };
  const body = writeOut(expand(name).split("\n"), sizes);
  const constants = Object.entries(sizes).map(([size, value]) => `const ${size} = ${value}u;`);
  return [...directives, ...constants, body].join("\n");
}

function writeOut(lines: readonly string[], sizes: ShaderSizes): string {
  const written: string[] = [];
  for (let at = 0; at < lines.length; at++) {
    const [, index, size, open] = /^\s*#repeat\s+(\w+)\s+(\w+)(\s+open\b)?/.exec(lines[at]!) ?? [];
    if (!index || !size) {
      written.push(lines[at]!);
      continue;
    }
    const count = sizes[size];
    if (count === undefined) throw new Error(`#repeat ${index} ${size}: no such size`);
    const end = endOf(lines, at);
    const body = lines.slice(at + 1, end);
    const name = new RegExp(`(#?)\\b${index}\\b`, "g");
    for (let i = 0; i < count; i++) {
      const repeated = body.map(line => line.replace(name, (_, mark) => (mark ? `_${i}` : `${i}u`)));
      const text = writeOut(repeated, sizes);
      written.push(open ? text : `{\n${text}\n}`);
    }
    at = end;
  }
  return written.join("\n");
}

function endOf(lines: readonly string[], start: number): number {
  let depth = 0;
  for (let at = start; at < lines.length; at++) {
    if (/^\s*#repeat\b/.test(lines[at]!)) depth++;
    else if (/^\s*#end\b/.test(lines[at]!) && --depth === 0) return at;
  }
  throw new Error(`${lines[start]!.trim()}: no #end`);
}
