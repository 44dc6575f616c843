import { describe, expect, it } from "vitest";
import { plainDocument } from "../scene/scene.fixture.ts";
import { validateScene } from "../scene/validate.ts";
import { actionOf, KEYS, type Press } from "./keys.ts";
import { isDynamic, startingState, Store } from "./state.ts";
import { advanced, clampTime, formatCount, formatMicroseconds, formatSeconds, formatSpan, formatSpeed, fromSlider, gapsOf, LONGEST_S, rateAt, SHORTEST_S, toSlider } from "./time.ts";
import { alignedTone, autoTone, display, exposed, formatNumbers, parseNumbers } from "./tone.ts";

describe("brightness", () => {
  it("that is automatic makes the brightest hundredth white and keeps contrast", () => {
    const tone = autoTone({ low: [-3], high: [-0.5] }, 2.2);
    expect(display(Math.exp(-0.5), tone)).toBeCloseTo(1, 9);
    expect(display(Math.exp(-1.5), tone)).toBeCloseTo(Math.exp(-1) ** (1 / 2.2), 9);
  });

  it("squeezes a range above 1 to 100, the same for all channels", () => {
    const tone = autoTone({ low: [-12, -10, -9], high: [1, 2, 0] }, 2.2);
    expect(new Set(tone.scale).size).toBe(1);
    expect(display(Math.exp(2), tone, 1)).toBeCloseTo(1, 9);
    expect(display(Math.exp(-12), tone, 0)).toBeCloseTo(0.01 ** (1 / 2.2), 9);
  });

  it("takes exposure in stops", () => {
    const tone = { mode: "fixed", offset: [0], scale: [1], gamma: 1 } as const;
    expect(display(0.2, exposed(tone, 1))).toBeCloseTo(0.4, 9);
    expect(exposed(tone, 0)).toBe(tone);
  });

  it("reads and writes one number or one for each channel", () => {
    expect(parseNumbers("0.5", 3)).toEqual([0.5, 0.5, 0.5]);
    expect(parseNumbers("1, 2; 3", 3)).toEqual([1, 2, 3]);
    for (const text of ["", "a", "1 2", "1,2,3,4", "1e999"]) expect(parseNumbers(text, 3)).toBeNull();
    expect(formatNumbers([0.12345, 0.12345])).toBe("0.123");
    expect(formatNumbers([1, 2])).toBe("1, 2");
  });

  it("is aligned only where the scene says how", () => {
    const tone = { mode: "auto", offset: 0, scale: 1, gamma: 2.2, source: "", aligned: null } as const;
    expect(alignedTone(tone, 1)).toBeNull();
    expect(alignedTone({ ...tone, aligned: { offset: 0.3, scale: [0.9], source: "s" } }, 3)?.scale).toEqual([0.9, 0.9, 0.9]);
  });
});

describe("time", () => {
  it("is written with its microseconds", () => {
    expect(formatSeconds(1.2345678)).toBe("1.234\u202f568 s");
    expect(formatSeconds(0.0000004)).toBe("0.000\u202f000 s");
    expect(formatSeconds(-0.5)).toBe("\u22120.500\u202f000 s");
    expect(formatMicroseconds(1_468_939_802_123_456, 0.000002)).toBe("1\u202f468\u202f939\u202f802\u202f123\u202f458 µs");
  });

  it("has logarithmic sliders that come back", () => {
    expect([fromSlider(0, SHORTEST_S, LONGEST_S), fromSlider(1, SHORTEST_S, LONGEST_S)]).toEqual([1e-4, 0.2]);
    for (const s of [1e-4, 0.001, 0.02, 0.2]) expect(fromSlider(toSlider(s, SHORTEST_S, LONGEST_S), SHORTEST_S, LONGEST_S)).toBeCloseTo(s, 9);
    expect(fromSlider(9, 1, 10)).toBe(10);
  });

  it("is said in few digits", () => {
    expect([1e-4, 0.02, 0.1234, 4.001].map(formatSpan)).toEqual(["100 µs", "20 ms", "123 ms", "4 s"]);
    expect([0.01, 0.5, 1, 10].map(formatSpeed)).toEqual(["1/100×", "1/2×", "1×", "10×"]);
    expect([12, 1234, 25_300, 2_690_000].map(formatCount)).toEqual(["12", "1\u202f234", "25.3 k", "2.69 M"]);
  });

  it("advances at its speed and goes round", () => {
    expect(advanced(1, 0.1, 0.5, [0, 2])).toBeCloseTo(1.05, 12);
    expect(advanced(1.95, 0.1, 1, [0, 2])).toBeCloseTo(0.05, 12);
    expect(advanced(5, 0.1, 1, [3, 3])).toBe(3);
    expect([clampTime(-1, [0, 2]), clampTime(9, [0, 2])]).toEqual([0, 2]);
  });

  it("knows rates and gaps", () => {
    const rate = { t0_s: 1, bin_s: 0.1, counts: [5, 0, 0, 0, 2, 0, 7, 0, 0] };
    expect(rateAt(rate, 1.05)).toBeCloseTo(50, 9);
    expect([rateAt(rate, 0.9), rateAt(rate, 5)]).toEqual([0, 0]);
    const gaps = gapsOf(rate);
    expect(gaps).toHaveLength(2);
    expect(gaps[0]?.[0]).toBeCloseTo(1.1, 9);
    expect(gaps[1]?.[1]).toBeCloseTo(1.9, 9);
  });
});

describe("keys", () => {
  const press = (code: string, more: Partial<Press> = {}): Press => ({ code, key: "", shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, ...more });

  it("each mean one thing, and none of them flies", () => {
    const places = KEYS.map((k) => `${k.shift ?? false} ${k.code}`);
    expect(new Set(places).size).toBe(places.length);
    expect(new Set(KEYS.map((k) => k.action)).size).toBe(KEYS.length);
    for (const code of ["KeyW", "KeyA", "KeyS", "KeyD", "KeyQ", "KeyE"]) expect(places).not.toContain(`false ${code}`);
  });

  it("are found by place, with and without Shift", () => {
    expect(actionOf(press("KeyF"))).toBe("frame");
    expect(actionOf(press("KeyF", { shiftKey: true }))).toBe("reset");
    expect(actionOf(press("BracketLeft", { shiftKey: true, key: "{" }))).toBe("firstView");
    expect(actionOf(press("Minus", { shiftKey: true, key: "?" }))).toBe("help"); // a German keyboard
    expect(actionOf(press("KeyP", { ctrlKey: true }))).toBeNull();
    expect(actionOf(press("KeyW"))).toBeNull();
  });
});

describe("the state", () => {
  it("tells those who asked what changed, once", () => {
    const document = validateScene(plainDocument());
    const store = new Store(startingState(document, 0.1, false));
    const heard: string[] = [];
    store.on(["mode"], (s) => heard.push(s.mode));
    store.set({ mode: "depth" });
    store.set({ mode: "depth" });
    store.set({ exposure: 1 });
    expect(heard).toEqual(["colour", "depth"]);
    expect(isDynamic(document)).toBe(false);
    expect(isDynamic({ ...document, volume: null })).toBe(false);
    expect(isDynamic({ ...document, volume: null, moves_s: [0, 1] })).toBe(true);
    expect(store.state.tone.scale).toEqual([0.9]);
  });
});
