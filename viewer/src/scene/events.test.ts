import { describe, expect, it } from "vitest";
import { EventStore } from "./events.ts";
import { encodeChunk, EVENTS, plainDocument, tinyScene, type RawEvent } from "./scene.fixture.ts";

describe("events", () => {
  const store = new EventStore(tinyScene());

  it("of a window are those with t0 <= t < t1", async () => {
    const all = await store.window(0, 1);
    expect([...all.x]).toEqual(EVENTS.map((e) => e.x));
    expect([...all.y]).toEqual(EVENTS.map((e) => e.y));
    expect([...all.polarity]).toEqual(EVENTS.map((e) => (e.on ? 1 : 0)));
    all.tS.forEach((t, i) => expect(t).toBeCloseTo((EVENTS[i] as RawEvent).us * 1e-6, 9));
    expect((await store.window(0.001, 0.0025)).x.length).toBe(2); // the one at the end is of the next window
    expect((await store.window(0.0025, 0.4)).x.length).toBe(1);
    expect((await store.window(0.4, 0.400007)).x.length).toBe(1);
    expect((await store.window(0.41, 0.5)).x.length).toBe(0);
    expect((await store.window(0, 1, 2)).x.length).toBe(2);
    expect([...(await store.window(0, 1, 2)).x]).toEqual([3, 0]);
  });

  it("are counted for each pixel", async () => {
    const image = await store.countImage(0, 0.3);
    expect([image.width, image.height, image.count]).toEqual([8, 6, 3]);
    expect(image.on[0]).toBe(2);
    expect(image.off[5 * 8 + 7]).toBe(1);
    expect(image.on.reduce((a, b) => a + b)).toBe(2);
  });

  it("can be asked for by number", async () => {
    expect(await store.startOfLast(2, 0.5)).toBeCloseTo(0.4, 9);
    expect(await store.startOfLast(3, 0.5)).toBeCloseTo(0.0025, 9);
    expect(await store.startOfLast(1, 0.4)).toBeCloseTo(0.0025, 9);
    expect(await store.startOfLast(99, 0.5)).toBeCloseTo(0.001, 9);
  });

  it("that fill windows side by side are counted once, in any chunks", async () => {
    let seed = 1;
    const random = (): number => (seed = (seed * 48271) % 2147483647) / 2147483647;
    const events: RawEvent[] = [];
    for (let i = 0, us = 0; i < 3000; i++) {
      us += Math.floor(random() * 40);
      events.push({ x: Math.floor(random() * 8), y: Math.floor(random() * 6), on: random() < 0.5, us });
    }
    const document = plainDocument();
    const blobs: Record<string, Uint8Array> = {};
    document.events.chunks = [];
    for (let i = 0; i < events.length; i += 700) {
      const part = events.slice(i, i + 700);
      const [first, last] = [(part[0] as RawEvent).us, (part[part.length - 1] as RawEvent).us];
      document.events.chunks.push({ blob: `c${i}.bin`, count: part.length, t0_s: first / 1e6, t1_s: last / 1e6 });
      blobs[`c${i}.bin`] = encodeChunk(part, first);
    }
    document.events.count = document.events.shown = events.length;
    const many = new EventStore(tinyScene(document, blobs));
    let sum = 0;
    for (let us = 0; us < 70000; us += 333) {
      const window = await many.window(us / 1e6, (us + 333) / 1e6);
      expect(window.x.length).toBe(events.filter((e) => e.us >= us && e.us < us + 333).length);
      sum += window.x.length;
    }
    expect(sum).toBe(events.length);
  });

  it("may be absent", async () => {
    const document = { ...plainDocument(), events: null };
    const none = new EventStore(tinyScene(document));
    expect(none.available).toBe(false);
    expect((await none.window(0, 1)).x.length).toBe(0);
    expect((await none.countImage(0, 1)).count).toBe(0);
  });
});
