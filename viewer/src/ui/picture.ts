// The picture: turns the page's state into views, asks the renderer for them, and knows what is on screen.

import type { Renderer, RenderStatus, SceneDocument, View } from "../contract.ts";
import type { Controls } from "../camera/controls.ts";
import { el } from "./dom.ts";
import { isDynamic, type Store } from "./state.ts";
import { autoTone, exposed } from "./tone.ts";

const STILL_MS = 150;

export class Picture {
  readonly element: HTMLElement;
  /** Called whenever what is looked at changed. */
  onView: (() => void)[] = [];
  onStatus: ((status: RenderStatus) => void)[] = [];
  status: RenderStatus = { state: "waiting", width: 0, height: 0, ms: 0, text: "" };
  /** Fulfilled with the first full picture. */
  readonly ready: Promise<void>;
  private controls: Controls | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private measured = "";
  private measuring = false;
  private readonly dynamic: boolean;

  constructor(readonly renderer: Renderer, document: SceneDocument, private readonly store: Store) {
    this.dynamic = isDynamic(document);
    this.element = el("main", { class: "stage", tabindex: 0, "aria-label": "The view. Drag to orbit, keys W A S D to fly, question mark for all keys.", "data-test": "stage" }, renderer.canvas);
    renderer.canvas.classList.add("picture");
    renderer.canvas.setAttribute("data-test", "picture");
    this.ready = new Promise((resolve) => {
      renderer.onStatus = (status) => {
        this.status = status;
        if (status.state === "full") resolve();
        for (const call of this.onStatus) call(status);
      };
    });
  }

  start(controls: Controls): void {
    this.controls = controls;
    controls.onChange = (moving) => this.refresh(moving);
    new ResizeObserver(() => this.touch()).observe(this.element);
    this.store.on(["mode", "tone", "exposure"], () => this.refresh(false));
    this.store.on(["crop", "wipe"], () => this.touch());
    if (this.dynamic) this.store.on(["tS"], () => this.touch());
  }

  get size(): { width: number; height: number } {
    return { width: Math.max(16, this.element.clientWidth), height: Math.max(16, this.element.clientHeight) };
  }

  get aspect(): number {
    return this.size.width / this.size.height;
  }

  view(): View {
    const controls = this.controls as Controls;
    const { mode, wipe, crop, tone, exposure, tS } = this.store.state;
    return { pose: controls.pose, fovY: controls.fovY, ...this.size, tS: this.dynamic ? tS : null, mode, wipe, crop, tone: exposed(tone, exposure) };
  }

  /** A picture for what is looked at now; a coarse one while it moves. */
  refresh(moving: boolean): void {
    if (!this.controls) return;
    const view = this.view();
    this.renderer.request(view, moving);
    for (const call of this.onView) call();
    if (!moving) void this.settle(view);
  }

  /** Something moves: a coarse picture now, a full one when it comes to rest. */
  touch(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh(false), STILL_MS);
    this.refresh(true);
  }

  /** Measures the brightness of a view that came to rest. */
  async settle(view = this.view()): Promise<void> {
    if (this.store.state.tone.mode !== "auto" || this.measuring) return;
    const key = JSON.stringify([view.pose, view.fovY, view.tS, view.crop, view.width > view.height]);
    if (key === this.measured) return;
    this.measuring = true;
    try {
      const percentiles = await this.renderer.percentiles(view);
      this.measured = key;
      const { tone } = this.store.state;
      if (percentiles && tone.mode === "auto") this.store.set({ tone: autoTone(percentiles, tone.gamma) });
    } catch {
      // a lost graphics card: the renderer says so itself, and the numbers stay as they were
    } finally {
      this.measuring = false;
    }
  }

  /** Measures again, even for the same view. */
  forgetBrightness(): void {
    this.measured = "";
    void this.settle();
  }
}
