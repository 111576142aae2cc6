// The profile as a picture: one bar per kernel, in SVG that needs nothing else.

const safe = (/** @type {string} */ text) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

const ROW = 22;
const LABEL = 330;
const BAR = 420;

/**
 * @param {string} title
 * @param {readonly import("intab").ProfileResult[]} profiles
 * @returns {string}
 */
export function profileChart(title, profiles) {
  const parts = [`<text class="title" x="16" y="28">${safe(title)}</text>`];
  let y = 56;
  for (const { phase, context, rows, kernels, wholeMicroseconds } of profiles) {
    const sum = kernels.reduce((total, { microseconds }) => total + microseconds, 0);
    const largest = Math.max(...kernels.map(({ microseconds }) => microseconds));
    const what =
      phase === "decode" ? `one token at context ${context}` : `${rows} rows at context ${context}`;
    const times = `${(sum / 1000).toFixed(3)} ms in kernels timed alone, ${(wholeMicroseconds / 1000).toFixed(3)} ms in order`;
    parts.push(`<text class="head" x="16" y="${y}">${safe(`${phase}: ${what}; ${times}`)}</text>`);
    y += 12;
    for (const { label, dispatches, microseconds } of [...kernels].sort(
      (a, b) => b.microseconds - a.microseconds,
    )) {
      const width = Math.max(1, (BAR * microseconds) / largest);
      const share = ((100 * microseconds) / sum).toFixed(1);
      const text = `${microseconds.toFixed(1)} us, ${share} %`;
      parts.push(
        `<text x="${LABEL}" y="${y + 15}" text-anchor="end">${safe(label)} <tspan class="count">x ${dispatches}</tspan></text>`,
        `<rect class="${phase}" x="${LABEL + 10}" y="${y + 3}" width="${width.toFixed(1)}" height="${ROW - 6}" rx="2"/>`,
        `<text x="${(LABEL + 16 + width).toFixed(1)}" y="${y + 15}">${text}</text>`,
      );
      y += ROW;
    }
    y += 32;
  }
  const [width, height] = [LABEL + BAR + 160, y];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>GPU time by kernel</title>
<style>
  rect.page { fill: #fcfcfb } text { font: 12px ui-sans-serif, system-ui, sans-serif; fill: #1b1d1b }
  .title { font-size: 16px; font-weight: 600 } .head { font-weight: 600 } .count { fill: #5c625d }
  .decode { fill: #0f6b57 } .prefill { fill: #a8781b }
</style>
<rect class="page" width="${width}" height="${height}"/>
${parts.join("\n")}
</svg>
`;
}
