// Training that goes on while the page looks at it: what came before the interface was there is kept for it.

import type { Training, TrainingMetrics } from "../contract.ts";
import type { ClientMessage } from "../protocol.gen.ts";

const MOST_KEPT = 1000;

export class LiveTraining implements Training {
  paused = false;
  private kept: TrainingMetrics[] = [];
  private lastStep = -1;
  private listener: ((metrics: TrainingMetrics) => void) | null = null;

  constructor(private readonly send: (message: ClientMessage) => void) {}

  get onMetrics(): (metrics: TrainingMetrics) => void {
    return this.listener ?? (() => undefined);
  }

  set onMetrics(listener: (metrics: TrainingMetrics) => void) {
    this.listener = listener;
    const kept = this.kept;
    this.kept = [];
    for (const metrics of kept) listener(metrics);
  }

  setPaused(paused: boolean): void {
    this.send({ type: "training", action: paused ? "pause" : "resume" });
  }

  /** After a reconnection the server tells the past again: only what is new, or a change of the pause, is passed on. */
  take(metrics: TrainingMetrics): void {
    if (metrics.step < this.lastStep || (metrics.step === this.lastStep && metrics.paused === this.paused)) return;
    this.lastStep = metrics.step;
    this.paused = metrics.paused;
    if (this.listener) this.listener(metrics);
    else if (this.kept.push(metrics) > MOST_KEPT) this.kept.shift();
  }
}
