/** Speeds of a report as bars: prefill and decode each on a scale of its own, with the range of the runs. */
import { format } from "../../bench/lib/metrics.mjs";
import type { Report } from "../../bench/lib/report.d.mts";
import { median } from "../../bench/lib/statistics.mjs";
import { h } from "../dom.ts";

interface Bar {
  label: string;
  /** Tokens per second of single runs. */
  runs: readonly number[];
}

/** In units of the drawing, which is scaled to the width of the page. */
const WIDTH = 600;
const ROW = 34;
const HEIGHT = 14;

export function speedChart({ prefill, decode }: Report): HTMLElement {
  return h(
    "div",
    { class: "bench-charts", "data-testid": "chart" },
    chart(
      "Reading a prompt",
      prefill.map(({ tokens, tokensPerSecond }) => ({ label: `${tokens} tokens`, runs: tokensPerSecond })),
    ),
    chart(
      "Writing an answer",
      decode.map(({ context, tokensPerSecond }) => ({
        label: context === 0 ? "at the beginning" : `after ${context} tokens`,
        runs: tokensPerSecond,
      })),
    ),
  );
}

function chart(title: string, bars: readonly Bar[]): HTMLElement | null {
  if (bars.length === 0) return null;
  const largest = Math.max(...bars.flatMap(({ runs }) => runs));
  const words = bars.map(({ label, runs }) => `${label}: ${format(median([...runs]), "tok/s")}`).join("; ");
  const drawing = svg("svg", {
    viewBox: `0 0 ${WIDTH} ${bars.length * ROW}`,
    role: "img",
    "aria-label": `${title}, ${words}`,
  });
  for (const [index, bar] of bars.entries()) drawing.append(...drawBar(bar, index * ROW, largest));
  return h("figure", { class: "bench-chart" }, h("figcaption", {}, `${title}, tokens a second`), drawing);
}

function drawBar({ label, runs }: Bar, top: number, largest: number): SVGElement[] {
  const scale = (value: number): number => (largest > 0 ? (value / largest) * WIDTH : 0);
  const middle = median([...runs]);
  const [least, most] = [scale(Math.min(...runs)), scale(Math.max(...runs))];
  const centre = top + 18 + HEIGHT / 2;
  return [
    svg("text", { x: 0, y: top + 12 }, label),
    svg("text", { x: WIDTH, y: top + 12, "text-anchor": "end", class: "value" }, format(middle, "tok/s")),
    svg("rect", { x: 0, y: top + 18, width: WIDTH, height: HEIGHT, rx: 4, class: "track" }),
    svg("rect", {
      x: 0,
      y: top + 18,
      width: Math.max(2, scale(middle)),
      height: HEIGHT,
      rx: 4,
      class: "bar",
    }),
    svg("path", {
      d: `M${least} ${centre}H${most}M${least} ${centre - 4}v8M${most} ${centre - 4}v8`,
      class: "range",
    }),
  ];
}

function svg(tag: string, attributes: Readonly<Record<string, string | number>>, text = ""): SVGElement {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag) as SVGElement;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.textContent = text;
  return element;
}
