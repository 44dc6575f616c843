// How events, predicted events and their difference are coloured, in colours that colour-blind eyes keep apart.

import type { EventPalette } from "./state.ts";

type Rgb = readonly [number, number, number];

export interface Palette {
  ground: Rgb;
  on: Rgb;
  off: Rgb;
  /** Ends and middle of the difference: fewer than measured, as many, more. */
  less: Rgb;
  same: Rgb;
  more: Rgb;
}

const hex = (text: string): Rgb => [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16)) as unknown as Rgb;

export const PALETTES: Record<EventPalette, Palette> = {
  dark: { ground: hex("#15171c"), on: hex("#ffb000"), off: hex("#2f6bff"), less: hex("#3fc8b4"), same: hex("#15171c"), more: hex("#f2845c") },
  grey: { ground: hex("#808080"), on: hex("#ffffff"), off: hex("#000000"), less: hex("#01665e"), same: hex("#f2f2f0"), more: hex("#a6501e") },
  white: { ground: hex("#ffffff"), on: hex("#c77700"), off: hex("#1f55dd"), less: hex("#01665e"), same: hex("#ffffff"), more: hex("#a6501e") },
};

export const css = ([r, g, b]: Rgb): string => `rgb(${r} ${g} ${b})`;

function put(pixels: Uint8ClampedArray, i: number, from: Rgb, to: Rgb, share: number): void {
  for (let c = 0; c < 3; c++) pixels[4 * i + c] = (from[c] as number) + share * ((to[c] as number) - (from[c] as number));
  pixels[4 * i + 3] = 255;
}

/** The largest of each pixel and its neighbours up to `radius` away. */
export function dilated(counts: Uint32Array, width: number, height: number, radius: number): Uint32Array {
  if (radius <= 0) return counts;
  const along = new Uint32Array(counts.length);
  const out = new Uint32Array(counts.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let most = 0;
      for (let k = Math.max(0, x - radius); k <= Math.min(width - 1, x + radius); k++) most = Math.max(most, counts[y * width + k] as number);
      along[y * width + x] = most;
    }
  }
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let most = 0;
      for (let k = Math.max(0, y - radius); k <= Math.min(height - 1, y + radius); k++) most = Math.max(most, along[k * width + x] as number);
      out[y * width + x] = most;
    }
  }
  return out;
}

/** How far events should grow: sparse ones would be lost on a dark ground. */
export function fittingDilation(active: number, pixels: number): number {
  const share = active / Math.max(1, pixels);
  return share < 0.002 ? 2 : share < 0.01 ? 1 : 0;
}

/** Strength of a colour: one event is well visible, `full` events are at full strength. */
const strength = (n: number, full: number): number => (n <= 0 ? 0 : Math.min(1, 0.45 + 0.55 * ((n - 1) / Math.max(1, full - 1))));

/** Events of each pixel; ON is drawn above OFF. */
export function paintEvents(on: Uint32Array, off: Uint32Array, palette: Palette, full: number): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(4 * on.length);
  for (let i = 0; i < on.length; i++) {
    const [n, m] = [on[i] as number, off[i] as number];
    put(pixels, i, palette.ground, n > 0 ? palette.on : palette.off, strength(n > 0 ? n : m, full));
  }
  return pixels;
}

/** Signed numbers of events that need not be whole; below a quarter of one nothing is shown. */
export function paintSigned(values: Float32Array, palette: Palette, full: number): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(4 * values.length);
  for (let i = 0; i < values.length; i++) {
    const v = values[i] as number;
    const size = Math.abs(v);
    const share = size < 0.25 ? 0 : size < 1 ? 0.45 * ((size - 0.25) / 0.75) : strength(size, full);
    put(pixels, i, palette.ground, v > 0 ? palette.on : palette.off, share);
  }
  return pixels;
}

/** Differences on a diverging scale whose middle is 0 and whose ends are `full`. */
export function paintResidual(values: Float32Array, palette: Palette, full: number): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(4 * values.length);
  for (let i = 0; i < values.length; i++) {
    const v = (values[i] as number) / Math.max(1e-9, full);
    put(pixels, i, palette.same, v > 0 ? palette.more : palette.less, Math.min(1, Math.abs(v)));
  }
  return pixels;
}
