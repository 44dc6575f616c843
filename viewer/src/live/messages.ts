// From the viewer's own View to the message that asks for it.

import type { Percentiles, Tone, View } from "../contract.ts";
import { LEAST_SIDE, MOST_SIDE, type ToneMessage, type ViewMessage } from "../protocol.gen.ts";

const WIDEST = Math.log(100); // the range that automatic brightness shows without squeezing it
type ServedMode = ViewMessage["mode"];
export const MODES: readonly ServedMode[] = ["colour", "depth", "opacity", "normal"];

const served = (mode: View["mode"]): ServedMode => (mode === "samples" ? "opacity" : mode);

/** The size in whole pixels that a server takes, the shape kept. */
export function servedSize(width: number, height: number): { width: number; height: number } {
  const shrink = Math.min(1, MOST_SIDE / width, MOST_SIDE / height);
  const side = (x: number): number => Math.min(MOST_SIDE, Math.max(LEAST_SIDE, Math.round(x * shrink) || LEAST_SIDE));
  return { width: side(width), height: side(height) };
}

/**
 * For automatic brightness the server chooses the numbers of each picture; what the user adds to those that were last
 * told (`base`), the exposure, goes with it.
 */
export function servedTone(tone: Tone, base: readonly number[]): ToneMessage {
  if (tone.mode !== "auto") return { ...tone, offset: [...tone.offset], scale: [...tone.scale] };
  return { mode: "auto", offset: tone.offset.map((x, i) => x - (base[i] ?? base[0] ?? 0)), scale: [1], gamma: tone.gamma };
}

/** Percentiles that lead the interface to the offset and scale that the server chose. */
export function percentilesOf([offset, scale]: readonly [number, number], channels: number): Percentiles {
  const high = -offset / scale;
  const all = (x: number): number[] => Array.from({ length: channels }, () => x);
  return { low: all(high - WIDEST / scale), high: all(high) };
}

export function viewMessage(id: number, view: View, moving: boolean, base: readonly number[]): ViewMessage {
  const { position, quaternion } = view.pose;
  const length = Math.hypot(...quaternion) || 1;
  const [x, y, z, w] = quaternion;
  return {
    type: "view",
    id,
    position,
    quaternion: [x / length, y / length, z / length, w / length],
    fov_y: view.fovY,
    ...servedSize(view.width, view.height),
    t_s: view.tS,
    mode: served(view.mode),
    tone: servedTone(view.tone, base),
    crop: view.crop,
    moving,
    wipe: view.wipe && { mode: served(view.wipe.mode), at: Math.min(1, Math.max(0, view.wipe.at)) },
  };
}
