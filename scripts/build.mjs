// npm run build: dist/lib (the package) and dist/demo (the app), each only if its sources have changed.
//   node scripts/build.mjs [lib] [demo]
import { ensureBuilt } from "./lib/build.mjs";
import { reportError, ScriptError, say } from "./lib/log.mjs";

try {
  const wanted = process.argv.slice(2);
  for (const part of wanted.length > 0 ? wanted : ["lib", "demo"]) {
    if (part !== "lib" && part !== "demo")
      throw new ScriptError("UsageError", "option", `There is no part ${part}: lib, demo.`, { exitCode: 2 });
    say(`dist/${part}: ${await ensureBuilt(part)}`);
  }
} catch (error) {
  process.exitCode = reportError(error);
}
