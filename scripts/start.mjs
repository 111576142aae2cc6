// npm start: builds the demo if needed and serves it on a local port. PORT or --port N chooses the port.
import { ensureBuilt } from "./lib/build.mjs";
import { reportError, ScriptError, say } from "./lib/log.mjs";
import { ensureSmollm2, SMOLLM2 } from "./lib/model.mjs";
import { serve } from "./lib/server.mjs";

const DEFAULT_PORT = 5180;

/** @returns {number | undefined} the port asked for */
function wantedPort() {
  const index = process.argv.indexOf("--port");
  const text = index >= 0 ? (process.argv[index + 1] ?? "") : process.env.PORT;
  if (text === undefined || text === "") return undefined;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new ScriptError(
      "UsageError",
      "option",
      `The port is "${text}"; it must be a number from 0 to 65535.`,
      { exitCode: 2 },
    );
  }
  return port;
}

/** One fetch for all requests; a failed one may be tried again. @type {Promise<string> | undefined} */
let smollm2;
const smollm2File = () => {
  smollm2 ??= ensureSmollm2();
  return smollm2.catch(error => {
    smollm2 = undefined;
    reportError(error);
    return undefined;
  });
};

try {
  const root = await ensureBuilt("demo");
  // SmolLM2 under this origin, fetched when first asked for: the demo works where the Hub cannot be reached
  const files = { [`/models/${SMOLLM2.file}`]: smollm2File };
  const port = wantedPort();
  const server = await serve({ root, port: port ?? DEFAULT_PORT, files }).catch(error => {
    if (error.code !== "EADDRINUSE") throw error;
    if (port === undefined) return serve({ root, port: 0, files });
    throw new ScriptError(
      "ServerError",
      "port-in-use",
      `Port ${port} is in use. Choose another: npm start -- --port 0`,
    );
  });
  console.log(`The demo is at ${server.url}/`);
  say("Ctrl-C ends it.");
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) {
    process.once(signal, () => {
      void server.close().then(() => process.exit(0));
    });
  }
} catch (error) {
  process.exitCode = reportError(error);
}
