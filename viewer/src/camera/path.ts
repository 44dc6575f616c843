// A camera path: keys with times, positions by a Catmull-Rom spline in time, directions by slerp; and its JSON.

import type { Pose, Quaternion, Vec3 } from "../contract.ts";
import { add, slerp, subtract, times, unitQuaternion } from "./math.ts";
import { turned } from "./orbit.ts";
import { countUpTo } from "./trajectory.ts";

export interface PathKey {
  /** Seconds since the path's start. */
  t: number;
  position: Vec3;
  quaternion: Quaternion;
  /** Radians. */
  fovY: number;
  /** The field's time in seconds; null leaves it as it is. */
  timeS: number | null;
}

export interface CameraPath {
  fps: number;
  keys: PathKey[];
  /** Whether the last key leads back to the first, in the mean time between keys. */
  closed: boolean;
}

export interface PathSample {
  pose: Pose;
  fovY: number;
  timeS: number | null;
}

/** Seconds from the first key to the end. */
export function durationOf(path: CameraPath): number {
  const { keys, closed } = path;
  if (keys.length < 2) return 0;
  const open = (keys[keys.length - 1] as PathKey).t - (keys[0] as PathKey).t;
  return closed ? open + open / (keys.length - 1) : open;
}

/** Key `i` of a path that goes on beyond its ends: round again when closed, else null. */
function keyAt(path: CameraPath, i: number): PathKey | null {
  const n = path.keys.length;
  if (i >= 0 && i < n) return path.keys[i] as PathKey;
  if (!path.closed) return null;
  const round = Math.floor(i / n);
  const key = path.keys[i - round * n] as PathKey;
  return { ...key, t: key.t + round * durationOf(path) };
}

/** Velocity at key `i`: the line between its neighbours; towards the one neighbour at an open end. */
function velocity(path: CameraPath, i: number): Vec3 {
  const here = keyAt(path, i) as PathKey;
  const before = keyAt(path, i - 1) ?? here;
  const after = keyAt(path, i + 1) ?? here;
  const span = after.t - before.t;
  return span > 0 ? times(subtract(after.position, before.position), 1 / span) : [0, 0, 0];
}

/** The view at `t` seconds after the first key; held at the ends of an open path. Throws on a path without keys. */
export function samplePath(path: CameraPath, t: number): PathSample {
  const first = path.keys[0];
  if (!first) throw new Error("The path has no keys.");
  const duration = durationOf(path);
  const inside = path.closed && duration > 0 ? ((t % duration) + duration) % duration : Math.min(duration, Math.max(0, t));
  const at = first.t + inside;
  const i = Math.max(0, countUpTo(path.keys.map((k) => k.t), at) - 1);
  const a = path.keys[i] as PathKey;
  const b = keyAt(path, i + 1) ?? a;
  const span = b.t - a.t;
  const f = span > 0 ? Math.min(1, (at - a.t) / span) : 0;
  const [f2, f3] = [f * f, f * f * f];
  const position = [
    times(a.position, 2 * f3 - 3 * f2 + 1),
    times(velocity(path, i), (f3 - 2 * f2 + f) * span),
    times(b.position, 3 * f2 - 2 * f3),
    times(b === a ? [0, 0, 0] : velocity(path, i + 1), (f3 - f2) * span),
  ].reduce(add);
  const timeS = a.timeS !== null && b.timeS !== null ? a.timeS + f * (b.timeS - a.timeS) : (a.timeS ?? b.timeS);
  return { pose: { position, quaternion: slerp(a.quaternion, b.quaternion, f) }, fovY: a.fovY + f * (b.fovY - a.fovY), timeS };
}

/** The path's JSON, its positions in the world; those of the scene count from `origin`. */
export function formatPath(path: CameraPath, origin: Vec3): string {
  const keys = path.keys.map((k) => ({ t: k.t, position: add(k.position, origin), quaternion: k.quaternion, fov_y: k.fovY, time_s: k.timeS }));
  return `${JSON.stringify({ format: "efields-path", version: 1, fps: path.fps, keys, closed: path.closed }, null, 1)}\n`;
}

function finite(value: unknown, what: string): number {
  if (typeof value !== "number" || !Number.isFinite(value)) throw new Error(`This camera path is broken: ${what} should be a finite number.`);
  return value;
}

function finites(value: unknown, count: number, what: string): number[] {
  if (!Array.isArray(value) || value.length !== count) throw new Error(`This camera path is broken: ${what} should hold ${count} numbers.`);
  return value.map((x) => finite(x, what));
}

function parseKey(value: unknown, i: number): PathKey {
  const what = `key ${i + 1}`;
  if (typeof value !== "object" || value === null) throw new Error(`This camera path is broken: ${what} should be an object.`);
  const k = value as Record<string, unknown>;
  const quaternion = finites(k.quaternion, 4, `the quaternion of ${what}`) as unknown as Quaternion;
  if (Math.abs(Math.hypot(...quaternion) - 1) > 0.01) throw new Error(`This camera path is broken: the quaternion of ${what} should be of length 1.`);
  const fovY = finite(k.fov_y, `the fov_y of ${what}`);
  if (fovY <= 0 || fovY >= Math.PI) throw new Error(`This camera path is broken: the fov_y of ${what} should be in radians, between 0 and 3.14.`);
  return {
    t: finite(k.t, `the time of ${what}`),
    position: finites(k.position, 3, `the position of ${what}`) as unknown as Vec3,
    quaternion: unitQuaternion(quaternion),
    fovY,
    timeS: k.time_s === null || k.time_s === undefined ? null : finite(k.time_s, `the time_s of ${what}`),
  };
}

/** Reads a path's JSON for a scene that counts from `origin`; throws an Error of one plain sentence when it is none. */
export function parsePath(text: string, origin: Vec3): CameraPath {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error("This file is not a camera path: it is not JSON.");
  }
  const d = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  if (d.format !== "efields-path") throw new Error('This file is not a camera path: its "format" is not "efields-path".');
  if (d.version !== 1) throw new Error(`This camera path has version ${String(d.version)}; this viewer reads version 1.`);
  if (!Array.isArray(d.keys)) throw new Error("This camera path is broken: it has no list of keys.");
  const fps = finite(d.fps, "fps");
  if (fps <= 0 || fps > 1000) throw new Error("This camera path is broken: fps should be between 0 and 1000.");
  const keys = d.keys.map(parseKey).map((key) => ({ ...key, position: subtract(key.position, origin) }));
  keys.forEach((key, i) => {
    if (i > 0 && key.t <= (keys[i - 1] as PathKey).t) throw new Error(`This camera path is broken: key ${i + 1} is not later than the one before it.`);
  });
  return { fps, keys, closed: d.closed === true };
}

/** Once around `center` about `up`, at the height and distance of a pose, in `seconds`, back to where it starts. */
export function orbitPath(pose: Pose, center: Vec3, up: Vec3, fovY: number, seconds: number, count = 12): CameraPath {
  const keys = Array.from({ length: count }, (_, i) => {
    const { position, quaternion } = turned(pose, center, up, (2 * Math.PI * i) / count);
    return { t: (seconds * i) / count, position, quaternion, fovY, timeS: null };
  });
  return { fps: 30, keys, closed: true };
}
