import { describe, expect, it } from "vitest";
import type { CountImage } from "../scene/events.ts";
import { compare, eventsOf, fullScale, measuredEvents, predictionSize } from "./comparison.ts";
import { dilated, fittingDilation, PALETTES, paintEvents, paintResidual, paintSigned } from "./event_colours.ts";
import { formatTick, thinned, ticks } from "./plot.ts";
import { webm } from "./webm.ts";

const counts = (width: number, height: number, on: number[], off: number[]): CountImage => ({
  width, height, on: Uint32Array.from(on), off: Uint32Array.from(off), count: [...on, ...off].reduce((a, b) => a + b, 0),
});

describe("predicted beside measured", () => {
  const thresholds = { c_pos: 0.2, c_neg: 0.4 };

  it("counts by the threshold of the change's sign", () => {
    expect(eventsOf(0.4, thresholds)).toBeCloseTo(2, 12);
    expect(eventsOf(-0.4, thresholds)).toBeCloseTo(-1, 12);
    const measured = measuredEvents(counts(2, 1, [3, 0], [0, 2]), 2, 1, thresholds);
    expect([...measured]).toEqual([3, -2]);
    expect(measuredEvents(counts(1, 1, [2], [1]), 1, 1, thresholds)[0]).toBeCloseTo(0, 6); // 2 * 0.2 - 0.4
  });

  it("is zero where the field fits, and says how much it explains", () => {
    const image = counts(2, 2, [1, 0, 0, 2], [0, 1, 0, 0]);
    const change = { width: 2, height: 2, values: Float32Array.from([0.2, -0.4, 0, 0.4]) };
    const fits = compare(image, change, thresholds);
    expect(fits.rms.residual).toBeCloseTo(0, 6);
    expect(fits.explained).toBeCloseTo(1, 6);
    const none = compare(image, { ...change, values: new Float32Array(4) }, thresholds);
    expect(none.explained).toBeCloseTo(0, 6);
    expect(none.rms.residual).toBeCloseTo(Math.sqrt(6 / 4), 6);
    expect(compare(counts(2, 2, [0, 0, 0, 0], [0, 0, 0, 0]), change, thresholds).explained).toBeNull();
  });

  it("averages over the sensor pixels of a cell", () => {
    const image = counts(4, 2, [4, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 8, 0, 0, 0, 0]);
    expect([...measuredEvents(image, 2, 1, { c_pos: 0.2, c_neg: 0.2 })]).toEqual([1, -2]);
    expect(predictionSize(346, 260)).toEqual({ width: 173, height: 130 });
    expect(predictionSize(128, 128)).toEqual({ width: 128, height: 128 });
  });

  it("scales colours by the bulk of the values", () => {
    expect(fullScale(new Float32Array([0, 0, 0]))).toBe(1);
    expect(fullScale(Float32Array.from([...Array(99).fill(2), -50]))).toBe(2);
  });
});

describe("colours of events", () => {
  const { dark } = PALETTES;
  const pixel = (p: Uint8ClampedArray, i: number): number[] => Array.from(p.slice(4 * i, 4 * i + 3));

  it("are amber for ON, blue for OFF, with ON on top", () => {
    const p = paintEvents(Uint32Array.from([2, 0, 0, 2]), Uint32Array.from([0, 2, 0, 9]), dark, 2);
    expect(pixel(p, 0)).toEqual([255, 176, 0]);
    expect(pixel(p, 1)).toEqual([47, 107, 255]);
    expect(pixel(p, 2)).toEqual([21, 23, 28]);
    expect(pixel(p, 3)).toEqual([255, 176, 0]);
  });

  it("say nothing where next to nothing is predicted", () => {
    const p = paintSigned(Float32Array.from([0.2, -3, 3]), dark, 3);
    expect([pixel(p, 0), pixel(p, 1), pixel(p, 2)]).toEqual([[21, 23, 28], [47, 107, 255], [255, 176, 0]]);
  });

  it("have 0 in the middle of a difference, symmetric ends, and clip", () => {
    const p = paintResidual(Float32Array.from([0, 2, -2, 99]), PALETTES.white, 2);
    expect(pixel(p, 0)).toEqual([...PALETTES.white.same]);
    expect(pixel(p, 1)).toEqual([...PALETTES.white.more]);
    expect(pixel(p, 2)).toEqual([...PALETTES.white.less]);
    expect(pixel(p, 3)).toEqual([...PALETTES.white.more]);
  });

  it("grow on a sparse sensor only", () => {
    const one = new Uint32Array(25);
    one[12] = 3;
    expect([...dilated(one, 5, 5, 1)].filter((n) => n === 3)).toHaveLength(9);
    expect(dilated(one, 5, 5, 0)).toBe(one);
    expect([fittingDilation(1, 1000), fittingDilation(5, 1000), fittingDilation(50, 1000)]).toEqual([2, 1, 0]);
  });
});

describe("a plot", () => {
  it("has round ticks", () => {
    expect(ticks(0.003, 2, true)).toEqual([0.01, 0.1, 1]);
    expect(ticks(0.03, 0.9, true)).toEqual([0.03, 0.1, 0.3]);
    expect(ticks(1e-8, 1e3, true)).toEqual([1e-8, 1e-5, 1e-2, 10]);
    expect(ticks(0.31, 0.36, true)).toEqual([0.31, 0.36]);
    expect(ticks(18.2, 27.4, false)).toEqual([20, 25]);
    expect(ticks(5, 5, false)).toEqual([5]);
    expect([0, 0.25, 20, 123456, 0.0012].map(formatTick)).toEqual(["0", "0.25", "20", "1e5", "1e-3"]);
  });

  it("keeps first and last of many points", () => {
    const points = Array.from({ length: 1000 }, (_, x) => ({ x, y: x }));
    const few = thinned(points, 10);
    expect([few.length, few[0]?.x, few[9]?.x]).toEqual([10, 0, 999]);
  });
});

describe("a WebM file", () => {
  /** Children of an element, by id. */
  function parse(file: Uint8Array): { id: number; at: number; body: Uint8Array }[] {
    const out = [];
    for (let at = 0; at < file.length; ) {
      const start = at;
      const first = file[at] as number;
      const idLength = Math.clz32(first) - 23;
      let id = 0;
      for (let i = 0; i < idLength; i++) id = id * 256 + (file[at++] as number);
      expect(file[at]).toBe(1); // sizes of 8 bytes
      let size = 0;
      for (let i = 1; i < 8; i++) size = size * 256 + (file[at + i] as number);
      at += 8;
      out.push({ id, at: start, body: file.subarray(at, at + size) });
      at += size;
    }
    return out;
  }

  it("holds its frames in clusters that start with key frames and are listed", () => {
    const frames = Array.from({ length: 12 }, (_, i) => ({ data: Uint8Array.of(i, i), ms: (i * 1000) / 30, key: i % 5 === 0 }));
    const [ebml, segment] = parse(webm({ codec: "V_VP9", width: 640, height: 360, fps: 30 }, frames));
    expect([ebml?.id, segment?.id]).toEqual([0x1a45dfa3, 0x18538067]);
    const parts = parse(segment?.body as Uint8Array);
    expect(parts.map((p) => p.id)).toEqual([0x1549a966, 0x1654ae6b, 0x1f43b675, 0x1f43b675, 0x1f43b675, 0x1c53bb6b]);
    const clusters = parts.filter((p) => p.id === 0x1f43b675);
    const blocks = clusters.map((c) => parse(c.body).filter((p) => p.id === 0xa3).map((p) => p.body));
    expect(blocks.map((b) => b.length)).toEqual([5, 5, 2]);
    for (const b of blocks) expect((b[0] as Uint8Array)[3]).toBe(0x80);
    expect(blocks[1]?.[1]?.[2]).toBe(33); // 200 ms is 167 + 33
    const cues = parse(parts[5]?.body as Uint8Array);
    const places = cues.map((c) => parse(parse(c.body)[1]?.body as Uint8Array)[1]?.body as Uint8Array);
    expect(places.map((p) => p.reduce((n, b) => n * 256 + b, 0))).toEqual(clusters.map((c) => c.at));
  });
});
