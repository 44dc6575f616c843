// The linked panes: events of the window, the model's predicted events at that pose, and what separates them.

import { poseAt } from "../camera/trajectory.ts";
import { fovYOf } from "../camera/pose.ts";
import { type CountImage, EventStore } from "../scene/events.ts";
import { compare, type Comparison, fullScale, predictionSize } from "./comparison.ts";
import type { Desk } from "./desk.ts";
import { el } from "./dom.ts";
import { dilated, fittingDilation, PALETTES, paintEvents, paintResidual, paintSigned } from "./event_colours.ts";
import { Pane } from "./pane.ts";
import { paneTools } from "./pane_tools.ts";
import { formatCount, formatSpan } from "./time.ts";

const LEARNT_MS = 15_000;

export interface PanesReport {
  visible: boolean;
  fromS: number;
  toS: number;
  events: { count: number; text: string };
  predicted: { text: string; rms: number | null };
  residual: { text: string; rms: number | null; measuredRms: number | null; explained: number | null };
}

export class Panes {
  readonly element: HTMLElement;
  private readonly events: EventStore;
  private readonly measured = new Pane("Events", "pane-events");
  private readonly predicted = new Pane("Predicted", "pane-predicted");
  private readonly third = new Pane("Residual", "pane-residual");
  private counts: CountImage | null = null;
  private comparison: Comparison | null = null;
  private window: [number, number] = [0, 0];
  private working = false;
  private again = false;
  private asked = 0;

  constructor(private readonly desk: Desk) {
    this.events = new EventStore(desk.session.scene);
    const panes = [this.measured, this.predicted, this.third];
    this.element = el("section", { class: "panes", "aria-label": "Events and prediction", "data-test": "panes" }, ...panes.map((p) => p.element));
    const tools = paneTools(desk);
    this.measured.tools.append(tools.colours);
    this.third.tools.append(tools.third);
    for (const pane of panes) pane.onPoint = (point) => this.point(point);
    const { store } = desk;
    store.on(["panes", "bare"], (state) => {
      this.element.hidden = !state.panes || state.bare;
      this.update();
    });
    store.on(["tS", "window", "tone"], () => this.update());
    if (desk.session.training) desk.picture.onStatus.push(() => this.learnt());
    store.on(["palette", "dilation", "third"], () => { this.paint(); this.update(); });
  }

  report(): PanesReport {
    const { comparison, counts, window: [fromS, toS] } = this;
    const rms = comparison?.rms ?? null;
    return {
      visible: !this.element.hidden, fromS, toS,
      events: { count: counts?.count ?? 0, text: this.measured.text },
      predicted: { text: this.predicted.text, rms: rms?.predicted ?? null },
      residual: { text: this.third.text, rms: rms?.residual ?? null, measuredRms: rms?.measured ?? null, explained: comparison?.explained ?? null },
    };
  }

  /** Brings the panes to the time of the page; while one update runs, the newest waits. */
  update(): void {
    if (this.working) {
      this.again = true;
      return;
    }
    this.working = true;
    void this.work().finally(() => {
      this.working = false;
      if (!this.again) return;
      this.again = false;
      this.update();
    });
  }

  /** While the field learns a prediction grows old; a new one now and then, since it takes time from training. */
  private learnt(): void {
    const now = performance.now();
    if (now - this.asked < LEARNT_MS || this.element.hidden || this.desk.picture.status.state === "lost") return;
    this.update();
  }

  private async work(): Promise<void> {
    const { store } = this.desk;
    this.asked = performance.now();
    try {
      const { tS, window } = store.state;
      const start = window.kind === "count" && this.events.available ? await this.events.startOfLast(window.count, tS) : tS - window.spanS;
      this.window = [start, tS];
      store.set({ windowStartS: start });
      if (this.element.hidden) return;
      await this.measure(start, tS);
      this.behind(true);
      await this.predict(start, tS);
      this.paint();
      if (store.state.third === "picture") await this.picture(tS);
      this.behind(false);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      for (const pane of [this.measured, this.predicted, this.third]) if (!pane.filled) pane.say(text);
      this.measured.say(text);
    }
  }

  private behind(on: boolean): void {
    this.predicted.old(on);
    this.third.old(on);
  }

  private async measure(from: number, to: number): Promise<void> {
    if (!this.events.available) {
      this.counts = null;
      this.measured.say("This scene was exported without events.");
      return;
    }
    this.counts = await this.events.countImage(from, to);
    this.paintMeasured();
  }

  private async predict(from: number, to: number): Promise<void> {
    const { document, session } = this.desk;
    const why = this.whyNoPrediction(from, to);
    if (why) {
      this.comparison = null;
      this.predicted.say(why);
      return;
    }
    const { event } = document.cameras;
    const size = predictionSize(event.width, event.height);
    const change = await session.renderer.logChange(from, to, size.width, size.height);
    if (!change) {
      this.comparison = null;
      this.predicted.say("The model's prediction is not available at the moment.");
      return;
    }
    const none = new Uint32Array(event.width * event.height);
    const counts = this.counts ?? { width: event.width, height: event.height, on: none, off: none, count: 0 };
    this.comparison = compare(counts, change, document.events ?? { c_pos: 0.25, c_neg: 0.25 });
  }

  private whyNoPrediction(from: number, to: number): string | null {
    const { t_s } = this.desk.document.trajectory;
    if (t_s.length < 2) return "This scene has no camera trajectory, so nothing can be predicted.";
    const [first, last] = [t_s[0] as number, t_s[t_s.length - 1] as number];
    if (to <= first || from >= last) return "The camera's pose is not known at this time.";
    if (to - from < 1e-6) return "The window is empty.";
    return null;
  }

  private paintMeasured(): void {
    const { counts } = this;
    if (!counts) return;
    const { palette, dilation } = this.desk.store.state;
    let active = 0;
    for (let i = 0; i < counts.on.length; i++) if (counts.on[i] || counts.off[i]) active += 1;
    const radius = dilation < 0 ? fittingDilation(active, counts.on.length) : dilation;
    const [on, off] = [counts.on, counts.off].map((image) => dilated(image, counts.width, counts.height, radius)) as [Uint32Array, Uint32Array];
    const full = Math.max(fullScale(counts.on), fullScale(counts.off));
    this.measured.draw(paintEvents(on, off, PALETTES[palette], full), counts.width, counts.height);
    this.measured.legendOf("events", palette);
    const span = this.window[1] - this.window[0];
    this.measured.caption(counts.count === 0 ? "No events in this window." : `${formatCount(counts.count)} events in ${formatSpan(span)}${radius > 0 ? `, grown by ${radius} px` : ""}`);
  }

  private paint(): void {
    this.paintMeasured();
    const { comparison } = this;
    const { palette, third } = this.desk.store.state;
    this.third.title(third === "residual" ? "Residual" : "Render at that pose");
    if (!comparison) {
      if (third === "residual") this.third.say(this.events.available ? "Without a prediction there is no residual." : "Without events there is no residual.");
      return;
    }
    const { width, height, rms } = comparison;
    const full = Math.max(fullScale(comparison.measured), this.events.available ? 1 : fullScale(comparison.predicted));
    this.predicted.draw(paintSigned(comparison.predicted, PALETTES[palette], full), width, height);
    this.predicted.legendOf("events", palette);
    this.predicted.caption(this.events.available ? `rms ${rms.predicted.toFixed(2)} events: log change / threshold` : "Log change divided by a threshold of 0.25");
    if (third !== "residual") return;
    if (!this.events.available) {
      this.third.say("Without events there is no residual.");
      return;
    }
    const reach = Math.max(1, Math.round(fullScale(comparison.residual)));
    this.third.draw(paintResidual(comparison.residual, PALETTES[palette], reach), width, height);
    this.third.legendOf("residual", palette, reach);
    const share = comparison.explained;
    this.third.caption(`rms ${rms.residual.toFixed(2)} of ${rms.measured.toFixed(2)}${share === null ? "" : share > 0 ? `, ${(100 * share).toFixed(0)} % explained` : ", nothing explained"}`);
  }

  private async picture(tS: number): Promise<void> {
    const { document, session, picture } = this.desk;
    const pose = poseAt(document.trajectory, tS);
    if (!pose) {
      this.third.say("The camera's pose is not known at this time.");
      return;
    }
    const { event } = document.cameras;
    const { width, height } = predictionSize(event.width, event.height);
    const view = { ...picture.view(), pose, fovY: fovYOf(event), width, height, wipe: null, crop: null };
    this.third.bitmap(await createImageBitmap(await session.renderer.capture(view)));
    this.third.caption("The field seen from the event camera");
    this.third.legendOf("none", "dark");
  }

  /** The same pixel in all panes, with its numbers. */
  private point(point: { x: number; y: number } | null): void {
    for (const pane of [this.measured, this.predicted, this.third]) pane.cross(point);
    const { counts, comparison } = this;
    if (!point) {
      for (const pane of [this.measured, this.predicted, this.third]) pane.value("");
      return;
    }
    const at = (width: number, height: number): number => Math.min(height - 1, Math.floor(point.y * height)) * width + Math.min(width - 1, Math.floor(point.x * width));
    if (counts) {
      const i = at(counts.width, counts.height);
      this.measured.value(`(${i % counts.width}, ${Math.floor(i / counts.width)}) ON ${counts.on[i]}, OFF ${counts.off[i]}`);
    }
    if (!comparison) return;
    const i = at(comparison.width, comparison.height);
    const signed = (v: number | undefined): string => `${(v ?? 0) < 0 ? "\u2212" : "+"}${Math.abs(v ?? 0).toFixed(2)}`;
    this.predicted.value(`predicted ${signed(comparison.predicted[i])}`);
    if (this.desk.store.state.third === "residual" && this.events.available) this.third.value(`difference ${signed(comparison.residual[i])}`);
  }
}
