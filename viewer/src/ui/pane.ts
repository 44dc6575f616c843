// One pane: a title, a small picture or the sentence why there is none, a caption, a legend, a cross that is shared.

import { el } from "./dom.ts";
import { css, PALETTES } from "./event_colours.ts";
import type { EventPalette } from "./state.ts";

export class Pane {
  readonly element: HTMLElement;
  readonly tools = el("div", { class: "tools" });
  /** Called with the place of the pointer, 0 to 1 along each side. */
  onPoint: (point: { x: number; y: number } | null) => void = () => undefined;
  filled = false;
  private readonly canvas = el("canvas", { role: "img" });
  private readonly heading = el("h2", {});
  private readonly words = el("p", { class: "why" });
  private readonly line = el("p", { class: "caption-line" });
  private readonly reading = el("p", { class: "reading" });
  private readonly legend = el("div", { class: "legend" });
  private readonly mark = el("i", { class: "cross", hidden: true, "aria-hidden": "true" });

  constructor(title: string, test: string) {
    const frame = el("div", { class: "frame" }, this.canvas, this.mark, this.words);
    this.element = el("article", { class: "pane", "data-test": test }, frame, el("div", { class: "about" }, this.heading, this.line, this.legend, this.reading, this.tools));
    this.title(title);
    this.canvas.hidden = true;
    this.canvas.addEventListener("pointermove", (event) => {
      const box = this.canvas.getBoundingClientRect();
      this.onPoint({ x: clampUnit((event.clientX - box.left) / box.width), y: clampUnit((event.clientY - box.top) / box.height) });
    });
    this.canvas.addEventListener("pointerleave", () => this.onPoint(null));
  }

  get text(): string {
    return this.canvas.hidden ? this.words.textContent : this.line.textContent;
  }

  title(text: string): void {
    this.heading.textContent = text;
  }

  /** Whether what is shown belongs to an earlier window. */
  old(on: boolean): void {
    this.element.classList.toggle("old", on);
  }

  draw(pixels: Uint8ClampedArray<ArrayBuffer>, width: number, height: number): void {
    this.resize(width, height);
    this.canvas.getContext("2d")?.putImageData(new ImageData(pixels, width, height), 0, 0);
    this.shown(true);
  }

  bitmap(image: ImageBitmap): void {
    this.resize(image.width, image.height);
    this.canvas.getContext("2d")?.drawImage(image, 0, 0);
    image.close();
    this.shown(true);
  }

  /** Why there is no picture, in one sentence. */
  say(text: string): void {
    this.words.textContent = text;
    this.shown(false);
    this.line.textContent = "";
    this.legend.replaceChildren();
  }

  caption(text: string): void {
    this.line.textContent = text;
    this.canvas.setAttribute("aria-label", `${this.heading.textContent}: ${text}`);
  }

  value(text: string): void {
    this.reading.textContent = text;
  }

  cross(point: { x: number; y: number } | null): void {
    this.mark.hidden = point === null || this.canvas.hidden;
    if (!point || this.canvas.hidden) return;
    this.mark.style.left = `${this.canvas.offsetLeft + point.x * this.canvas.offsetWidth}px`;
    this.mark.style.top = `${this.canvas.offsetTop + point.y * this.canvas.offsetHeight}px`;
  }

  legendOf(kind: "events" | "residual" | "none", palette: EventPalette, reach = 1): void {
    const key = `${kind} ${palette} ${reach}`;
    if (this.legend.dataset.key === key && this.legend.childElementCount > 0) return;
    this.legend.dataset.key = key;
    const p = PALETTES[palette];
    if (kind === "none") this.legend.replaceChildren();
    else if (kind === "events") this.legend.replaceChildren(swatch(css(p.on), "ON"), swatch(css(p.off), "OFF"));
    else {
      const bar = el("i", { class: "scale", style: `background: linear-gradient(90deg, ${css(p.less)}, ${css(p.same)}, ${css(p.more)})` });
      this.legend.replaceChildren(el("span", {}, `\u2212${reach}`), bar, el("span", {}, `+${reach}`));
    }
  }

  private resize(width: number, height: number): void {
    if (this.canvas.width === width && this.canvas.height === height) return;
    this.canvas.width = width;
    this.canvas.height = height;
    this.element.style.setProperty("--aspect", String(width / height));
  }

  private shown(on: boolean): void {
    this.filled = on;
    this.canvas.hidden = !on;
    this.words.hidden = on;
    if (!on) this.mark.hidden = true;
  }
}

const clampUnit = (x: number): number => Math.min(0.999999, Math.max(0, x));
const swatch = (colour: string, text: string): HTMLElement => el("span", { class: "swatch" }, el("i", { style: `background: ${colour}`, "aria-hidden": "true" }), text);
