// Camera movements as pure functions of a pose: turn about a point, pan, dolly, look around, fly.

import type { Pose, Vec3 } from "../contract.ts";
import { add, aroundAxis, clamp, cross, dot, length, multiply, rotate, subtract, times, unit, unitQuaternion } from "./math.ts";
import { downOf, forwardOf, rightOf } from "./pose.ts";

const STEEPEST = Math.PI / 2 - 0.02; // the pole itself has no heading

/** Turns the pose about `axis` through `pivot`. */
export function turned(pose: Pose, pivot: Vec3, axis: Vec3, angle: number): Pose {
  const q = aroundAxis(axis, angle);
  return {
    position: add(pivot, rotate(q, subtract(pose.position, pivot))),
    quaternion: unitQuaternion(multiply(q, pose.quaternion)),
  };
}

/** Angle of the view above the horizon. */
function pitchOf(pose: Pose, up: Vec3): number {
  return Math.asin(clamp(dot(forwardOf(pose), up), -1, 1));
}

/** Signed roll: how far the camera's head leans to its right. */
export function rollOf(pose: Pose, up: Vec3): number {
  const level = cross(forwardOf(pose), up);
  if (length(level) < 1e-6) return 0;
  const x = unit(level);
  return Math.atan2(dot(rightOf(pose), cross(forwardOf(pose), x)), dot(rightOf(pose), x));
}

/** Takes away a share of the roll. */
export function unrolled(pose: Pose, up: Vec3, share: number): Pose {
  return turned(pose, pose.position, forwardOf(pose), -rollOf(pose, up) * share);
}

/** Heading by `yaw` about `up` and pitch by `pitch` (positive looks up), both about `pivot`; never over the pole. */
export function orbited(pose: Pose, pivot: Vec3, up: Vec3, yaw: number, pitch: number): Pose {
  const around = turned(pose, pivot, up, yaw);
  const now = pitchOf(around, up);
  const wanted = clamp(now + pitch, Math.min(now, -STEEPEST), Math.max(now, STEEPEST));
  const sideways = cross(forwardOf(around), up);
  const axis = unit(sideways, rightOf(around));
  return turned(around, pivot, axis, wanted - now);
}

/** Moves along the camera's own axes. */
export function moved(pose: Pose, right: number, down: number, forward: number): Pose {
  const step = add(add(times(rightOf(pose), right), times(downOf(pose), down)), times(forwardOf(pose), forward));
  return { position: add(pose.position, step), quaternion: pose.quaternion };
}

/** The point at `distance` ahead. */
export function ahead(pose: Pose, distance: number): Vec3 {
  return add(pose.position, times(forwardOf(pose), distance));
}

/** How far ahead the middle of the scene is: what the camera turns about when it was put somewhere. */
export function pivotDistance(pose: Pose, center: Vec3, radius: number): number {
  const depth = dot(subtract(center, pose.position), forwardOf(pose));
  return clamp(depth, 0.2 * radius, 20 * radius);
}
