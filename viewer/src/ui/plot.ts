// A small line plot as SVG: step along, value up (linear or logarithmic), a marker at the newest point.

import { el, svg } from "./dom.ts";

export interface Point {
  x: number;
  y: number;
}

export interface Series {
  name: string;
  /** Told apart by marker and dash as well as by colour. */
  marker: "circle" | "square";
  points: readonly Point[];
}

const WIDTH = 280;
const HEIGHT = 96;
const EDGE = { left: 40, right: 8, top: 8, bottom: 16 };
const MOST = 240;

/** Few enough points to draw: the first, the last, and of each span between the middle one. */
export function thinned(points: readonly Point[], most = MOST): Point[] {
  if (points.length <= most) return [...points];
  return Array.from({ length: most }, (_, i) => points[Math.round((i * (points.length - 1)) / (most - 1))] as Point);
}

/** Round numbers from `low` to `high`: powers of ten on a logarithmic axis, else steps of 1, 2 or 5. */
export function ticks(low: number, high: number, log: boolean, most = 4): number[] {
  if (!(high > low)) return [low];
  if (log) {
    const steps = (factors: readonly number[]): number[] => {
      const out: number[] = [];
      for (let k = Math.floor(Math.log10(low)); k <= Math.log10(high); k++) {
        for (const f of factors) {
          const value = Number((f * 10 ** k).toPrecision(3));
          if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)) out.push(value);
        }
      }
      return out;
    };
    const tens = steps([1]);
    if (tens.length > most) return tens.filter((_, i) => i % Math.ceil(tens.length / most) === 0);
    const finer = [[1], [1, 3], [1, 2, 5]].map(steps).filter((s) => s.length <= most && s.length > 1);
    return finer.find((s) => s.length > 2) ?? finer[finer.length - 1] ?? [low, high];
  }
  const raw = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 5, 10].find((s) => s * power >= raw) ?? 10) * power;
  const first = Math.ceil(low / step - 1e-9);
  const out: number[] = [];
  for (let i = first; i * step <= high + 1e-9 * step; i++) out.push(Number((i * step).toPrecision(12)));
  return out;
}

export function formatTick(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e4 || size < 1e-2) return value.toExponential(0).replace("e+", "e");
  return String(Number(value.toPrecision(3)));
}

/** Draws into `place`, which keeps its text alternative. */
export function drawPlot(place: HTMLElement, series: Series, log: boolean, unit: string): void {
  const points = thinned(series.points.filter((p) => Number.isFinite(p.y) && (!log || p.y > 0)));
  const last = points[points.length - 1];
  if (!last) {
    place.replaceChildren(el("p", { class: "note" }, `${series.name}: nothing yet.`));
    return;
  }
  const xs = points.map((p) => p.x);
  const ys = points.map((p) => p.y);
  let [low, high] = [Math.min(...ys), Math.max(...ys)];
  if (!(high > low)) [low, high] = log ? [low / 1.5, high * 1.5] : [low - 1, high + 1];
  const [x0, x1] = [Math.min(...xs), Math.max(Math.min(...xs) + 1, ...xs)];
  const scale = (v: number): number => (log ? Math.log(v) : v);
  const px = (x: number): number => EDGE.left + ((x - x0) / (x1 - x0)) * (WIDTH - EDGE.left - EDGE.right);
  const py = (y: number): number => HEIGHT - EDGE.bottom - ((scale(y) - scale(low)) / (scale(high) - scale(low))) * (HEIGHT - EDGE.top - EDGE.bottom);
  const grid = ticks(low, high, log).flatMap((value) => [
    svg("line", { x1: EDGE.left, x2: WIDTH - EDGE.right, y1: py(value), y2: py(value), class: "grid" }),
    svg("text", { x: EDGE.left - 6, y: py(value) + 3.5, class: "tick end" }, formatTick(value)),
  ]);
  const mark = series.marker === "circle"
    ? svg("circle", { cx: px(last.x), cy: py(last.y), r: 3.5, class: "mark" })
    : svg("rect", { x: px(last.x) - 3.5, y: py(last.y) - 3.5, width: 7, height: 7, class: "mark" });
  const words = `${series.name}: ${formatTick(last.y)}${unit} at step ${last.x}`;
  const drawing = svg(
    "svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": words, class: `plot ${series.marker}` },
    ...grid,
    svg("polyline", { points: points.map((p) => `${px(p.x).toFixed(1)},${py(p.y).toFixed(1)}`).join(" "), class: "line" }),
    mark,
    svg("text", { x: EDGE.left, y: HEIGHT - 3, class: "tick" }, String(x0)),
    svg("text", { x: WIDTH - EDGE.right, y: HEIGHT - 3, class: "tick end" }, String(x1)),
  );
  place.replaceChildren(el("div", { class: "caption" }, el("span", {}, series.name), el("output", {}, `${formatTick(last.y)}${unit}`)), drawing);
}
