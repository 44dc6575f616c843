// Geometry of the lines above the picture: what is in front of the camera, and where on it.

import type { Box, Pinhole, Pose, Vec3 } from "../contract.ts";
import { add, inverse, mix, rotate, subtract } from "../camera/math.ts";

export interface Point {
  x: number;
  y: number;
}

/** Brings points of the world onto the picture; lines are cut at a plane just before the camera. */
export class Projector {
  private readonly turn;

  constructor(private readonly pose: Pose, private readonly camera: Pinhole, private readonly near: number) {
    this.turn = inverse(pose.quaternion);
  }

  point(p: Vec3): Point | null {
    const seen = this.seen(p);
    return seen[2] < this.near ? null : this.place(seen);
  }

  line(a: Vec3, b: Vec3): [Point, Point] | null {
    let [p, q] = [this.seen(a), this.seen(b)];
    if (p[2] < this.near && q[2] < this.near) return null;
    if (p[2] < this.near) p = mix(p, q, (this.near - p[2]) / (q[2] - p[2]));
    if (q[2] < this.near) q = mix(q, p, (this.near - q[2]) / (p[2] - q[2]));
    return [this.place(p), this.place(q)];
  }

  /** A direction of the world as seen, without perspective: right, down, towards the back. */
  direction(v: Vec3): Vec3 {
    return rotate(this.turn, v);
  }

  private seen(p: Vec3): Vec3 {
    return rotate(this.turn, subtract(p, this.pose.position));
  }

  private place([x, y, z]: Vec3): Point {
    const { fx, fy, cx, cy } = this.camera;
    // Pixel centres are at integers, a canvas counts from the edge.
    return { x: (x / z) * fx + cx + 0.5, y: (y / z) * fy + cy + 0.5 };
  }
}

/** Centre and the four corners of the picture plane at `depth`, in the order of rows. */
export function frustum(pose: Pose, camera: Pinhole, depth: number): { apex: Vec3; corners: [Vec3, Vec3, Vec3, Vec3]; head: Vec3 } {
  const at = (x: number, y: number): Vec3 =>
    add(pose.position, rotate(pose.quaternion, [((x - camera.cx) / camera.fx) * depth, ((y - camera.cy) / camera.fy) * depth, depth]));
  const [right, low] = [camera.width - 0.5, camera.height - 0.5];
  return {
    apex: pose.position,
    corners: [at(-0.5, -0.5), at(right, -0.5), at(right, low), at(-0.5, low)],
    head: at((camera.width - 1) / 2, -0.5 - 0.22 * camera.height),
  };
}

export function boxCorners([low, high]: Box): Vec3[] {
  return Array.from({ length: 8 }, (_, i) => [i & 1 ? high[0] : low[0], i & 2 ? high[1] : low[1], i & 4 ? high[2] : low[2]] as Vec3);
}

export const BOX_EDGES: readonly (readonly [number, number])[] = [
  [0, 1], [2, 3], [4, 5], [6, 7], [0, 2], [1, 3], [4, 6], [5, 7], [0, 4], [1, 5], [2, 6], [3, 7],
];

export interface Face {
  axis: 0 | 1 | 2;
  side: 0 | 1;
}

export const FACES: readonly Face[] = ([0, 1, 2] as const).flatMap((axis) => ([0, 1] as const).map((side) => ({ axis, side })));

export function faceCentre(box: Box, { axis, side }: Face): Vec3 {
  const middle = mix(box[0], box[1], 0.5);
  return middle.map((m, i) => (i === axis ? box[side][axis] : m)) as unknown as Vec3;
}

/** The box with one face moved to a place, inside of `limits` and never past the opposite face. */
export function withFace(box: Box, { axis, side }: Face, value: number, limits: Box): Box {
  const least = 0.01 * (limits[1][axis] - limits[0][axis]);
  const place = side === 0
    ? Math.min(box[1][axis] - least, Math.max(limits[0][axis], value))
    : Math.max(box[0][axis] + least, Math.min(limits[1][axis], value));
  const corner = box[side].map((x, i) => (i === axis ? place : x)) as unknown as Vec3;
  return side === 0 ? [corner, box[1]] : [box[0], corner];
}

/** Index of the point nearest to a place, within `reach`; -1 when there is none. */
export function nearest(points: readonly (Point | null)[], x: number, y: number, reach: number): number {
  let best = -1;
  let least = reach;
  points.forEach((p, i) => {
    if (!p) return;
    const d = Math.hypot(p.x - x, p.y - y);
    if (d < least) [best, least] = [i, d];
  });
  return best;
}
