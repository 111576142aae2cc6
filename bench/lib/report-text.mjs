// A report as JSON that a person can read too.

/**
 * Indented, but lists of numbers in one line each: there are thousands of frames.
 * @param {import("./report.d.mts").Report} report
 */
export function reportText(report) {
  const text = JSON.stringify(report, null, 2);
  // strings in JSON hold no line breaks, so this matches in none
  const lists = /\[\n\s+([-+.\deE,\s]+?)\n\s*\]/g;
  return `${text.replace(lists, (_, numbers) => `[${numbers.replace(/\s+/g, " ")}]`)}\n`;
}
