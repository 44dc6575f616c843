// A small scene for tests: 4x3x2 mono voxels, five events in two chunks, two views.

import type { Scene } from "../contract.ts";
import { sceneOf } from "./load.ts";
import { validateScene } from "./validate.ts";

export interface RawEvent {
  x: number;
  y: number;
  on: boolean;
  us: number;
}

/** The bytes of a chunk that starts at `t0Us`. */
export function encodeChunk(events: readonly RawEvent[], t0Us: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(events.length * 6));
  events.forEach((e, i) => {
    view.setUint16(2 * i, e.x | (e.on ? 0x8000 : 0), true);
    view.setUint16(2 * (events.length + i), e.y, true);
    view.setUint16(2 * (2 * events.length + i), e.us - (i === 0 ? t0Us : (events[i - 1] as RawEvent).us), true);
  });
  return new Uint8Array(view.buffer);
}

export const EVENTS: readonly RawEvent[] = [
  { x: 0, y: 0, on: true, us: 1000 },
  { x: 7, y: 5, on: false, us: 1000 },
  { x: 0, y: 0, on: true, us: 2500 },
  { x: 3, y: 2, on: false, us: 400000 },
  { x: 0, y: 0, on: true, us: 400007 },
];

export function plainDocument(): Record<string, any> {
  return {
    format: "efields-scene",
    schema_version: [1, 0],
    name: "tiny",
    generator: "efields 0.1.0",
    origin_us: 1000000,
    time_range_s: [0, 0.5],
    world: { origin: [0, 0, 0], aabb: [[0, 0, 0], [4, 3, 2]], up: [0, 0, 1], center: [2, 1.5, 1], radius: 2.7 },
    volume: {
      shape: [4, 3, 2],
      channels: "mono",
      density: { encoding: "alpha", sigma_max: 30, reference_length: 1 },
      radiance: { encoding: "log", low: [-3], high: [0.5] },
      voxels: "centres",
      keyframes: [{ t_s: null, blob: "volume-0.bin" }],
      occupancy: { block: 2, shape: [2, 2, 1], blob: "occupancy.bin" },
      step: 0.5,
    },
    background: [0.5],
    tone: { mode: "auto", offset: 0.1, scale: [0.9], gamma: 2.2, source: "a test", aligned: null },
    cameras: {
      event: { width: 8, height: 6, fx: 7, fy: 7, cx: 3.5, cy: 2.5 },
      views: [
        { name: "a", kind: "training", t_s: 0.1, position: [0, 0, 0], quaternion: [0, 0, 0, 1] },
        { name: "b", kind: "heldout", t_s: null, position: [1, 0, 0], quaternion: [0, 1, 0, 0] },
      ],
    },
    trajectory: { t_s: [0, 0.5], position: [[0, 0, 0], [1, 2, 3]], quaternion: [[0, 0, 0, 1], [0, 0, 1, 0]] },
    events: {
      width: 8,
      height: 6,
      c_pos: 0.25,
      c_neg: 0.25,
      count: 5,
      shown: 5,
      chunks: [
        { blob: "events-0.bin", count: 3, t0_s: 0.001, t1_s: 0.0025 },
        { blob: "events-1.bin", count: 2, t0_s: 0.4, t1_s: 0.400007 },
      ],
      note: "",
    },
    rate: { t0_s: 0, bin_s: 0.1, counts: [3, 0, 0, 0, 2] },
    metrics: {},
    provenance: {},
    notes: [],
  };
}

export function plainBlobs(): Record<string, Uint8Array> {
  return {
    "volume-0.bin": Uint8Array.from({ length: 48 }, (_, i) => (i % 2 === 0 ? (i === 2 ? 200 : 0) : i)),
    "occupancy.bin": new Uint8Array([1, 1, 0, 0]),
    "events-0.bin": encodeChunk(EVENTS.slice(0, 3), 1000),
    "events-1.bin": encodeChunk(EVENTS.slice(3), 400000),
  };
}

export async function deflate(bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export function tinyScene(document = plainDocument(), blobs = plainBlobs()): Scene {
  return sceneOf(validateScene(document), async (name) => deflate(blobs[name] as Uint8Array));
}
