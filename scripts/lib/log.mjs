// What the scripts say to a person goes to stderr; stdout belongs to results.

/** @param {string} message */
export function say(message) {
  process.stderr.write(`${message}\n`);
}

/** A failure that a script names: what happened and what to do next, printed without a stack. */
export class ScriptError extends Error {
  /**
   * @param {string} name such as "UsageError"
   * @param {string} code stable, machine-readable, such as "option"
   * @param {string} message
   * @param {{ exitCode?: number, cause?: unknown }} [options]
   */
  constructor(name, code, message, { exitCode = 1, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = name;
    this.code = code;
    this.exitCode = exitCode;
  }
}

/**
 * Prints an error and says with which status to exit: named errors as one line, anything else with its stack, since
 * that is a fault of these scripts.
 * @param {unknown} error
 * @returns {number}
 */
export function reportError(error) {
  if (error instanceof ScriptError) {
    say(`${error.name} [${error.code}]: ${error.message}`);
    if (error.cause instanceof Error)
      say(`  caused by ${error.cause.name}: ${error.cause.message.split("\n")[0]}`);
    return error.exitCode;
  }
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return 1;
}

/**
 * The message of anything thrown.
 * @param {unknown} error
 */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}
