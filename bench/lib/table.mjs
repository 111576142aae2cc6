// Columns of text.

/**
 * @param {readonly (readonly string[])[]} rows
 * @param {string} [align] one letter a column: l or r; l for those not named
 * @returns {string}
 */
export function table(rows, align = "") {
  /** @type {number[]} */
  const widths = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      if (column < row.length - 1 || align[column] === "r")
        widths[column] = Math.max(widths[column] ?? 0, cell.length);
    }
  }
  return rows
    .map(row =>
      row
        .map((cell, column) =>
          align[column] === "r" ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
