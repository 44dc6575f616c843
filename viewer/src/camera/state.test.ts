import { describe, expect, it } from "vitest";
import type { Quaternion, Vec3 } from "../contract.ts";
import { flightOf } from "./keys.ts";
import { unitQuaternion } from "./math.ts";
import { lookAt } from "./pose.ts";
import { durationOf, formatPath, orbitPath, parsePath, samplePath, type CameraPath } from "./path.ts";
import { formatState, parseState, type UrlState } from "./url_state.ts";

const close = (a: readonly number[], b: readonly number[], digits = 5): void => a.forEach((x, i) => expect(x).toBeCloseTo(b[i] as number, digits));

const ORIGIN = [499712, 5400576, 128] as const;

describe("the address", () => {
  const state: Required<Omit<UrlState, "exposure">> = {
    pose: { position: [1.23456789, -0.00012345, 1e5], quaternion: unitQuaternion([0.1, -0.7, 0.3, 0.64]) },
    fovY: 0.7,
    tS: 12.345678,
    mode: "depth",
    wipe: { mode: "normal", at: 0.25 },
    crop: [[-1, -2, -3.5], [1, 2, 3]],
    tone: { mode: "aligned", offset: [0.1, -0.2, 0.3], scale: [1, 1.1, 0.9], gamma: 2.2 },
  };

  it("brings the same view back", () => {
    const text = formatState(state);
    expect(text.length).toBeLessThan(300);
    expect(text).not.toMatch(/[\s"<>#]/);
    const back = parseState(`#${text}`, 3);
    close(back.pose?.position as Vec3, state.pose.position.map((x) => Number(x.toPrecision(6))), 9);
    close(back.pose?.quaternion as Quaternion, state.pose.quaternion);
    expect(back.fovY).toBeCloseTo(0.7, 5);
    expect(back.tS).toBe(12.345678); // to the microsecond
    expect([back.mode, back.wipe, back.crop, back.tone]).toEqual([state.mode, state.wipe, state.crop, state.tone]);
    expect(formatState(back)).toBe(text);
  });

  it("may say little", () => {
    expect(parseState("", 1)).toEqual({});
    expect(parseState("#mode=opacity", 1)).toEqual({ mode: "opacity" });
    expect(parseState("tone=auto", 1).tone?.mode).toBe("auto");
    expect(formatState({ tS: null, crop: null, wipe: null })).toBe("");
  });

  it("holds the exposure where brightness is automatic; else it is in the numbers", () => {
    const auto = { mode: "auto", offset: [0.3], scale: [1], gamma: 2.2 } as const;
    expect(formatState({ tone: auto, exposure: -1.25 })).toBe("tone=auto&ev=-1.25");
    expect(parseState("tone=auto&ev=-1.25", 1).exposure).toBe(-1.25);
    expect(formatState({ tone: { ...auto, mode: "fixed" }, exposure: 1 })).not.toContain("ev=");
    for (const text of ["ev=1", "tone=auto&ev=99", "tone=fixed:1:1:2.2&ev=1"]) expect(parseState(text, 1).exposure).toBeUndefined();
  });

  it("that is rubbish is as good as empty", () => {
    for (const text of ["pos=1,2&rot=0,0,0,1", "fov=900", "t=abc", "mode=__proto__", "wipe=depth@7", "crop=1,1,1..0,0,0", "tone=fixed:1", "%%%=&=", "pos=1,2,&rot=0,0,0,1", "tone=aligned:1,2:1,2:2.2", "t=%E0%A4%A"]) {
      expect(parseState(text, 3)).toEqual({});
    }
  });
});

describe("a camera path", () => {
  const at = (t: number, position: Vec3): CameraPath["keys"][number] => ({ t, position, quaternion: [0, 0, 0, 1], fovY: 0.7, timeS: t / 10 });
  const path: CameraPath = { fps: 30, closed: false, keys: [at(0, [0, 0, 0]), at(1, [1, 0, 0]), at(3, [1, 2, 0]), at(4, [0, 2, 1])] };

  it("passes through its keys at their times, smoothly, and stays at its ends", () => {
    for (const key of path.keys) close(samplePath(path, key.t).pose.position, key.position);
    close(samplePath(path, -1).pose.position, [0, 0, 0]);
    close(samplePath(path, 9).pose.position, [0, 2, 1]);
    expect(samplePath(path, 2).timeS).toBeCloseTo(0.2, 9);
    for (const t of [1, 3]) {
      const before = samplePath(path, t - 1e-5).pose.position;
      const after = samplePath(path, t + 1e-5).pose.position;
      const here = samplePath(path, t).pose.position;
      here.forEach((x, i) => expect((after[i] as number) - x).toBeCloseTo(x - (before[i] as number), 8));
    }
  });

  it("that is closed goes round", () => {
    const round = { ...path, closed: true };
    expect(durationOf(round)).toBeCloseTo(4 + 4 / 3, 9);
    close(samplePath(round, durationOf(round)).pose.position, [0, 0, 0]);
    close(samplePath(round, 1 + durationOf(round)).pose.position, [1, 0, 0]);
    expect(samplePath(round, 4.6).pose.position[0]).toBeLessThan(0.5);
  });

  it("around the scene keeps its distance", () => {
    const pose = lookAt([0, -3, 1], [0, 0, 0], [0, 0, 1]);
    const orbit = orbitPath(pose, [0, 0, 0], [0, 0, 1], 0.7, 6);
    expect(durationOf(orbit)).toBeCloseTo(6, 9);
    for (let t = 0; t < 6; t += 0.1) expect(Math.hypot(...samplePath(orbit, t).pose.position)).toBeCloseTo(Math.sqrt(10), 1);
  });

  it("is the same after writing and reading, and in the world on the way", () => {
    expect(parsePath(formatPath(path, ORIGIN), ORIGIN)).toEqual(path);
    expect(JSON.parse(formatPath(path, ORIGIN)).keys[0]).toEqual({ t: 0, position: [499712, 5400576, 128], quaternion: [0, 0, 0, 1], fov_y: 0.7, time_s: 0 });
  });

  const written = (): any => JSON.parse(formatPath(path, ORIGIN));
  const refused: [string, (d: any) => unknown, string][] = [
    ["not JSON", () => undefined, "it is not JSON"],
    ["another format", (d) => (d.format = "x"), 'its "format" is not "efields-path"'],
    ["another version", (d) => (d.version = 2), "has version 2; this viewer reads version 1"],
    ["no keys", (d) => delete d.keys, "no list of keys"],
    ["a short position", (d) => d.keys[1].position.pop(), "the position of key 2 should hold 3 numbers"],
    ["degrees", (d) => (d.keys[0].fov_y = 40), "should be in radians"],
    ["keys that go back", (d) => (d.keys[2].t = 0.5), "key 3 is not later"],
    ["a bad quaternion", (d) => (d.keys[0].quaternion = [0, 0, 0, 0]), "should be of length 1"],
    ["a bad rate", (d) => (d.fps = 0), "fps should be between"],
  ];
  it.each(refused)("with %s is refused in one sentence", (_name, change, sentence) => {
    const d = written();
    const text = change(d) === undefined && sentence.includes("not JSON") ? "{" : JSON.stringify(d);
    expect(() => parsePath(text, ORIGIN)).toThrow(sentence);
  });
});

describe("held keys", () => {
  it("fly along the camera's axes, fast with Shift, slow with Alt", () => {
    expect(flightOf(new Set(["KeyW"]))).toEqual({ right: 0, down: 0, forward: 1, speed: 1 });
    expect(flightOf(new Set(["KeyE", "ShiftLeft"]))).toEqual({ right: 0, down: -1, forward: 0, speed: 4 });
    expect(flightOf(new Set(["KeyA", "AltRight"]))?.speed).toBe(0.25);
    const two = flightOf(new Set(["KeyD", "KeyS"]));
    expect(Math.hypot(two?.right as number, two?.forward as number)).toBeCloseTo(1, 12);
    expect(flightOf(new Set(["KeyA", "KeyD"]))).toBeNull();
    expect(flightOf(new Set(["ShiftLeft"]))).toBeNull();
  });
});
