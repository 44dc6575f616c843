import { describe, expect, it } from "vitest";
import type { Pose, Quaternion, Vec3 } from "../contract.ts";
import { plainDocument } from "../scene/scene.fixture.ts";
import { validateScene } from "../scene/validate.ts";
import { dot, fromColumns, inverse, length, multiply, rotate, slerp, subtract, unitQuaternion } from "./math.ts";
import { moved, orbited, rollOf, turned, unrolled } from "./orbit.ts";
import { downOf, firstPose, forwardOf, fovYOf, framing, lookAt, pinholeOf, project, rayOf, resized, rightOf } from "./pose.ts";
import { nearestView, poseAt } from "./trajectory.ts";

const close = (a: readonly number[], b: readonly number[], digits = 9): void => a.forEach((x, i) => expect(x).toBeCloseTo(b[i] as number, digits));
const UP: Vec3 = [0, 0, 1];

let seed = 7;
const random = (): number => ((seed = (seed * 48271) % 2147483647) / 2147483647) * 2 - 1;
const anyQuaternion = (): Quaternion => unitQuaternion([random(), random(), random(), random()]);

describe("quaternions", () => {
  it("turn as their matrices do, and compose", () => {
    for (let i = 0; i < 50; i++) {
      const [a, b] = [anyQuaternion(), anyQuaternion()];
      const v: Vec3 = [random(), random(), random()];
      close(rotate(multiply(a, b), v), rotate(a, rotate(b, v)));
      close(rotate(inverse(a), rotate(a, v)), v);
      const same = fromColumns(rotate(a, [1, 0, 0]), rotate(a, [0, 1, 0]), rotate(a, [0, 0, 1]));
      close(rotate(same, v), rotate(a, v));
    }
  });

  it("are blended the shorter way", () => {
    const half: Quaternion = [0, 0, Math.SQRT1_2, Math.SQRT1_2];
    close(rotate(slerp([0, 0, 0, 1], half, 0.5), [1, 0, 0]), [Math.SQRT1_2, Math.SQRT1_2, 0]);
    const negative = half.map((x) => -x) as unknown as Quaternion;
    close(rotate(slerp([0, 0, 0, 1], negative, 0.5), [1, 0, 0]), [Math.SQRT1_2, Math.SQRT1_2, 0]);
  });
});

describe("a camera", () => {
  it("has OpenCV's axes: looking along y with z up, right is x and down is -z", () => {
    const pose = lookAt([0, -3, 0], [0, 0, 0], UP);
    close(rightOf(pose), [1, 0, 0]);
    close(downOf(pose), [0, 0, -1]);
    close(forwardOf(pose), [0, 1, 0]);
    const camera = pinholeOf(Math.PI / 2, 200, 100);
    const right = project(pose, camera, [1, 0, 0]);
    expect(right?.x).toBeGreaterThan(99.5);
    expect(project(pose, camera, [0, 0, 1])?.y).toBeLessThan(49.5); // what is up has a small y
    expect(project(pose, camera, [0, -4, 0])).toBeNull();
    close([right?.depth as number], [3]);
  });

  it("has pixel centres at integers: corners see the field of view", () => {
    const camera = pinholeOf(1, 64, 48);
    expect([camera.cx, camera.cy]).toEqual([31.5, 23.5]);
    expect(fovYOf(camera)).toBeCloseTo(1, 12);
    const pose = lookAt([0, 0, 0], [0, 1, 0], UP);
    const top = rayOf(pose, camera, 31.5, -0.5); // the upper edge of row 0
    expect(Math.acos(dot(top, forwardOf(pose)))).toBeCloseTo(0.5, 9);
    const half = resized(camera, 32, 24); // the same edges with half of the pixels
    close(rayOf(pose, half, -0.5, 23.5), rayOf(pose, camera, -0.5, 47.5));
  });

  it("projects along its own rays", () => {
    const camera = { width: 240, height: 180, fx: 199.1, fy: 198.8, cx: 132.2, cy: 110.7 };
    for (let i = 0; i < 20; i++) {
      const pose: Pose = { position: [random(), random(), random()], quaternion: anyQuaternion() };
      const ray = rayOf(pose, camera, 17, 140);
      const there = project(pose, camera, pose.position.map((x, k) => x + 2.5 * (ray[k] as number)) as unknown as Vec3);
      close([there?.x as number, there?.y as number], [17, 140], 6);
    }
  });

  it("frames a ball whole, in wide and in tall windows", () => {
    for (const aspect of [2, 1, 0.4]) {
      const pose = framing([1, 2, 3], 1.5, [1, 1, -0.5], UP, 0.8, aspect);
      const camera = pinholeOf(0.8, 1000 * aspect, 1000);
      for (const side of [rightOf(pose), downOf(pose)])
        for (const sign of [-1, 1]) {
          const p = project(pose, camera, [0, 1, 2].map((k) => [1, 2, 3][k] as number + sign * 1.5 * (side[k] as number)) as unknown as Vec3);
          expect(p && p.x >= 0 && p.x < 1000 * aspect && p.y >= 0 && p.y < 1000).toBe(true);
        }
    }
  });

  it("starts where the recording starts", () => {
    const { pose, tS } = firstPose(validateScene(plainDocument()), 1);
    expect([pose.position, tS]).toEqual([[0, 0, 0], 0]);
    const bare = plainDocument();
    bare.trajectory = { t_s: [], position: [], quaternion: [] };
    bare.cameras.views = [];
    const framed = firstPose(validateScene(bare), 1).pose;
    expect(length(subtract(framed.position, [2, 1.5, 1]))).toBeGreaterThan(2.7);
  });
});

describe("the trajectory", () => {
  const { trajectory, cameras } = validateScene(plainDocument());
  it("is a line with slerp between its poses and stays at its ends", () => {
    close(poseAt(trajectory, 0.25)?.position as Vec3, [0.5, 1, 1.5]);
    close(rotate(poseAt(trajectory, 0.25)?.quaternion as Quaternion, [1, 0, 0]).map(Math.abs), [0, 1, 0]);
    close(poseAt(trajectory, -1)?.position as Vec3, [0, 0, 0]);
    close(poseAt(trajectory, 9)?.position as Vec3, [1, 2, 3]);
    expect(poseAt({ t_s: [], position: [], quaternion: [] }, 0)).toBeNull();
  });
  it("knows the nearest view", () => {
    expect(nearestView(cameras.views, [0.9, 0, 0])).toBe(1);
    expect(nearestView([], [0, 0, 0])).toBe(-1);
  });
});

describe("movements", () => {
  const start = lookAt([0, -3, 1], [0, 0, 0], UP);

  it("orbit at one distance, level, never over the pole", () => {
    let pose = start;
    for (let i = 0; i < 200; i++) pose = orbited(pose, [0, 0, 0], UP, 0.05, i < 100 ? -0.1 : 0.17);
    expect(length(pose.position)).toBeCloseTo(Math.sqrt(10), 9);
    expect(rollOf(pose, UP)).toBeCloseTo(0, 9);
    close(forwardOf(pose), pose.position.map((x) => -x / Math.sqrt(10)));
    expect(forwardOf(pose)[2]).toBeLessThan(1);
    expect(-downOf(pose)[2]).toBeGreaterThan(0); // its head is still up
  });

  it("leave the pole when a view looks straight down", () => {
    const above: Pose = { position: [0, 0, 3], quaternion: fromColumns([1, 0, 0], [0, -1, 0], [0, 0, -1]) };
    const pose = orbited(above, [0, 0, 0], UP, 0, 0.3);
    expect(length(pose.position)).toBeCloseTo(3, 9);
    expect(forwardOf(pose)[2]).toBeCloseTo(-Math.cos(0.3), 6);
  });

  it("take roll away in shares", () => {
    const rolled = turned(start, start.position, forwardOf(start), 0.6);
    expect(rollOf(rolled, UP)).toBeCloseTo(0.6, 9);
    expect(rollOf(unrolled(rolled, UP, 0.5), UP)).toBeCloseTo(0.3, 9);
    close(forwardOf(unrolled(rolled, UP, 1)), forwardOf(start));
  });

  it("go along the camera's axes", () => {
    close(moved(lookAt([0, 0, 0], [0, 1, 0], UP), 1, 2, 3).position, [1, 3, -2]);
  });
});
