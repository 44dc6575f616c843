// Poses and pinhole cameras: camera to world, x right, y down, z forward, pixel centres at integers.

import type { Pinhole, Pose, SceneDocument, Vec3 } from "../contract.ts";
import { add, cross, fromColumns, inverse, mix, perpendicular, rotate, slerp, subtract, times, unit } from "./math.ts";
import { poseAt } from "./trajectory.ts";

export const rightOf = (pose: Pose): Vec3 => rotate(pose.quaternion, [1, 0, 0]);
export const downOf = (pose: Pose): Vec3 => rotate(pose.quaternion, [0, 1, 0]);
export const forwardOf = (pose: Pose): Vec3 => rotate(pose.quaternion, [0, 0, 1]);

/** A camera that looks along `forward` with its head towards `up`. */
export function looking(position: Vec3, forward: Vec3, up: Vec3): Pose {
  const z = unit(forward);
  const sideways = cross(z, up);
  const x = unit(sideways, perpendicular(z));
  return { position, quaternion: fromColumns(x, cross(z, x), z) };
}

export function lookAt(position: Vec3, target: Vec3, up: Vec3): Pose {
  return looking(position, subtract(target, position), up);
}

/** Between two poses: straight line and slerp. */
export function between(a: Pose, b: Pose, f: number): Pose {
  return { position: mix(a.position, b.position, f), quaternion: slerp(a.quaternion, b.quaternion, f) };
}

/** The same direction without roll: the head points as far towards `up` as the direction allows. */
export function level(pose: Pose, up: Vec3): Pose {
  return looking(pose.position, forwardOf(pose), up);
}

/** The whole ball (center, radius) in view, seen along `forward`. */
export function framing(center: Vec3, radius: number, forward: Vec3, up: Vec3, fovY: number, aspect: number): Pose {
  const half = Math.min(fovY / 2, Math.atan(Math.tan(fovY / 2) * aspect));
  const distance = (1.05 * radius) / Math.sin(half);
  return looking(subtract(center, times(unit(forward), distance)), forward, up);
}

/** A centred camera with square pixels. */
export function pinholeOf(fovY: number, width: number, height: number): Pinhole {
  const f = height / 2 / Math.tan(fovY / 2);
  return { width, height, fx: f, fy: f, cx: (width - 1) / 2, cy: (height - 1) / 2 };
}

export const fovYOf = (camera: Pinhole): number => 2 * Math.atan(camera.height / 2 / camera.fy);

/** The same camera with another number of pixels. */
export function resized(camera: Pinhole, width: number, height: number): Pinhole {
  const sx = width / camera.width;
  const sy = height / camera.height;
  return {
    width,
    height,
    fx: camera.fx * sx,
    fy: camera.fy * sy,
    cx: (camera.cx + 0.5) * sx - 0.5,
    cy: (camera.cy + 0.5) * sy - 0.5,
  };
}

/** The pixel that a point falls on, and its depth along the axis; null behind the camera. */
export function project(pose: Pose, camera: Pinhole, point: Vec3): { x: number; y: number; depth: number } | null {
  const [x, y, z] = rotate(inverse(pose.quaternion), subtract(point, pose.position));
  if (z <= 0) return null;
  return { x: (x / z) * camera.fx + camera.cx, y: (y / z) * camera.fy + camera.cy, depth: z };
}

/** The unit ray through a pixel. */
export function rayOf(pose: Pose, camera: Pinhole, x: number, y: number): Vec3 {
  return unit(rotate(pose.quaternion, [(x - camera.cx) / camera.fx, (y - camera.cy) / camera.fy, 1]));
}

/** Where a page starts that was told nothing: the first pose of the recording, else the scene from the front. */
export function firstPose(document: SceneDocument, aspect: number): { pose: Pose; fovY: number; tS: number | null } {
  const fovY = Math.min(1.6, Math.max(0.35, fovYOf(document.cameras.event)));
  const start = document.trajectory.t_s[0];
  const first = document.cameras.views[0];
  const pose = start === undefined ? (first ?? null) : poseAt(document.trajectory, start);
  const tS = start ?? first?.t_s ?? null;
  if (pose !== null) return { pose: { position: pose.position, quaternion: pose.quaternion }, fovY, tS };
  const { center, radius, up } = document.world;
  return { pose: framing(center, radius, add(perpendicular(up), times(up, -0.4)), up, fovY, aspect), fovY, tS };
}
