// Training that goes on: how far it is, loss and held-out score as plots, pause, and what viewing costs.

import type { Training, TrainingMetrics } from "../contract.ts";
import { button, note, panel, row } from "./controls.ts";
import { el } from "./dom.ts";
import { drawPlot, type Point } from "./plot.ts";

const KEPT = 20_000;

export function formatDuration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  return s < 3600 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

export function trainingPanel(training: Training): HTMLElement {
  const loss: Point[] = [];
  const score: Point[] = [];
  let paused = false;
  let latest: TrainingMetrics | null = null;
  let frame = 0;
  const bar = el("div", { class: "progress", role: "progressbar", "aria-label": "Training", "aria-valuemin": 0 }, el("i", {}));
  const line = note("Waiting for the first step.", "training-line");
  const cost = note("", "training-cost");
  const terms = el("dl", { class: "facts" });
  const [lossPlot, scorePlot] = [el("div", { "data-test": "plot-loss" }), el("div", { "data-test": "plot-score" })];
  const pause = button({ label: "Pause training", text: "Pause", test: "training-pause", icon: "pause", onClick: () => training.setPaused(!paused) });

  const draw = (): void => {
    frame = 0;
    if (!latest) return;
    const { step, steps, seconds, overhead_share, psnr_heldout } = latest;
    bar.setAttribute("aria-valuemax", String(steps));
    bar.setAttribute("aria-valuenow", String(step));
    (bar.firstElementChild as HTMLElement).style.width = `${(100 * step) / Math.max(1, steps)}%`;
    const left = step > 0 && step < steps && !paused ? `, about ${formatDuration((seconds / step) * (steps - step))} left` : "";
    line.textContent = `${paused ? "Paused at step" : step >= steps ? "Done:" : "Step"} ${step} of ${steps}, ${formatDuration(seconds)}${left}.`;
    cost.textContent = `Viewing takes ${(100 * overhead_share).toFixed(overhead_share < 0.1 ? 1 : 0)} % of the time.`;
    drawPlot(lossPlot, { name: "Training loss", marker: "circle", points: loss }, true, "");
    if (score.length > 0) drawPlot(scorePlot, { name: "PSNR, held out, aligned", marker: "square", points: score }, false, " dB");
    else scorePlot.replaceChildren(note(psnr_heldout === null ? "No held-out score yet: it needs reference frames." : ""));
    terms.replaceChildren(...Object.entries(latest.terms).flatMap(([name, value]) => [el("dt", {}, name.replace(/_/g, " ")), el("dd", {}, value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(1) : String(Number(value.toPrecision(3))))]));
    const label = pause.querySelector("span");
    if (label) label.textContent = paused ? "Resume" : "Pause";
    pause.disabled = step >= steps && !paused;
    pause.setAttribute("aria-label", paused ? "Resume training" : "Pause training");
  };

  training.onMetrics = (metrics) => {
    if (latest && metrics.step < latest.step) loss.length = score.length = 0; // it started again
    const last = loss[loss.length - 1];
    if (last?.x !== metrics.step) loss.push({ x: metrics.step, y: metrics.loss });
    if (metrics.psnr_heldout !== null && (score.length === 0 || score[score.length - 1]?.y !== metrics.psnr_heldout)) score.push({ x: metrics.step, y: metrics.psnr_heldout });
    if (loss.length > KEPT) loss.splice(0, loss.length - KEPT);
    latest = metrics;
    paused = metrics.paused;
    if (!frame) frame = requestAnimationFrame(draw);
  };
  return panel({ title: "Training", test: "panel-training", open: true }, bar, line, row(pause), lossPlot, scorePlot, cost, el("section", {}, el("h3", {}, "Terms of the loss"), terms));
}
