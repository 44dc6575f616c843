// Where the event camera was at a time: straight lines and slerp between the poses that the scene lists.

import type { Pose, Quaternion, SceneDocument, SceneView, Vec3 } from "../contract.ts";
import { mix, slerp } from "./math.ts";

type Trajectory = SceneDocument["trajectory"];

/** The number of entries of an increasing list that are not above `t`. */
export function countUpTo(times: ArrayLike<number>, t: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] as number) <= t) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The pose at a time; the first or last one outside of the recorded span; null without poses. */
export function poseAt(trajectory: Trajectory, tS: number): Pose | null {
  const { t_s, position, quaternion } = trajectory;
  if (t_s.length === 0) return null;
  const after = Math.min(t_s.length - 1, Math.max(1, countUpTo(t_s, tS)));
  const before = Math.max(0, after - 1);
  const [ta, tb] = [t_s[before] as number, t_s[after] as number];
  const f = tb > ta ? Math.min(1, Math.max(0, (tS - ta) / (tb - ta))) : 0;
  return {
    position: mix(position[before] as Vec3, position[after] as Vec3, f),
    quaternion: slerp(quaternion[before] as Quaternion, quaternion[after] as Quaternion, f),
  };
}

/** Index of the view whose camera is nearest to a position; -1 without views. */
export function nearestView(views: readonly SceneView[], position: Vec3): number {
  let best = -1;
  let least = Infinity;
  views.forEach((view, i) => {
    const d = Math.hypot(...view.position.map((x, axis) => x - (position[axis] as number)));
    if (d < least) [best, least] = [i, d];
  });
  return best;
}
