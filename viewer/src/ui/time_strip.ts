// The strip of the time bar: the event rate over the recording, marks, the window, and the moment; scrubbed by pointer and keys.

import type { Desk } from "./desk.ts";
import { el, fitCanvas, token } from "./dom.ts";
import { clampTime, formatRate, formatSeconds, formatSpan, gapsOf, rateAt } from "./time.ts";

const PAD = 10;
const MOST_POSES = 160;

export class TimeStrip {
  readonly element = el("div", { class: "strip", role: "slider", tabindex: 0, "aria-label": "Sensor time", "data-test": "time" });
  private readonly canvas = el("canvas", { "aria-hidden": "true" });
  private readonly tip = el("div", { class: "tip", hidden: true });
  private frame = 0;

  constructor(private readonly desk: Desk) {
    this.element.append(this.canvas, this.tip);
    const [start, end] = desk.document.time_range_s;
    this.element.setAttribute("aria-valuemin", String(start));
    this.element.setAttribute("aria-valuemax", String(end));
    this.listen();
    new ResizeObserver(() => this.redraw()).observe(this.element);
    desk.store.on(["tS", "windowStartS", "theme", "window"], (state) => {
      this.element.setAttribute("aria-valuenow", state.tS.toFixed(6));
      this.element.setAttribute("aria-valuetext", `${formatSeconds(state.tS)}, window of ${formatSpan(state.tS - state.windowStartS)}`);
      this.redraw();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
  }

  redraw(): void {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.draw());
  }

  private get span(): readonly [number, number] {
    return this.desk.document.time_range_s;
  }

  private timeAt(clientX: number): number {
    const box = this.element.getBoundingClientRect();
    const part = (clientX - box.left - PAD) / Math.max(1, box.width - 2 * PAD);
    const [a, b] = this.span;
    return clampTime(a + part * (b - a), this.span);
  }

  private listen(): void {
    const { element } = this;
    const scrub = (event: PointerEvent): void => this.desk.store.set({ tS: this.timeAt(event.clientX), playing: false });
    element.addEventListener("pointerdown", (event) => {
      element.setPointerCapture(event.pointerId);
      element.focus();
      event.preventDefault();
      scrub(event);
    });
    element.addEventListener("pointermove", (event) => {
      if (element.hasPointerCapture(event.pointerId)) scrub(event);
      this.hover(event);
    });
    element.addEventListener("pointerleave", () => { this.tip.hidden = true; });
    element.addEventListener("keydown", (event) => {
      const { tS, windowStartS } = this.desk.store.state;
      const window_ = Math.max(1e-6, tS - windowStartS);
      const [a, b] = this.span;
      const far = event.shiftKey ? 10 : 1;
      const next: Record<string, number> = {
        ArrowLeft: tS - far * window_, ArrowRight: tS + far * window_, ArrowDown: tS - far * window_, ArrowUp: tS + far * window_,
        PageDown: tS - (b - a) / 20, PageUp: tS + (b - a) / 20, Home: a, End: b,
      };
      const t = next[event.code];
      if (t === undefined) return;
      event.preventDefault();
      this.desk.store.set({ tS: clampTime(t, this.span), playing: false });
    });
  }

  private hover(event: PointerEvent): void {
    if (event.pointerType !== "mouse") return;
    const t = this.timeAt(event.clientX);
    const { rate } = this.desk.document;
    this.tip.textContent = `${formatSeconds(t)}${rate ? `, ${formatRate(rateAt(rate, t))}` : ""}`;
    this.tip.hidden = false;
    const box = this.element.getBoundingClientRect();
    const half = this.tip.offsetWidth / 2;
    this.tip.style.left = `${Math.min(box.width - half - 4, Math.max(half + 4, event.clientX - box.left))}px`;
  }

  private draw(): void {
    this.frame = 0;
    const [width, height] = [this.element.clientWidth, this.element.clientHeight];
    const g = fitCanvas(this.canvas, width, height);
    const [a, b] = this.span;
    if (!g || !(b > a) || width < 2 * PAD) return;
    const px = (t: number): number => PAD + ((t - a) / (b - a)) * (width - 2 * PAD);
    this.rate(g, px, height);
    this.marks(g, px, height);
    const { tS, windowStartS } = this.desk.store.state;
    const [w0, w1] = [px(Math.max(a, windowStartS)), px(tS)];
    g.fillStyle = token("accent", this.element);
    g.globalAlpha = 0.28;
    g.fillRect(w0, 0, Math.max(1.5, w1 - w0), height);
    g.globalAlpha = 1;
    g.fillRect(w1 - 1, 0, 2, height);
    g.beginPath();
    g.arc(w1, 5, 5, 0, 2 * Math.PI);
    g.fill();
  }

  private rate(g: CanvasRenderingContext2D, px: (t: number) => number, height: number): void {
    const { rate } = this.desk.document;
    const base = height - 9;
    g.fillStyle = token("line", this.element);
    g.fillRect(px(this.span[0]), base, px(this.span[1]) - px(this.span[0]), 1);
    if (!rate || rate.counts.length === 0) return;
    const sorted = [...rate.counts].sort((p, q) => p - q);
    const top = Math.max(1, sorted[Math.floor(0.995 * (sorted.length - 1))] as number); // one burst must not flatten the rest
    g.fillStyle = token("muted", this.element);
    g.globalAlpha = 0.5;
    g.beginPath();
    g.moveTo(px(rate.t0_s), base);
    rate.counts.forEach((n, i) => {
      const y = base - Math.min(1, n / top) * (base - 12);
      g.lineTo(px(rate.t0_s + i * rate.bin_s), y);
      g.lineTo(px(rate.t0_s + (i + 1) * rate.bin_s), y);
    });
    g.lineTo(px(rate.t0_s + rate.counts.length * rate.bin_s), base);
    g.fill();
    g.globalAlpha = 1;
    g.strokeStyle = token("muted", this.element);
    g.lineWidth = 1;
    for (const [from, to] of gapsOf(rate)) {
      g.save();
      g.beginPath();
      g.rect(px(from), 12, Math.max(1, px(to) - px(from)), base - 12);
      g.clip();
      g.beginPath();
      for (let x = px(from) - height; x < px(to); x += 6) {
        g.moveTo(x, base);
        g.lineTo(x + height, base - height);
      }
      g.globalAlpha = 0.45;
      g.stroke();
      g.restore();
    }
  }

  /** Below the line: poses as ticks, keyframes of the volume as triangles, views with a time as dots or diamonds. */
  private marks(g: CanvasRenderingContext2D, px: (t: number) => number, height: number): void {
    const { trajectory, volume, cameras } = this.desk.document;
    const y = height - 5;
    g.fillStyle = token("muted", this.element);
    const stride = Math.max(1, Math.ceil(trajectory.t_s.length / MOST_POSES));
    g.globalAlpha = 0.6;
    for (let i = 0; i < trajectory.t_s.length; i += stride) g.fillRect(px(trajectory.t_s[i] as number) - 0.5, y - 2, 1, 4);
    g.globalAlpha = 1;
    for (const view of cameras.views) {
      if (view.t_s === null || view.kind !== "heldout") continue;
      const x = px(view.t_s);
      g.fillStyle = token("heldout", this.element);
      g.beginPath();
      g.moveTo(x, y - 4);
      g.lineTo(x + 3.5, y);
      g.lineTo(x, y + 4);
      g.lineTo(x - 3.5, y);
      g.fill();
    }
    for (const { t_s } of volume?.keyframes ?? []) {
      if (t_s === null) continue;
      g.fillStyle = token("text", this.element);
      g.beginPath();
      g.moveTo(px(t_s), y - 5);
      g.lineTo(px(t_s) + 4, y + 4);
      g.lineTo(px(t_s) - 4, y + 4);
      g.fill();
    }
  }
}
