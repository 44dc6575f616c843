// scene.json of format version 1: from parsed JSON to the type SceneDocument, or one plain sentence.

import type { Box, EventsDocument, Pinhole, Quaternion, SceneDocument, ToneDocument, Vec3, VolumeDocument } from "../contract.ts";
import { asCount, asList, asNumber, asOneOf, asPositive, asRecord, asText, inOrder, orNull, SceneError, wrong } from "./check.ts";

const MAJOR = 1;
const SENSOR_SIDE = 32768; // an event's x has 15 bits
const CHUNK = 262144;

/** Refuses what another major version wrote, before anything else of it is read. */
export function checkVersion(value: unknown): void {
  const record = asRecord(value, "the document");
  if (record.format !== "efields-scene") {
    throw new SceneError('This is not an efields scene: its "format" is not "efields-scene".');
  }
  const version = asList(record.schema_version, "schema_version", asCount, 2, 2);
  if (version[0] !== MAJOR) {
    const wrote = typeof record.generator === "string" ? ` (${record.generator.slice(0, 40)})` : "";
    throw new SceneError(
      `This scene has format version ${version.join(".")}; this viewer reads ${MAJOR}.x. Open it with the efields that wrote it${wrote}.`,
    );
  }
}

export function validateScene(value: unknown): SceneDocument {
  checkVersion(value);
  const d = asRecord(value, "the document");
  const background = asList(d.background, "background", (v, p) => asNumber(v, p, 0), 1, 3);
  if (background.length === 2) throw wrong("background", "1 or 3 numbers", background);
  const span = asList(d.time_range_s, "time_range_s", asNumber, 2, 2);
  inOrder(span, "time_range_s");
  const volume = orNull(d.volume, "volume", readVolume);
  if (volume && background.length !== (volume.channels === "mono" ? 1 : 3)) {
    throw wrong("background", `${volume.channels === "mono" ? 1 : 3} numbers, one for each channel,`, background);
  }
  return {
    format: "efields-scene",
    schema_version: [MAJOR, (d.schema_version as number[])[1] as number],
    name: asText(d.name, "name"),
    generator: asText(d.generator, "generator"),
    origin_us: asCount(d.origin_us, "origin_us", -Number.MAX_SAFE_INTEGER),
    time_range_s: [span[0] as number, span[1] as number],
    world: readWorld(asRecord(d.world, "world")),
    volume,
    background,
    tone: readTone(asRecord(d.tone, "tone"), background.length),
    cameras: readCameras(asRecord(d.cameras, "cameras")),
    trajectory: readTrajectory(asRecord(d.trajectory, "trajectory")),
    events: orNull(d.events, "events", readEvents),
    rate: orNull(d.rate, "rate", readRate),
    metrics: asRecord(d.metrics, "metrics"),
    provenance: asRecord(d.provenance, "provenance"),
    notes: asList(d.notes, "notes", asText),
  };
}

/** The length of every blob that the document names, in bytes after unpacking. */
export function blobSizes(document: SceneDocument): Map<string, number> {
  const sizes = new Map<string, number>();
  const { volume, events } = document;
  if (volume) {
    const voxels = volume.shape[0] * volume.shape[1] * volume.shape[2];
    for (const { blob } of volume.keyframes) sizes.set(blob, voxels * (volume.channels === "mono" ? 2 : 4));
    sizes.set(volume.occupancy.blob, volume.occupancy.shape[0] * volume.occupancy.shape[1] * volume.occupancy.shape[2]);
  }
  for (const { blob, count } of events?.chunks ?? []) sizes.set(blob, count * 6);
  return sizes;
}

function asVec3(value: unknown, place: string): Vec3 {
  const [x, y, z] = asList(value, place, asNumber, 3, 3);
  return [x as number, y as number, z as number];
}

function asUnit(value: unknown, place: string): Vec3 {
  const v = asVec3(value, place);
  if (Math.abs(Math.hypot(...v) - 1) > 1e-2) throw wrong(place, "of length 1", value);
  return v;
}

function asQuaternion(value: unknown, place: string): Quaternion {
  const [x, y, z, w] = asList(value, place, asNumber, 4, 4);
  const q: Quaternion = [x as number, y as number, z as number, w as number];
  if (Math.abs(Math.hypot(...q) - 1) > 1e-2) throw wrong(place, "a unit quaternion", value);
  return q;
}

function asShape(value: unknown, place: string, most: number): Vec3 {
  const [x, y, z] = asList(value, place, (v, p) => asCount(v, p, 1, most), 3, 3);
  return [x as number, y as number, z as number];
}

function asBlob(value: unknown, place: string): string {
  const name = asText(value, place);
  if (!/^[\w-][\w.-]*\.bin$/.test(name)) throw wrong(place, "a plain file name that ends in .bin", value);
  return name;
}

function readWorld(w: Record<string, unknown>): SceneDocument["world"] {
  const [low, high] = asList(w.aabb, "world.aabb", asVec3, 2, 2) as [Vec3, Vec3];
  if (low.some((x, i) => x >= (high[i] as number))) throw wrong("world.aabb", "a low corner below a high corner", w.aabb);
  const aabb: Box = [low, high];
  return {
    origin: w.origin === undefined ? [0, 0, 0] : asVec3(w.origin, "world.origin"),
    aabb,
    up: asUnit(w.up, "world.up"),
    center: asVec3(w.center, "world.center"),
    radius: asPositive(w.radius, "world.radius"),
  };
}

function readVolume(value: unknown): VolumeDocument {
  const v = asRecord(value, "volume");
  const shape = asShape(v.shape, "volume.shape", 2048);
  const channels = asOneOf(v.channels, "volume.channels", ["mono", "rgb"]);
  const density = asRecord(v.density, "volume.density");
  const radiance = asRecord(v.radiance, "volume.radiance");
  const occupancy = asRecord(v.occupancy, "volume.occupancy");
  const c = channels === "mono" ? 1 : 3;
  const keyframes = asList(
    v.keyframes,
    "volume.keyframes",
    (k, p) => {
      const frame = asRecord(k, p);
      return { t_s: orNull(frame.t_s, `${p}.t_s`, asNumber), blob: asBlob(frame.blob, `${p}.blob`) };
    },
    1,
  );
  if (keyframes.length > 1) {
    const times = keyframes.map((k, i) => asNumber(k.t_s, `volume.keyframes[${i}].t_s`));
    inOrder(times, "volume.keyframes");
  }
  const block = asCount(occupancy.block, "volume.occupancy.block", 1, 256);
  const blocks = asShape(occupancy.shape, "volume.occupancy.shape", 2048);
  const expected = shape.map((n) => Math.ceil(n / block));
  if (blocks.some((n, i) => n !== expected[i])) {
    throw wrong("volume.occupancy.shape", `[${expected.join(", ")}]`, blocks);
  }
  asOneOf(v.voxels, "volume.voxels", ["centres"]);
  return {
    shape,
    channels,
    density: {
      encoding: asOneOf(density.encoding, "volume.density.encoding", ["linear", "alpha"]),
      sigma_max: asPositive(density.sigma_max, "volume.density.sigma_max"),
      reference_length: asPositive(density.reference_length, "volume.density.reference_length"),
    },
    radiance: {
      encoding: asOneOf(radiance.encoding, "volume.radiance.encoding", ["log"]),
      low: asList(radiance.low, "volume.radiance.low", asNumber, c, c),
      high: asList(radiance.high, "volume.radiance.high", asNumber, c, c),
    },
    voxels: "centres",
    keyframes,
    occupancy: { block, shape: blocks, blob: asBlob(occupancy.blob, "volume.occupancy.blob") },
    step: asPositive(v.step, "volume.step"),
  };
}

function readTone(t: Record<string, unknown>, channels: number): ToneDocument {
  const each = (value: unknown, place: string): number | number[] =>
    Array.isArray(value) ? asList(value, place, asNumber, channels, channels) : asNumber(value, place);
  return {
    mode: asOneOf(t.mode, "tone.mode", ["auto", "fixed", "aligned"]),
    offset: each(t.offset, "tone.offset"),
    scale: each(t.scale, "tone.scale"),
    gamma: asPositive(t.gamma, "tone.gamma"),
    source: asText(t.source, "tone.source"),
    aligned: orNull(t.aligned, "tone.aligned", (value, place) => {
      const a = asRecord(value, place);
      return {
        offset: each(a.offset, `${place}.offset`),
        scale: each(a.scale, `${place}.scale`),
        source: asText(a.source, `${place}.source`),
      };
    }),
  };
}

function readCameras(c: Record<string, unknown>): SceneDocument["cameras"] {
  const event = readPinhole(c.event, "cameras.event");
  const views = asList(c.views, "cameras.views", (value, place) => {
    const v = asRecord(value, place);
    return {
      name: asText(v.name, `${place}.name`),
      kind: asOneOf(v.kind, `${place}.kind`, ["training", "heldout", "recorded"]),
      t_s: orNull(v.t_s, `${place}.t_s`, asNumber),
      position: asVec3(v.position, `${place}.position`),
      quaternion: asQuaternion(v.quaternion, `${place}.quaternion`),
      ...(v.camera === undefined ? {} : { camera: readPinhole(v.camera, `${place}.camera`) }),
    };
  });
  return { event, views };
}

function readPinhole(value: unknown, place: string): Pinhole {
  const p = asRecord(value, place);
  return {
    width: asCount(p.width, `${place}.width`, 1, SENSOR_SIDE),
    height: asCount(p.height, `${place}.height`, 1, SENSOR_SIDE),
    fx: asPositive(p.fx, `${place}.fx`),
    fy: asPositive(p.fy, `${place}.fy`),
    cx: asNumber(p.cx, `${place}.cx`),
    cy: asNumber(p.cy, `${place}.cy`),
  };
}

function readTrajectory(t: Record<string, unknown>): SceneDocument["trajectory"] {
  const t_s = asList(t.t_s, "trajectory.t_s", asNumber);
  inOrder(t_s, "trajectory.t_s");
  return {
    t_s,
    position: asList(t.position, "trajectory.position", asVec3, t_s.length, t_s.length),
    quaternion: asList(t.quaternion, "trajectory.quaternion", asQuaternion, t_s.length, t_s.length),
  };
}

function readEvents(value: unknown): EventsDocument {
  const e = asRecord(value, "events");
  const chunks = asList(e.chunks, "events.chunks", (item, place) => {
    const c = asRecord(item, place);
    const t0_s = asNumber(c.t0_s, `${place}.t0_s`);
    return {
      blob: asBlob(c.blob, `${place}.blob`),
      count: asCount(c.count, `${place}.count`, 1, CHUNK),
      t0_s,
      t1_s: asNumber(c.t1_s, `${place}.t1_s`, t0_s),
    };
  });
  inOrder(chunks.map((c) => c.t0_s), "events.chunks t0_s");
  const shown = asCount(e.shown, "events.shown");
  const sum = chunks.reduce((n, c) => n + c.count, 0);
  if (sum !== shown) throw wrong("events.shown", `the ${sum} events of its chunks`, shown);
  return {
    width: asCount(e.width, "events.width", 1, SENSOR_SIDE),
    height: asCount(e.height, "events.height", 1, SENSOR_SIDE),
    c_pos: asPositive(e.c_pos, "events.c_pos"),
    c_neg: asPositive(e.c_neg, "events.c_neg"),
    assumed: e.assumed === true,
    count: asCount(e.count, "events.count", shown),
    shown,
    chunks,
    note: asText(e.note, "events.note"),
  };
}

function readRate(value: unknown): NonNullable<SceneDocument["rate"]> {
  const r = asRecord(value, "rate");
  return {
    t0_s: asNumber(r.t0_s, "rate.t0_s"),
    bin_s: asPositive(r.bin_s, "rate.bin_s"),
    counts: asList(r.counts, "rate.counts", (v, p) => asNumber(v, p, 0)),
  };
}
