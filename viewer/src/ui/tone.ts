// Brightness: from log radiance, known up to an offset and a scale, to what the screen shows.

import type { Percentiles, SceneDocument, Tone, ToneDocument } from "../contract.ts";
import { perChannel } from "./state.ts";

const WIDEST = Math.log(100); // a larger range of brightness is squeezed into this one
export const STOP = Math.LN2;

/** The brightest hundredth of the picture becomes white; a range above 1 to 100 is compressed. Channels stay together. */
export function autoTone(percentiles: Percentiles, gamma: number): Tone {
  const high = Math.max(...percentiles.high);
  const low = Math.min(...percentiles.low);
  const range = high - low;
  const scale = range > WIDEST ? WIDEST / range : 1;
  const channels = percentiles.high.length;
  return { mode: "auto", offset: perChannel(-scale * high, channels), scale: perChannel(scale, channels), gamma };
}

/** The tone with the exposure in it, as pictures are made. */
export function exposed(tone: Tone, stops: number): Tone {
  return stops === 0 ? tone : { ...tone, offset: tone.offset.map((o) => o + stops * STOP) };
}

export function alignedTone(document: ToneDocument, channels: number): Tone | null {
  if (!document.aligned) return null;
  const { offset, scale } = document.aligned;
  return { mode: "aligned", offset: perChannel(offset, channels), scale: perChannel(scale, channels), gamma: document.gamma };
}

/** What a value of linear radiance looks like, 0 to 1. */
export function display(radiance: number, tone: Tone, channel = 0): number {
  const linear = Math.exp((tone.offset[channel] ?? 0) + (tone.scale[channel] ?? 1) * Math.log(Math.max(1e-12, radiance)));
  return Math.min(1, Math.max(0, linear)) ** (1 / tone.gamma);
}

/** Whether pictures must carry the label. */
export const isUncalibrated = (tone: Tone): boolean => tone.mode !== "aligned";
export const UNCALIBRATED = "uncalibrated brightness";

const short = (x: number): string => String(Number(x.toFixed(3)));

/** One number when all channels have the same, else all of them. */
export function formatNumbers(values: readonly number[]): string {
  return values.every((v) => v === values[0]) ? short(values[0] ?? 0) : values.map(short).join(", ");
}

/** One number for all channels or one for each; null when it is neither. */
export function parseNumbers(text: string, channels: number): number[] | null {
  const parts = text.trim().split(/\s*[,;\s]\s*/).map((p) => (p === "" ? NaN : Number(p)));
  if ((parts.length !== 1 && parts.length !== channels) || !parts.every(Number.isFinite)) return null;
  return perChannel(parts, channels);
}

/** The sentence under the choice. */
export function toneSentence(tone: Tone, document: SceneDocument, kind: "baked" | "live"): string {
  if (tone.mode === "aligned") return `Aligned to reference frames: ${document.tone.aligned?.source ?? ""}`.replace(/:\s*$/, "");
  if (tone.mode === "fixed") return "The values stay fixed, whatever the view.";
  return kind === "live" ? "The server sets the brightness of each image." : "The brightest 1 % of the view is white.";
}
