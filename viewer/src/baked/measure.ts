// Numbers from pictures: percentiles of log radiance, and the log change between two pictures.

import type { LogChange, Percentiles } from "../contract.ts";

/** What the logarithm takes for no light at all. */
export const DARKEST = 1e-12;

/** The p-th part (0 to 1) of sorted values, linear between neighbours. */
function part(sorted: Float32Array, p: number): number {
  const at = p * (sorted.length - 1);
  const i = Math.floor(at);
  const a = sorted[i] as number;
  const b = sorted[Math.min(sorted.length - 1, i + 1)] as number;
  return a + (at - i) * (b - a);
}

/**
 * Percentiles 1 and 99 of log radiance, per channel, of RGBA values (radiance, opacity). Where the field covers at least a
 * fiftieth of the picture only what it covers counts, so that an empty background does not set the brightness.
 */
export function percentilesOf(values: Float32Array, channels: number): Percentiles {
  const pixels = values.length / 4;
  let covered = 0;
  for (let i = 0; i < pixels; i++) if ((values[4 * i + 3] as number) >= 0.5) covered += 1;
  const all = covered < 0.02 * pixels;
  const low: number[] = [];
  const high: number[] = [];
  for (let c = 0; c < channels; c++) {
    const logs = new Float32Array(all ? pixels : covered);
    for (let i = 0, n = 0; i < pixels; i++) {
      if (all || (values[4 * i + 3] as number) >= 0.5) logs[n++] = Math.log(Math.max(DARKEST, values[4 * i + c] as number));
    }
    logs.sort();
    low.push(part(logs, 0.01));
    high.push(part(logs, 0.99));
  }
  return { low, high };
}

/** Log of a pixel's radiance, the mean of its channels: what a grey event camera sees. */
export function logRadiance(values: Float32Array, channels: number): Float32Array {
  const logs = new Float32Array(values.length / 4);
  for (let i = 0; i < logs.length; i++) {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += values[4 * i + c] as number;
    logs[i] = Math.log(Math.max(DARKEST, sum / channels));
  }
  return logs;
}

export function changeBetween(from: Float32Array, to: Float32Array, width: number, height: number): LogChange {
  return { width, height, values: to.map((x, i) => x - (from[i] as number)) };
}
