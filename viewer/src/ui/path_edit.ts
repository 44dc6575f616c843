// The camera path while it is edited: views in an order, and how long each takes to the next.

import type { CameraPath, PathKey } from "../camera/path.ts";

export type Stop = Omit<PathKey, "t">;

export interface Edited {
  stops: readonly Stop[];
  /** Seconds from each stop to the next; the last one leads back to the first when the path is closed. */
  seconds: readonly number[];
  fps: number;
  closed: boolean;
}

export const EMPTY: Edited = { stops: [], seconds: [], fps: 30, closed: false };
export const LEG_S = 2;
export const SHORTEST_LEG_S = 0.05;

export function withStop(path: Edited, stop: Stop): Edited {
  return { ...path, stops: [...path.stops, stop], seconds: [...path.seconds, LEG_S] };
}

export function withoutStop(path: Edited, i: number): Edited {
  const keep = (_: unknown, k: number): boolean => k !== i;
  return { ...path, stops: path.stops.filter(keep), seconds: path.seconds.filter(keep) };
}

/** Swaps a stop with its neighbour; the durations stay with their places. */
export function moved(path: Edited, i: number, by: -1 | 1): Edited {
  const [a, b] = [path.stops[i], path.stops[i + by]];
  if (!a || !b) return path;
  return { ...path, stops: path.stops.map((stop, k) => (k === i ? b : k === i + by ? a : stop)) };
}

export function withSeconds(path: Edited, i: number, seconds: number): Edited {
  return { ...path, seconds: path.seconds.map((s, k) => (k === i ? Math.min(600, Math.max(SHORTEST_LEG_S, seconds)) : s)) };
}

/**
 * The path in the form that is played and saved. A closed one ends in a repetition of its first stop, so that the way back
 * takes as long as was asked (in the format, it would take the mean of the others).
 */
export function toPath({ stops, seconds, fps, closed }: Edited): CameraPath {
  let t = 0;
  const keys = stops.map((stop, i): PathKey => {
    const key = { t, ...stop };
    t += seconds[i] ?? LEG_S;
    return key;
  });
  const even = seconds.every((s) => Math.abs(s - (seconds[0] ?? s)) < 1e-9);
  if (!closed || stops.length < 2 || even) return { fps, keys, closed: closed && stops.length > 1 };
  return { fps, keys: [...keys, { t, ...(stops[0] as Stop) }], closed: false };
}

export function fromPath({ keys, fps, closed }: CameraPath): Edited {
  const legs = keys.slice(1).map((key, i) => key.t - (keys[i] as PathKey).t);
  const mean = legs.length > 0 ? legs.reduce((a, b) => a + b, 0) / legs.length : LEG_S;
  return { stops: keys.map(({ t: _t, ...stop }) => stop), seconds: [...legs, closed ? mean : LEG_S], fps, closed };
}
