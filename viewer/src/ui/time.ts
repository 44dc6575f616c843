// Sensor time: how it is written, how sliders cover it, how it advances.

export const SHORTEST_S = 1e-4;
export const LONGEST_S = 0.2;
export const FEWEST = 100;
export const MOST = 200_000;
export const SLOWEST = 0.01;
export const FASTEST = 10;

/** A logarithmic slider from 0 to 1. */
export const fromSlider = (u: number, low: number, high: number): number => rounded(low * (high / low) ** Math.min(1, Math.max(0, u)));
export const toSlider = (value: number, low: number, high: number): number => Math.min(1, Math.max(0, Math.log(value / low) / Math.log(high / low)));

/** To two significant digits, so that a slider gives numbers that can be said. */
export function rounded(value: number): number {
  return value === 0 ? 0 : Number(value.toPrecision(2));
}

/** Digits in groups of three from the right. */
export const grouped = (digits: string): string => digits.replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");

/** Seconds with microseconds, the last six digits in two groups. */
export function formatSeconds(tS: number): string {
  const us = Math.round(Math.abs(tS) * 1e6);
  const whole = Math.floor(us / 1e6);
  const rest = String(us % 1e6).padStart(6, "0");
  return `${tS < 0 && us > 0 ? "\u2212" : ""}${whole}.${rest.slice(0, 3)}\u202f${rest.slice(3)} s`;
}

/** The absolute time of the sensor's clock; the origin may be too large for a float with a fraction. */
export const formatMicroseconds = (originUs: number, tS: number): string => `${grouped(String(originUs + Math.round(tS * 1e6)))} µs`;

export function formatSpan(seconds: number): string {
  const ms = seconds * 1e3;
  if (ms >= 1000) return `${Number(seconds.toPrecision(3))} s`;
  return ms >= 1 ? `${Number(ms.toPrecision(3))} ms` : `${Number((ms * 1e3).toPrecision(3))} µs`;
}

export function formatSpeed(speed: number): string {
  return speed >= 0.95 ? `${Number(speed.toPrecision(2))}×` : `1/${Math.round(1 / speed)}×`;
}

export function formatCount(n: number): string {
  if (n >= 999_500) return `${Number((n / 1e6).toPrecision(3))} M`;
  if (n >= 10_000) return `${Number((n / 1e3).toPrecision(3))} k`;
  return grouped(String(Math.round(n)));
}

/** Events a second. */
export const formatRate = (perSecond: number): string => `${formatCount(perSecond)} events/s`;

export const clampTime = (t: number, [a, b]: readonly [number, number]): number => Math.min(b, Math.max(a, t));

/** The time after `dt` seconds of the clock; goes round at the end. */
export function advanced(t: number, dt: number, speed: number, [a, b]: readonly [number, number]): number {
  if (b <= a) return a;
  const next = t + dt * speed;
  return next <= b ? next : a + ((next - a) % (b - a));
}

export interface Rate {
  t0_s: number;
  bin_s: number;
  counts: readonly number[];
}

/** Spans without a single event that are at least `bins` bins long. */
export function gapsOf(rate: Rate, bins = 2): [number, number][] {
  const gaps: [number, number][] = [];
  let start = -1;
  for (let i = 0; i <= rate.counts.length; i++) {
    const empty = i < rate.counts.length && rate.counts[i] === 0;
    if (empty && start < 0) start = i;
    if (!empty && start >= 0) {
      if (i - start >= bins) gaps.push([rate.t0_s + start * rate.bin_s, rate.t0_s + i * rate.bin_s]);
      start = -1;
    }
  }
  return gaps;
}

/** Events a second at a time; 0 outside of what is counted. */
export function rateAt(rate: Rate, tS: number): number {
  const count = rate.counts[Math.floor((tS - rate.t0_s) / rate.bin_s)];
  return count === undefined || rate.bin_s <= 0 ? 0 : count / rate.bin_s;
}
