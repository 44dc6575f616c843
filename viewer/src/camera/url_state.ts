// The view in the address of the page: short, readable, and the same view again when it is opened.

import type { Box, Mode, Pose, Quaternion, Tone, Vec3, View } from "../contract.ts";
import { unitQuaternion } from "./math.ts";

/** What an address can say; what it leaves out stays as it is. */
export interface UrlState {
  pose?: Pose;
  /** Radians. */
  fovY?: number;
  tS?: number | null;
  mode?: Mode;
  wipe?: View["wipe"];
  crop?: Box | null;
  tone?: Tone;
  /** Stops that automatic brightness is changed by; other kinds have it in their numbers. */
  exposure?: number;
}

const MODES: readonly Mode[] = ["colour", "depth", "opacity", "normal", "samples"];
const MOST_STOPS = 6;
const TONES: readonly Tone["mode"][] = ["auto", "fixed", "aligned"];

/** Shortest text that keeps `digits` significant digits (a time keeps its microseconds). */
const short = (x: number, digits = 6): string => String(Number(x.toPrecision(digits)));
const list = (values: readonly number[], digits?: number): string => values.map((x) => short(x, digits)).join(",");

/** The fragment of an address, without its #. */
export function formatState(state: UrlState): string {
  const parts: string[] = [];
  if (state.pose) {
    parts.push(`pos=${list(state.pose.position)}`, `rot=${list(state.pose.quaternion)}`);
  }
  if (state.fovY !== undefined) parts.push(`fov=${short((state.fovY * 180) / Math.PI)}`);
  if (state.tS !== undefined && state.tS !== null) parts.push(`t=${Number(state.tS.toFixed(6))}`);
  if (state.mode) parts.push(`mode=${state.mode}`);
  if (state.wipe) parts.push(`wipe=${state.wipe.mode}@${short(state.wipe.at, 4)}`);
  if (state.crop) parts.push(`crop=${list(state.crop[0])}..${list(state.crop[1])}`);
  if (state.tone) {
    const { mode, offset, scale, gamma } = state.tone;
    parts.push(mode === "auto" ? "tone=auto" : `tone=${mode}:${list(offset, 8)}:${list(scale, 8)}:${short(gamma)}`);
  }
  if (state.exposure && state.tone?.mode === "auto") parts.push(`ev=${short(state.exposure, 3)}`);
  return parts.join("&");
}

function numbers(text: string | undefined, count: number): number[] | null {
  const values = (text ?? "").split(",").map((part) => (part.trim() === "" ? NaN : Number(part)));
  return values.length === count && values.every(Number.isFinite) ? values : null;
}

function readTone(text: string, channels: number): Tone | undefined {
  const [mode, offset, scale, gamma] = text.split(":");
  if (!TONES.includes(mode as Tone["mode"])) return undefined;
  if (mode === "auto") return { mode, offset: [], scale: [], gamma: 2.2 };
  const [o, s, g] = [numbers(offset, channels), numbers(scale, channels), numbers(gamma, 1)];
  if (!o || !s || !g || (g[0] as number) <= 0) return undefined;
  return { mode: mode as Tone["mode"], offset: o, scale: s, gamma: g[0] as number };
}

/**
 * Reads a fragment; whatever in it is not understood is left out, never an error.
 * `tone=auto` comes back with empty lists: its numbers follow from the picture.
 */
export function parseState(fragment: string, channels: number): UrlState {
  const fields = new Map<string, string>();
  for (const part of fragment.replace(/^#/, "").split("&")) {
    const at = part.indexOf("=");
    if (at <= 0) continue;
    try {
      fields.set(part.slice(0, at), decodeURIComponent(part.slice(at + 1)));
    } catch {
      // a broken escape: as if it were not there
    }
  }
  const state: UrlState = {};
  const position = numbers(fields.get("pos"), 3);
  const rotation = numbers(fields.get("rot"), 4);
  if (position && rotation && Math.hypot(...rotation) > 0.5) {
    state.pose = { position: position as unknown as Vec3, quaternion: unitQuaternion(rotation as unknown as Quaternion) };
  }
  const fov = numbers(fields.get("fov"), 1)?.[0];
  if (fov !== undefined && fov >= 1 && fov <= 170) state.fovY = (fov * Math.PI) / 180;
  const t = numbers(fields.get("t"), 1)?.[0];
  if (t !== undefined) state.tS = t;
  const mode = fields.get("mode") as Mode | undefined;
  if (mode && MODES.includes(mode)) state.mode = mode;
  const [wipeMode, at] = (fields.get("wipe") ?? "").split("@");
  const place = numbers(at, 1)?.[0];
  if (MODES.includes(wipeMode as Mode) && place !== undefined && place >= 0 && place <= 1) {
    state.wipe = { mode: wipeMode as Mode, at: place };
  }
  const [low, high] = (fields.get("crop") ?? "").split("..").map((corner) => numbers(corner, 3));
  if (low && high && low.every((x, i) => x < (high[i] as number))) {
    state.crop = [low as unknown as Vec3, high as unknown as Vec3];
  }
  const tone = fields.has("tone") ? readTone(fields.get("tone") as string, channels) : undefined;
  if (tone) state.tone = tone;
  const exposure = numbers(fields.get("ev"), 1)?.[0];
  if (tone?.mode === "auto" && exposure !== undefined && Math.abs(exposure) <= MOST_STOPS) state.exposure = exposure;
  return state;
}
