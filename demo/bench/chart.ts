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

/** Pixels. Widths are percentages, so that the letters keep their size on every screen. */
const ROW = 40;
const HEIGHT = 12;

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
    width: "100%",
    height: bars.length * ROW,
    role: "img",
    "aria-label": `${title}, ${words}`,
  });
  for (const [index, bar] of bars.entries()) drawing.append(...drawBar(bar, index * ROW, largest));
  return h("figure", { class: "bench-chart" }, h("figcaption", {}, `${title}, tokens a second`), drawing);
}

function drawBar({ label, runs }: Bar, top: number, largest: number): SVGElement[] {
  const share = (value: number): string => `${largest > 0 ? (100 * value) / largest : 0}%`;
  const middle = median([...runs]);
  const bar = { x: 0, y: top + 20, height: HEIGHT, rx: 4 };
  const centre = top + 20 + HEIGHT / 2;
  const [least, most] = [share(Math.min(...runs)), share(Math.max(...runs))];
  return [
    svg("text", { x: 0, y: top + 14 }, label),
    svg("text", { x: "100%", y: top + 14, "text-anchor": "end", class: "value" }, format(middle, "tok/s")),
    svg("rect", { ...bar, width: "100%", class: "track" }),
    svg("rect", { ...bar, width: share(middle), class: "bar" }),
    svg("line", { x1: least, x2: most, y1: centre, y2: centre, class: "range" }),
  ];
}

function svg(tag: string, attributes: Readonly<Record<string, string | number>>, text = ""): SVGElement {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag) as SVGElement;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.textContent = text;
  return element;
}
