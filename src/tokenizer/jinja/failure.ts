/** How a template fails, and what stops one that would not end. */

/** A failure of the template, under the name of Python's exception. */
export class TemplateFailure extends Error {
  override name: string;
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

export const typeError = (message: string): TemplateFailure => new TemplateFailure("TypeError", message);
export const valueError = (message: string): TemplateFailure => new TemplateFailure("ValueError", message);

/**
 * A step is a node of the tree that is run, or as much work elsewhere: some 100 ns. All of them take less than a second.
 */
const MAX_STEPS = 3_000_000;
/** Longest text in UTF-16 units: 200,000 tokens are less than 1.5 million. */
const MAX_TEXT = 8_000_000;
const MAX_LIST = 2_000_000;

/**
 * Of the rendering that is going on. One for all: a rendering is synchronous, and every comparison and every copy of a
 * text would have to hand it on otherwise.
 */
let stepsLeft = 0;

/** Runs with a full budget. @throws TemplateFailure TemplateLimitError, RecursionError */
export function withBudget<T>(run: () => T): T {
  const outer = stepsLeft;
  stepsLeft = MAX_STEPS;
  try {
    return run();
  } catch (error) {
    // V8 and JavaScriptCore say "Maximum call stack size exceeded", Firefox "too much recursion"
    if (error instanceof Error && /call stack|too much recursion/.test(error.message)) {
      throw new TemplateFailure("RecursionError", "maximum recursion depth exceeded");
    }
    throw error;
  } finally {
    stepsLeft = outer;
  }
}

const limit = (what: string): TemplateFailure =>
  new TemplateFailure("TemplateLimitError", `the template was stopped: ${what}`);

export function spend(steps: number): void {
  stepsLeft -= steps;
  if (stepsLeft < 0) throw limit(`it took more than ${MAX_STEPS} steps`);
}

/** Before a text of that length is made or searched. */
export function spendText(length: number): void {
  if (length > MAX_TEXT) throw limit(`it made a text of more than ${MAX_TEXT} characters`);
  spend(length / 16);
}

/** Before text is put behind text: the engine does not copy yet, so that growing a text costs what is added. */
export function spendGrowth(before: number, added: number): void {
  if (before + added > MAX_TEXT) spendText(before + added);
  spend(1 + Math.min(before, added) / 16);
}

/** Before a list of that length is made. */
export function spendList(length: number): void {
  if (length > MAX_LIST) throw limit(`it made a list of more than ${MAX_LIST} items`);
  spend(length / 4);
}

/** Whole numbers beyond 2^53: their length in bits, the square of which multiplication takes. */
export function spendBits(bits: number): void {
  if (bits > 100_000) throw limit("it made a number of more than 100000 bits");
  spend((bits / 512) ** 2);
}
