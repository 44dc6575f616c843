// The icons: strokes on a 20x20 grid, in the colour of the text around them.

import { svg } from "./dom.ts";

const PATHS = {
  play: "M6 4l10 6-10 6z",
  pause: "M6.5 4v12M13.5 4v12",
  previous: "M14 4l-7 6 7 6M5 4v12",
  next: "M6 4l7 6-7 6M15 4v12",
  camera: "M3 6.5h3l1.5-2h5l1.5 2h3v9H3zM10 13.5a3 3 0 100-6 3 3 0 000 6z",
  link: "M8.5 11.5l3-3M9 6.5l2-2a3.2 3.2 0 014.5 4.5l-2 2M11 13.5l-2 2A3.2 3.2 0 014.5 11l2-2",
  help: "M7.5 7.5a2.5 2.5 0 115 0c0 1.8-2.5 2-2.5 4M10 14.8v.4",
  panel: "M3 4h14v12H3zM12.5 4v12",
  panes: "M3 4h14v12H3zM3 11h14M7.7 11v5M12.3 11v5",
  moon: "M16 12A6.8 6.8 0 018 4a6.8 6.8 0 108 8z",
  sun: "M10 13.2a3.2 3.2 0 100-6.4 3.2 3.2 0 000 6.4zM10 2.5v1.7M10 15.8v1.7M2.5 10h1.7M15.8 10h1.7M4.7 4.7l1.2 1.2M14.1 14.1l1.2 1.2M15.3 4.7l-1.2 1.2M5.9 14.1l-1.2 1.2",
  wipe: "M3 4h14v12H3zM10 2.5v15",
  up: "M5 12l5-5 5 5",
  down: "M5 8l5 5 5-5",
  close: "M5 5l10 10M15 5L5 15",
  plus: "M10 4v12M4 10h12",
  orbit: "M3 10c0-2 3-3.5 7-3.5s7 1.5 7 3.5-3 3.5-7 3.5M10 13.5l2.5-2M10 13.5l2.5 2",
  frame: "M3 7V3.5h4M13 3.5h4V7M17 13v3.5h-4M7 16.5H3V13",
  reset: "M4 10a6 6 0 106-6H6.5M8.5 1.700L6 4l2.5 2.300",
  level: "M3 10h14M6 6l4-3 4 3M10 3v7",
  follow: "M3 15c4 0 3-9 7-9h6M13.5 3L16.5 6l-3 3",
} as const;

export type Icon = keyof typeof PATHS;

export function icon(name: Icon): SVGElement {
  const shape = svg("path", { d: PATHS[name] });
  return svg("svg", { viewBox: "0 0 20 20", class: "icon", "aria-hidden": "true", focusable: "false" }, shape);
}
