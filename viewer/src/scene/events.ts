// Events of the scene, unpacked chunk by chunk when a window of time asks for them.

import type { Scene } from "../contract.ts";
import { countUpTo } from "../camera/trajectory.ts";
import { SceneError } from "./check.ts";

/** Events in the order of time. */
export interface EventWindow {
  x: Uint16Array;
  y: Uint16Array;
  /** 1 for ON, 0 for OFF. */
  polarity: Uint8Array;
  /** Seconds since the scene's origin. */
  tS: Float64Array;
}

/** Events of each pixel in a window of time; row-major. */
export interface CountImage {
  width: number;
  height: number;
  on: Uint32Array;
  off: Uint32Array;
  /** Events in the window. */
  count: number;
}

const KEPT_EVENTS = 2 ** 21; // decoded, about 30 MB

/** Unpacked bytes of a chunk: u16 x with the polarity in bit 15, then u16 y, then u16 microseconds to the one before. */
export function decodeChunk(bytes: Uint8Array, count: number, t0S: number): EventWindow {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const x = new Uint16Array(count);
  const y = new Uint16Array(count);
  const polarity = new Uint8Array(count);
  const tS = new Float64Array(count);
  let us = 0;
  for (let i = 0; i < count; i++) {
    const both = view.getUint16(2 * i, true);
    x[i] = both & 0x7fff;
    polarity[i] = both >> 15;
    y[i] = view.getUint16(2 * (count + i), true);
    us += view.getUint16(2 * (2 * count + i), true);
    tS[i] = t0S + us * 1e-6;
  }
  return { x, y, polarity, tS };
}

/** Index of the first time at or after `t`. */
function firstFrom(times: Float64Array, t: number): number {
  // Times come from whole microseconds: half of one below `t` keeps rounding from moving an event across the edge.
  return countUpTo(times, t - 5e-7);
}

export class EventStore {
  readonly width: number;
  readonly height: number;
  private readonly decoded = new Map<number, Promise<EventWindow>>();

  constructor(private readonly scene: Scene) {
    this.width = scene.document.events?.width ?? 0;
    this.height = scene.document.events?.height ?? 0;
  }

  /** Whether the scene has events at all. */
  get available(): boolean {
    return this.scene.document.events !== null;
  }

  /** The events with t0 <= t < t1, at most `limit` (the last ones of the window). */
  async window(t0S: number, t1S: number, limit = Infinity): Promise<EventWindow> {
    const parts = await this.parts(t0S, t1S);
    const total = parts.reduce((n, p) => n + p.to - p.from, 0);
    let skip = Math.max(0, total - limit);
    const size = total - skip;
    const all = { x: new Uint16Array(size), y: new Uint16Array(size), polarity: new Uint8Array(size), tS: new Float64Array(size) };
    let at = 0;
    for (const { events, from, to } of parts) {
      const start = Math.min(to, from + skip);
      skip -= start - from;
      all.x.set(events.x.subarray(start, to), at);
      all.y.set(events.y.subarray(start, to), at);
      all.polarity.set(events.polarity.subarray(start, to), at);
      all.tS.set(events.tS.subarray(start, to), at);
      at += to - start;
    }
    return all;
  }

  /** How many events each pixel saw in t0 <= t < t1. */
  async countImage(t0S: number, t1S: number): Promise<CountImage> {
    const { width, height } = this;
    const on = new Uint32Array(width * height);
    const off = new Uint32Array(width * height);
    let count = 0;
    for (const { events, from, to } of await this.parts(t0S, t1S)) {
      const { x, y, polarity } = events;
      for (let i = from; i < to; i++) {
        const image = polarity[i] ? on : off;
        const pixel = (y[i] as number) * width + (x[i] as number);
        image[pixel] = (image[pixel] as number) + 1;
      }
      count += to - from;
    }
    return { width, height, on, off, count };
  }

  /** The time from which the last `count` events before `t1` start; the first event's time when there are fewer. */
  async startOfLast(count: number, t1S: number): Promise<number> {
    const chunks = this.scene.document.events?.chunks ?? [];
    let left = Math.max(1, Math.round(count));
    let start = t1S;
    for (let i = chunks.length - 1; i >= 0 && left > 0; i--) {
      if ((chunks[i] as { t0_s: number }).t0_s >= t1S) continue;
      const events = await this.chunk(i);
      const end = firstFrom(events.tS, t1S);
      if (end === 0) continue;
      start = events.tS[Math.max(0, end - left)] as number;
      left -= end;
    }
    return start;
  }

  private async parts(t0S: number, t1S: number): Promise<{ events: EventWindow; from: number; to: number }[]> {
    const chunks = this.scene.document.events?.chunks ?? [];
    const wanted = chunks.map((c, i) => ({ c, i })).filter(({ c }) => c.t0_s < t1S && c.t1_s >= t0S - 5e-7);
    const parts = [];
    for (const { i } of wanted) {
      const events = await this.chunk(i);
      const from = firstFrom(events.tS, t0S);
      const to = Math.max(from, firstFrom(events.tS, t1S));
      if (to > from) parts.push({ events, from, to });
    }
    return parts;
  }

  private chunk(index: number): Promise<EventWindow> {
    const known = this.decoded.get(index);
    if (known) {
      this.decoded.delete(index); // the newest use goes to the end
      this.decoded.set(index, known);
      return known;
    }
    const chunk = this.scene.document.events?.chunks[index];
    if (!chunk) throw new SceneError("The scene has no such chunk of events.");
    const loading = this.scene.blob(chunk.blob).then((bytes) => this.checked(decodeChunk(bytes, chunk.count, chunk.t0_s), chunk.blob));
    this.decoded.set(index, loading);
    loading.catch(() => this.decoded.delete(index));
    this.forget();
    return loading;
  }

  private checked(events: EventWindow, name: string): EventWindow {
    for (let i = 0; i < events.x.length; i++) {
      if ((events.x[i] as number) >= this.width || (events.y[i] as number) >= this.height) {
        throw new SceneError(`The scene file is broken: ${name} has an event at (${events.x[i]}, ${events.y[i]}), outside of the ${this.width}x${this.height} sensor.`);
      }
    }
    return events;
  }

  private forget(): void {
    const size = (i: number): number => this.scene.document.events?.chunks[i]?.count ?? 0;
    let kept = [...this.decoded.keys()].reduce((n, i) => n + size(i), 0);
    for (const i of this.decoded.keys()) {
      if (kept <= KEPT_EVENTS || this.decoded.size <= 2) break;
      this.decoded.delete(i);
      kept -= size(i);
    }
  }
}
