import { describe, expect, it } from "vitest";
import type { Box, Pose } from "../contract.ts";
import { durationOf, samplePath } from "../camera/path.ts";
import { pinholeOf } from "../camera/pose.ts";
import { coveringFov } from "./desk.ts";
import { rowsOf, words } from "./about_panel.ts";
import { BOX_EDGES, boxCorners, faceCentre, FACES, frustum, nearest, Projector, withFace } from "./lines.ts";
import { EMPTY, fromPath, moved, type Stop, toPath, withoutStop, withSeconds, withStop } from "./path_edit.ts";
import { formatDuration } from "./training_panel.ts";

const here: Pose = { position: [0, 0, 0], quaternion: [0, 0, 0, 1] };

describe("lines above the picture", () => {
  const projector = new Projector(here, pinholeOf(Math.PI / 2, 200, 100), 0.01);

  it("put the axis into the middle and x to the right, y down", () => {
    expect(projector.point([0, 0, 5])).toEqual({ x: 100, y: 50 });
    const p = projector.point([1, 1, 1]);
    expect([p?.x, p?.y]).toEqual([150, 100]);
    expect(projector.point([0, 0, -1])).toBeNull();
  });

  it("are cut before the camera, not turned inside out", () => {
    const line = projector.line([0, 0.5, 1], [0, 0.5, -1]);
    expect(line?.[0]).toEqual({ x: 100, y: 75 });
    expect(line?.[1].y).toBeGreaterThan(1000);
    expect(projector.line([0, 0, -1], [1, 0, -2])).toBeNull();
  });

  it("show what a camera sees", () => {
    const { corners, head, apex } = frustum({ ...here, position: [1, 2, 3] }, { width: 4, height: 2, fx: 2, fy: 2, cx: 1.5, cy: 0.5 }, 2);
    expect(apex).toEqual([1, 2, 3]);
    expect(corners).toEqual([[-1, 1, 5], [3, 1, 5], [3, 3, 5], [-1, 3, 5]]);
    expect(head[1]).toBeLessThan(1);
    expect(Math.tan(coveringFov({ width: 4, height: 2, fx: 2, fy: 2, cx: 1.5, cy: 0.5 }, 4) / 2)).toBeCloseTo(0.5, 9);
    expect(Math.tan(coveringFov({ width: 4, height: 2, fx: 2, fy: 2, cx: 1.5, cy: 0.5 }, 1) / 2)).toBeCloseTo(1, 9);
  });

  it("find the point under the pointer", () => {
    expect(nearest([{ x: 0, y: 0 }, null, { x: 9, y: 0 }], 8, 1, 5)).toBe(2);
    expect(nearest([{ x: 0, y: 0 }], 8, 1, 5)).toBe(-1);
  });
});

describe("the crop box", () => {
  const box: Box = [[-1, -2, -3], [1, 2, 3]];

  it("has twelve edges of one axis each and six faces", () => {
    const corners = boxCorners(box);
    for (const [a, b] of BOX_EDGES) expect(corners[a]?.filter((x, i) => x !== corners[b]?.[i])).toHaveLength(1);
    expect(FACES.map((f) => faceCentre(box, f))).toEqual([[-1, 0, 0], [1, 0, 0], [0, -2, 0], [0, 2, 0], [0, 0, -3], [0, 0, 3]]);
  });

  it("moves one face, never past the other or out of the scene", () => {
    expect(withFace(box, { axis: 0, side: 1 }, 0.25, box)).toEqual([[-1, -2, -3], [0.25, 2, 3]]);
    expect(withFace(box, { axis: 0, side: 1 }, 9, box)[1][0]).toBe(1);
    expect(withFace(box, { axis: 0, side: 1 }, -9, box)[1][0]).toBeCloseTo(-0.98, 9);
    expect(withFace(box, { axis: 2, side: 0 }, 9, box)[0][2]).toBeCloseTo(2.94, 9);
  });
});

describe("a path that is edited", () => {
  const stop = (x: number): Stop => ({ position: [x, 0, 0], quaternion: [0, 0, 0, 1], fovY: 0.7, timeS: null });
  const three = [0, 1, 2].map(stop).reduce(withStop, EMPTY);

  it("adds, removes, reorders, and keeps durations at their places", () => {
    expect(toPath(three).keys.map((k) => k.t)).toEqual([0, 2, 4]);
    const other = moved(withSeconds(three, 0, 5), 0, 1);
    expect(toPath(other).keys.map((k) => [k.t, k.position[0]])).toEqual([[0, 1], [5, 0], [7, 2]]);
    expect(withoutStop(other, 1).stops).toHaveLength(2);
    expect(moved(three, 0, -1)).toBe(three);
    expect(withSeconds(three, 0, -1).seconds[0]).toBe(0.05);
  });

  it("comes back from the form that is saved", () => {
    expect(fromPath(toPath(three))).toEqual(three);
    const round = { ...three, closed: true };
    expect(fromPath(toPath(round))).toEqual(round);
    expect(durationOf(toPath(round))).toBeCloseTo(6, 9);
  });

  it("takes its own time for the way back", () => {
    const slow = toPath(withSeconds({ ...three, closed: true }, 2, 10));
    expect(durationOf(slow)).toBeCloseTo(14, 9);
    expect(samplePath(slow, 14).pose.position[0]).toBeCloseTo(0, 9);
  });
});

describe("words about the scene", () => {
  it("leave out what has no value", () => {
    expect(rowsOf({ psnr: 27.09218, ssim: null, views: 40, gauge: { a: [0.9], deep: { x: 1 } }, names: Array(40).fill("a") })).toEqual([["PSNR", "27.09"], ["Views", "40"], ["Gauge a", "0.9"]]);
    expect([words(true), words([1, 2]), words({})]).toEqual(["yes", "1, 2", null]);
    expect([5, 65, 3700].map(formatDuration)).toEqual(["5 s", "1 min 5 s", "1 h 1 min"]);
  });
});
