import { describe, expect, it } from "vitest";
import { changeBetween, logRadiance, percentilesOf } from "./measure.ts";
import { Pace } from "./pace.ts";
import { depthRange } from "./stage.ts";
import { keyframesAt } from "./volume.ts";

describe("the pace", () => {
  it("does not take the first pictures for the machine's speed", () => {
    const pace = new Pace();
    const before = pace.scale(1000, 1000);
    for (let i = 0; i < 4; i++) pace.note(250_000, 900); // shaders are compiled
    expect(pace.scale(1000, 1000)).toBe(before);
    expect(pace.expected(1)).toBeNull();
  });

  it("goes down on a slow machine, to full on a fast one, and does not flicker", () => {
    const at = (msPerMegapixel: number): number => {
      const pace = new Pace();
      for (let i = 0; i < 20; i++) pace.note(1e5, msPerMegapixel / 10);
      return pace.scale(1000, 1000);
    };
    expect(at(5)).toBe(1);
    expect(at(1800)).toBe(0.125);
    expect(at(190)).toBe(0.375);
    const pace = new Pace();
    for (let i = 0; i < 20; i++) pace.note(1e6, 27);
    const chosen = pace.scale(1000, 1000);
    for (let i = 0; i < 20; i++) pace.note(1e6, i % 2 ? 24 : 33);
    expect(pace.scale(1000, 1000)).toBe(chosen);
  });

  it("keeps a picture large enough to be read", () => {
    const pace = new Pace();
    for (let i = 0; i < 20; i++) pace.note(1e5, 900);
    expect(pace.scale(300, 200) * 200).toBeGreaterThanOrEqual(96);
    expect(pace.scale(60, 40)).toBe(1);
    expect(pace.rows(512, 40)).toBeGreaterThanOrEqual(4);
  });
});

describe("keyframes", () => {
  it("around a time are two neighbours and the share of the second", () => {
    expect(keyframesAt([null], 3)).toEqual({ a: 0, b: 0, blend: 0 });
    expect(keyframesAt([0, 1, 3], 2)).toEqual({ a: 1, b: 2, blend: 0.5 });
    expect(keyframesAt([0, 1, 3], 1)).toEqual({ a: 1, b: 1, blend: 0 });
    expect(keyframesAt([0, 1, 3], -1)).toEqual({ a: 0, b: 0, blend: 0 });
    expect(keyframesAt([0, 1, 3], 9)).toEqual({ a: 2, b: 2, blend: 0 });
    expect(keyframesAt([0, 1], null)).toEqual({ a: 0, b: 0, blend: 0 });
  });
});

describe("numbers from pictures", () => {
  const pixels = (n: number, of: (i: number) => [number, number]): Float32Array => {
    const values = new Float32Array(4 * n);
    for (let i = 0; i < n; i++) {
      const [r, opacity] = of(i);
      values.set([r, 2 * r, 3 * r, opacity], 4 * i);
    }
    return values;
  };

  it("are percentiles of what the field covers", () => {
    const values = pixels(1000, (i) => (i < 101 ? [Math.exp(i / 100), 1] : [1e-12, 0]));
    const { low, high } = percentilesOf(values, 1);
    expect(low[0]).toBeCloseTo(0.01, 4);
    expect(high[0]).toBeCloseTo(0.99, 4);
    expect(percentilesOf(values, 3).low[2]).toBeCloseTo(0.01 + Math.log(3), 4);
    const empty = percentilesOf(pixels(100, () => [0.5, 0]), 1); // nothing in view: the background
    expect(empty.low[0]).toBeCloseTo(Math.log(0.5), 5);
  });

  it("are log changes", () => {
    const a = logRadiance(pixels(4, () => [1, 1]), 3);
    const b = logRadiance(pixels(4, (i) => [i + 1, 1]), 3);
    const { values } = changeBetween(a, b, 2, 2);
    values.forEach((x, i) => expect(x).toBeCloseTo(Math.log(i + 1), 5));
    expect(logRadiance(pixels(1, () => [0, 0]), 1)[0]).toBeGreaterThan(-30);
  });

  it("are the distances between which a box lies", () => {
    expect(depthRange([0, 0, -5], [[-1, -1, -1], [1, 1, 1]])[0]).toBe(4);
    expect(depthRange([0, 0, 0], [[-1, -1, -1], [1, 1, 1]])).toEqual([0, Math.sqrt(3)]);
  });
});
