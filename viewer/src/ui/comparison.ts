// What the field predicts for the events of a window, beside what was measured.

import type { LogChange } from "../contract.ts";
import type { CountImage } from "../scene/events.ts";

export interface Thresholds {
  c_pos: number;
  c_neg: number;
}

export interface Comparison {
  width: number;
  height: number;
  /** Signed events for each sensor pixel: positive ON, negative OFF. */
  predicted: Float32Array;
  measured: Float32Array;
  /** Predicted minus measured. */
  residual: Float32Array;
  rms: { residual: number; measured: number; predicted: number };
  /** Share of the measured change that the prediction explains: 1 all of it, 0 no better than none. */
  explained: number | null;
}

/** A log change as a signed number of events: how often its threshold fits into it. */
export const eventsOf = (logChange: number, { c_pos, c_neg }: Thresholds): number => logChange / (logChange > 0 ? c_pos : c_neg);

/** Counts as signed events, averaged over the sensor pixels of each cell of a `width` x `height` image. */
export function measuredEvents(counts: CountImage, width: number, height: number, thresholds: Thresholds): Float32Array {
  const change = new Float64Array(width * height);
  const pixels = new Float64Array(width * height);
  const column = Int32Array.from({ length: counts.width }, (_, x) => Math.min(width - 1, Math.floor((x * width) / counts.width)));
  for (let y = 0; y < counts.height; y++) {
    const start = Math.min(height - 1, Math.floor((y * height) / counts.height)) * width;
    for (let x = 0; x < counts.width; x++) {
      const i = y * counts.width + x;
      const cell = start + (column[x] as number);
      pixels[cell] = (pixels[cell] as number) + 1;
      const log = (counts.on[i] as number) * thresholds.c_pos - (counts.off[i] as number) * thresholds.c_neg;
      if (log !== 0) change[cell] = (change[cell] as number) + log;
    }
  }
  return Float32Array.from(change, (log, i) => eventsOf(log / Math.max(1, pixels[i] as number), thresholds));
}

function rms(values: Float32Array): number {
  let sum = 0;
  for (const v of values) sum += v * v;
  return Math.sqrt(sum / Math.max(1, values.length));
}

export function compare(counts: CountImage, change: LogChange, thresholds: Thresholds): Comparison {
  const { width, height, values } = change;
  const measured = measuredEvents(counts, width, height, thresholds);
  const predicted = Float32Array.from(values, (v) => (Number.isFinite(v) ? eventsOf(v, thresholds) : 0));
  const residual = predicted.map((p, i) => p - (measured[i] as number));
  const parts = { residual: rms(residual), measured: rms(measured), predicted: rms(predicted) };
  const explained = parts.measured > 0 ? 1 - (parts.residual / parts.measured) ** 2 : null;
  return { width, height, predicted, measured, residual, rms: parts, explained };
}

/** Size of a prediction: the sensor's own, or a whole fraction of it that a slow machine can render. */
export function predictionSize(width: number, height: number, most = 320): { width: number; height: number } {
  const factor = Math.max(1, Math.ceil(width / most));
  return { width: Math.max(1, Math.round(width / factor)), height: Math.max(1, Math.round(height / factor)) };
}

/** The value that `share` of all non-zero sizes stay below, at least 1: where a colour is at full strength. */
export function fullScale(values: Float32Array | Uint32Array, share = 0.98): number {
  const sizes: number[] = [];
  for (const v of values) if (v !== 0) sizes.push(Math.abs(v));
  if (sizes.length === 0) return 1;
  sizes.sort((a, b) => a - b);
  return Math.max(1, sizes[Math.min(sizes.length - 1, Math.floor(share * sizes.length))] as number);
}
