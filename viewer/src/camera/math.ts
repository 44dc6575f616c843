// Vectors and quaternions (x, y, z, w) as plain tuples.

import type { Quaternion, Vec3 } from "../contract.ts";

export const add = (a: Vec3, b: Vec3): Vec3 => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
export const subtract = (a: Vec3, b: Vec3): Vec3 => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
export const times = (a: Vec3, s: number): Vec3 => [a[0] * s, a[1] * s, a[2] * s];
export const dot = (a: Vec3, b: Vec3): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const cross = (a: Vec3, b: Vec3): Vec3 => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];
export const length = (a: Vec3): number => Math.hypot(a[0], a[1], a[2]);
export const mix = (a: Vec3, b: Vec3, f: number): Vec3 => add(times(a, 1 - f), times(b, f));
export const clamp = (x: number, low: number, high: number): number => Math.min(high, Math.max(low, x));

/** The unit vector along `a`; `otherwise` where `a` has no direction. */
export function unit(a: Vec3, otherwise: Vec3 = [0, 0, 1]): Vec3 {
  const n = length(a);
  return n > 1e-12 ? times(a, 1 / n) : otherwise;
}

/** Some unit vector at right angles to `a`. */
export function perpendicular(a: Vec3): Vec3 {
  const axis: Vec3 = Math.abs(a[0]) < 0.7 * length(a) ? [1, 0, 0] : [0, 1, 0];
  return unit(cross(a, axis));
}

export function unitQuaternion(q: Quaternion): Quaternion {
  const n = Math.hypot(...q);
  return n > 1e-12 ? [q[0] / n, q[1] / n, q[2] / n, q[3] / n] : [0, 0, 0, 1];
}

/** First `b`, then `a`. */
export function multiply(a: Quaternion, b: Quaternion): Quaternion {
  return [
    a[3] * b[0] + a[0] * b[3] + a[1] * b[2] - a[2] * b[1],
    a[3] * b[1] - a[0] * b[2] + a[1] * b[3] + a[2] * b[0],
    a[3] * b[2] + a[0] * b[1] - a[1] * b[0] + a[2] * b[3],
    a[3] * b[3] - a[0] * b[0] - a[1] * b[1] - a[2] * b[2],
  ];
}

export const inverse = (q: Quaternion): Quaternion => [-q[0], -q[1], -q[2], q[3]];

export function rotate(q: Quaternion, v: Vec3): Vec3 {
  const u: Vec3 = [q[0], q[1], q[2]];
  const t = times(cross(u, v), 2);
  return add(add(v, times(t, q[3])), cross(u, t));
}

export function aroundAxis(axis: Vec3, angle: number): Quaternion {
  const u = times(unit(axis), Math.sin(angle / 2));
  return [u[0], u[1], u[2], Math.cos(angle / 2)];
}

/** The rotation whose matrix has these columns (right-handed, orthonormal). */
export function fromColumns(x: Vec3, y: Vec3, z: Vec3): Quaternion {
  const trace = x[0] + y[1] + z[2];
  if (trace > 0) {
    const s = 2 * Math.sqrt(1 + trace);
    return unitQuaternion([(y[2] - z[1]) / s, (z[0] - x[2]) / s, (x[1] - y[0]) / s, s / 4]);
  }
  if (x[0] > y[1] && x[0] > z[2]) {
    const s = 2 * Math.sqrt(1 + x[0] - y[1] - z[2]);
    return unitQuaternion([s / 4, (y[0] + x[1]) / s, (z[0] + x[2]) / s, (y[2] - z[1]) / s]);
  }
  if (y[1] > z[2]) {
    const s = 2 * Math.sqrt(1 + y[1] - x[0] - z[2]);
    return unitQuaternion([(y[0] + x[1]) / s, s / 4, (z[1] + y[2]) / s, (z[0] - x[2]) / s]);
  }
  const s = 2 * Math.sqrt(1 + z[2] - x[0] - y[1]);
  return unitQuaternion([(z[0] + x[2]) / s, (z[1] + y[2]) / s, s / 4, (x[1] - y[0]) / s]);
}

/** The shorter way round. */
export function slerp(a: Quaternion, b: Quaternion, f: number): Quaternion {
  let cosine = a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3];
  const sign = cosine < 0 ? -1 : 1;
  cosine = Math.min(1, cosine * sign);
  const angle = Math.acos(cosine);
  const sine = Math.sin(angle);
  const wa = sine < 1e-6 ? 1 - f : Math.sin((1 - f) * angle) / sine;
  const wb = sign * (sine < 1e-6 ? f : Math.sin(f * angle) / sine);
  return unitQuaternion([
    wa * a[0] + wb * b[0],
    wa * a[1] + wb * b[1],
    wa * a[2] + wb * b[2],
    wa * a[3] + wb * b[3],
  ]);
}
