/** Line icons on a 20 x 20 grid, drawn with the colour of the text around them. */

const PATHS = {
  send: "M10 16V4.5M5 9.5l5-5 5 5",
  stop: "M6 6h8v8H6z",
  plus: "M10 4v12M4 10h12",
  close: "M5 5l10 10M15 5L5 15",
  panel: "M3 5.5h14M3 10h14M3 14.5h9",
  down: "M10 4v12M5 11l5 5 5-5",
  copy: "M7 7V4.5A1.5 1.5 0 0 1 8.5 3h7A1.5 1.5 0 0 1 17 4.5v7a1.5 1.5 0 0 1-1.5 1.5H13M4.5 7h7A1.5 1.5 0 0 1 13 8.5v7a1.5 1.5 0 0 1-1.5 1.5h-7A1.5 1.5 0 0 1 3 15.5v-7A1.5 1.5 0 0 1 4.5 7z",
  check: "M4 10.5l4 4 8-9",
  again: "M16 10a6 6 0 1 1-1.8-4.300M16 3v3.5h-3.5",
  file: "M11 3H6.5A1.5 1.5 0 0 0 5 4.5v11A1.5 1.5 0 0 0 6.5 17h7a1.5 1.5 0 0 0 1.5-1.5V7zM11 3v4h4",
  edit: "M12.5 4.500l3 3M4 16l.8-3.500L13.600 3.700a1.400 1.400 0 0 1 2 0l.7.7a1.400 1.400 0 0 1 0 2L7.500 15.200z",
  previous: "M12 5l-5 5 5 5",
  next: "M8 5l5 5-5 5",
  more: "M5 10h.01M10 10h.01M15 10h.01",
} as const;

export type IconName = keyof typeof PATHS;

export function icon(name: IconName): SVGSVGElement {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", `icon icon-${name}`);
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
