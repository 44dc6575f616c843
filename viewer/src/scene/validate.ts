// scene.json of format version 1: from parsed JSON to the type SceneDocument, or one plain sentence. What a single value may
// be is generated (document.gen.ts); here is what values say of one another.

import { channelsOf, isMap } from "./background.ts";
import { anyRecord, inOrder, list, number, sameLength, SceneError, tuple, whole, wrong } from "./check.ts";
import { type EventsDocument, FORMAT, MAJOR, readSceneDocument, type SceneDocument, type ToneDocument, type VolumeDocument } from "./document.gen.ts";

const times = inOrder(list(number()));

/** Refuses what another major version wrote, before anything else of it is read. */
export function checkVersion(value: unknown): void {
  const record = anyRecord(value, "");
  if (record.format !== FORMAT) {
    throw new SceneError(`This is not an efields scene: its "format" is not "${FORMAT}".`);
  }
  const version = tuple(whole({ least: 0 }), whole({ least: 0 }))(record.schema_version, "schema_version");
  if (version[0] !== MAJOR) {
    const wrote = typeof record.generator === "string" ? ` (${record.generator.slice(0, 40)})` : "";
    throw new SceneError(
      `This scene has format version ${version.join(".")}; this viewer reads ${MAJOR}.x. Open it with the efields that wrote it${wrote}.`,
    );
  }
}

export function validateScene(value: unknown): SceneDocument {
  checkVersion(value);
  const document = readSceneDocument(value, "");
  const { background, volume, trajectory, tone, events } = document;
  const channels = channelsOf(document);
  const place = isMap(background) ? "background.channels" : "background";
  if (channels === 2) throw wrong(place, "1 or 3 numbers", isMap(background) ? channels : background);
  if (volume) {
    checkVolume(volume);
    const expected = volume.channels === "mono" ? 1 : 3;
    if (channels !== expected) {
      throw isMap(background) ? wrong(place, `${expected}`, channels) : wrong(place, `${expected} numbers, one for each channel,`, background);
    }
  }
  for (const key of ["position", "quaternion"] as const) sameLength(trajectory[key], trajectory.t_s.length, `trajectory.${key}`);
  checkTone(tone, channels, "tone");
  if (tone.aligned) checkTone(tone.aligned, channels, "tone.aligned");
  if (events) checkEvents(events);
  return document;
}

/** The length of every blob that the document names, in bytes after unpacking. */
export function blobSizes(document: SceneDocument): Map<string, number> {
  const sizes = new Map<string, number>();
  const { volume, background, events } = document;
  if (volume) {
    const voxels = volume.shape[0] * volume.shape[1] * volume.shape[2];
    for (const { blob } of volume.keyframes) sizes.set(blob, voxels * (volume.channels === "mono" ? 2 : 4));
    sizes.set(volume.occupancy.blob, volume.occupancy.shape[0] * volume.occupancy.shape[1] * volume.occupancy.shape[2]);
  }
  if (isMap(background)) sizes.set(background.blob, background.width * background.height * background.channels * 4);
  for (const { blob, count } of events?.chunks ?? []) sizes.set(blob, count * 6);
  return sizes;
}

function checkVolume({ shape, channels, radiance, occupancy, keyframes }: VolumeDocument): void {
  for (const end of ["low", "high"] as const) sameLength(radiance[end], channels === "mono" ? 1 : 3, `volume.radiance.${end}`);
  if (keyframes.length > 1) {
    keyframes.forEach(({ t_s }, i) => number()(t_s, `volume.keyframes[${i}].t_s`));
    times(keyframes.map((k) => k.t_s), "volume.keyframes");
  }
  const expected = shape.map((n) => Math.ceil(n / occupancy.block));
  if (occupancy.shape.some((n, i) => n !== expected[i])) {
    throw wrong("volume.occupancy.shape", `[${expected.join(", ")}]`, occupancy.shape);
  }
}

function checkTone(tone: Pick<ToneDocument, "offset" | "scale">, channels: number, place: string): void {
  for (const key of ["offset", "scale"] as const) {
    const numbers = tone[key];
    if (typeof numbers !== "number") sameLength(numbers, channels, `${place}.${key}`);
  }
}

function checkEvents({ chunks, shown, count }: EventsDocument): void {
  chunks.forEach((c, i) => number({ least: c.t0_s })(c.t1_s, `events.chunks[${i}].t1_s`));
  times(chunks.map((c) => c.t0_s), "events.chunks t0_s");
  const sum = chunks.reduce((n, c) => n + c.count, 0);
  if (sum !== shown) throw wrong("events.shown", `the ${sum} events of its chunks`, shown);
  number({ least: shown })(count, "events.count");
}
