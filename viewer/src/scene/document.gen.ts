// Generated from efields/export/contract.py; do not edit. To write it again:
// python -m efields.export.typescript > viewer/src/scene/document.gen.ts

import * as check from "./check.ts";

export const FORMAT = "efields-scene";
export const MAJOR = 1;

/** A camera without distortion; pixel centres are at whole numbers. */
export interface Pinhole {
  /** Columns. */
  width: number;
  /** Rows. */
  height: number;
  /** Focal length along columns, pixels. */
  fx: number;
  /** Focal length along rows, pixels. */
  fy: number;
  /** Column of the principal point. */
  cx: number;
  /** Row of the principal point. */
  cy: number;
}

const readPinhole = check.record<Pinhole>({
  width: check.whole({ least: 1, most: 32768 }),
  height: check.whole({ least: 1, most: 32768 }),
  fx: check.number({ above: 0 }),
  fy: check.number({ above: 0 }),
  cx: check.number(),
  cy: check.number(),
});

/** A pose that can be gone to. */
export interface SceneView {
  /** What the list of views calls it. */
  name: string;
  /** A frame that was trained on, one that was held out, or a pose of the trajectory. */
  kind: "training" | "heldout" | "recorded";
  /** Seconds since the recording's origin; null for a view without a time. */
  t_s: number | null;
  /** Camera centre. */
  position: readonly [number, number, number];
  /** Camera to world, OpenCV axes; x, y, z, w. */
  quaternion: readonly [number, number, number, number];
  /** Its own camera, where it is not `cameras.event`. */
  camera?: Pinhole;
}

const readSceneView = check.record<SceneView>({
  name: check.text,
  kind: check.oneOf("training", "heldout", "recorded"),
  t_s: check.nullable(check.number()),
  position: check.tuple(check.number(), check.number(), check.number()),
  quaternion: check.unitLength(check.tuple(check.number(), check.number(), check.number(), check.number()), 0.01),
  camera: check.optional(readPinhole),
});

/** The cameras of a scene. */
export interface CamerasDocument {
  /** The event camera, undistorted. */
  event: Pinhole;
  /** Views to choose from. */
  views: readonly SceneView[];
}

const readCamerasDocument = check.record<CamerasDocument>({
  event: readPinhole,
  views: check.list(readSceneView),
});

/** Where things are: all positions of a scene count from `origin`, as single precision resolves no survey grid. */
export interface WorldDocument {
  /** The box of the volume, low corner and high. */
  aabb: readonly [readonly [number, number, number], readonly [number, number, number]];
  /** Unit direction away from the ground. */
  up: readonly [number, number, number];
  /** Middle of what is to be framed. */
  center: readonly [number, number, number];
  /** Radius of what is to be framed. */
  radius: number;
  /** The point of the user's world from which positions count. */
  origin: readonly [number, number, number];
}

const readWorldDocument = check.record<WorldDocument>({
  aabb: check.corners(check.tuple(check.tuple(check.number(), check.number(), check.number()), check.tuple(check.number(), check.number(), check.number()))),
  up: check.unitLength(check.tuple(check.number(), check.number(), check.number()), 0.01),
  center: check.tuple(check.number(), check.number(), check.number()),
  radius: check.number({ above: 0 }),
  origin: check.otherwise(check.tuple(check.number(), check.number(), check.number()), [0.0, 0.0, 0.0]),
});

/** How a code q from 0 to 1 tells density; 0 is exactly no density. */
export interface DensityCode {
  /** `linear`: q sigma_max. `alpha`: q is the opacity of `reference_length`, over that of sigma_max. */
  encoding: "linear" | "alpha";
  /** Density of code 1, in 1 / world unit. */
  sigma_max: number;
  /** Length of which `alpha` codes the opacity, world units. */
  reference_length: number;
}

const readDensityCode = check.record<DensityCode>({
  encoding: check.oneOf("linear", "alpha"),
  sigma_max: check.number({ above: 0 }),
  reference_length: check.number({ above: 0 }),
});

/** How a code q from 0 to 1 tells radiance: exp(low + q (high - low)) per channel. */
export interface RadianceCode {
  /** Log radiance of code 0. */
  low: readonly number[];
  /** Log radiance of code 1. */
  high: readonly number[];
  /** Codes are spread evenly over log radiance. */
  encoding: "log";
}

const readRadianceCode = check.record<RadianceCode>({
  low: check.perChannel(check.list(check.number())),
  high: check.perChannel(check.list(check.number())),
  encoding: check.otherwise(check.oneOf("log"), "log"),
});

/** The volume at one time. */
export interface KeyframeDocument {
  /** Seconds since the recording's origin; null for a field that stands still. */
  t_s: number | null;
  /** Codes of every voxel, x fastest: density and radiance, or red, green, blue and density; a byte each. */
  blob: string;
}

const readKeyframeDocument = check.record<KeyframeDocument>({
  t_s: check.nullable(check.number()),
  blob: check.blobName(check.text),
});

/** Where density can be met at some time. */
export interface OccupancyDocument {
  /** Voxels along an edge of a block. */
  block: number;
  /** Blocks along x, y, z. */
  shape: readonly [number, number, number];
  /** A byte for each block, x fastest: 0 where it and its neighbouring voxels are empty at all times. */
  blob: string;
}

const readOccupancyDocument = check.record<OccupancyDocument>({
  block: check.whole({ least: 1, most: 256 }),
  shape: check.tuple(check.whole({ least: 1, most: 2048 }), check.whole({ least: 1, most: 2048 }), check.whole({ least: 1, most: 2048 })),
  blob: check.blobName(check.text),
});

/** A field as 8-bit codes on a grid that fills `world.aabb`. */
export interface VolumeDocument {
  /** Voxels along x, y, z. */
  shape: readonly [number, number, number];
  /** One channel of radiance or three. */
  channels: "mono" | "rgb";
  /** What codes of density mean. */
  density: DensityCode;
  /** What codes of radiance mean. */
  radiance: RadianceCode;
  /** Values stand at the centres of voxels; between them they are interpolated, beyond them held. */
  voxels: "centres";
  /** In order of time; between two of them codes are blended linearly. */
  keyframes: readonly KeyframeDocument[];
  /** Empty space. */
  occupancy: OccupancyDocument;
  /** Length of the spans of the march along a ray, world units. */
  step: number;
}

const readVolumeDocument = check.record<VolumeDocument>({
  shape: check.tuple(check.whole({ least: 1, most: 2048 }), check.whole({ least: 1, most: 2048 }), check.whole({ least: 1, most: 2048 })),
  channels: check.oneOf("mono", "rgb"),
  density: readDensityCode,
  radiance: readRadianceCode,
  voxels: check.oneOf("centres"),
  keyframes: check.list(readKeyframeDocument, 1),
  occupancy: readOccupancyDocument,
  step: check.number({ above: 0 }),
});

/** Radiance behind the field by direction: a small picture of all directions around. */
export interface BackgroundMap {
  /** A map. */
  kind: "map";
  /** Columns; column u holds the azimuth atan2(y, x) = 2 pi ((u + 1/2) / width) - pi; left and right ends meet. */
  width: number;
  /** Rows; row v holds the angle pi (v + 1/2) / height from +z of the world. */
  height: number;
  /** One or three. */
  channels: number;
  /** Linear radiance in float32, [height, width, channels]; between pixel centres it is interpolated linearly. */
  blob: string;
}

const readBackgroundMap = check.record<BackgroundMap>({
  kind: check.oneOf("map"),
  width: check.whole({ least: 4, most: 4096 }),
  height: check.whole({ least: 2, most: 2048 }),
  channels: check.whole({ least: 1, most: 3 }),
  blob: check.blobName(check.text),
});

/** Brightness as the evaluation fitted it to reference views. */
export interface AlignedTone {
  /** Added to the scaled log radiance. */
  offset: number | readonly number[];
  /** What log radiance is multiplied by. */
  scale: number | readonly number[];
  /** A sentence: where the numbers come from. */
  source: string;
}

const readAlignedTone = check.record<AlignedTone>({
  offset: check.listOr(check.list(check.number()), check.number()),
  scale: check.listOr(check.list(check.number()), check.number()),
  source: check.text,
});

/** How radiance becomes brightness: clip(exp(offset + scale * log radiance), 0, 1) ** (1 / gamma). */
export interface ToneDocument {
  /** What the page starts with. */
  mode: "auto" | "fixed" | "aligned";
  /** Added to the scaled log radiance. */
  offset: number | readonly number[];
  /** What log radiance is multiplied by. */
  scale: number | readonly number[];
  /** Exponent of the screen. */
  gamma: number;
  /** A sentence: where the numbers come from. */
  source: string;
  /** The brightness of the references, where they were compared with. */
  aligned: AlignedTone | null;
}

const readToneDocument = check.record<ToneDocument>({
  mode: check.oneOf("auto", "fixed", "aligned"),
  offset: check.listOr(check.list(check.number()), check.number()),
  scale: check.listOr(check.list(check.number()), check.number()),
  gamma: check.number({ above: 0 }),
  source: check.text,
  aligned: check.nullable(readAlignedTone),
});

/** The event camera's path, straight between its poses; as many entries in each list. */
export interface TrajectoryDocument {
  /** Seconds since the recording's origin. */
  t_s: readonly number[];
  /** Camera centres. */
  position: readonly (readonly [number, number, number])[];
  /** Camera to world, OpenCV axes; x, y, z, w. */
  quaternion: readonly (readonly [number, number, number, number])[];
}

const readTrajectoryDocument = check.record<TrajectoryDocument>({
  t_s: check.inOrder(check.list(check.number())),
  position: check.list(check.tuple(check.number(), check.number(), check.number())),
  quaternion: check.list(check.unitLength(check.tuple(check.number(), check.number(), check.number(), check.number()), 0.01)),
});

/** Events without a gap of more than 65535 microseconds. */
export interface EventChunk {
  /** Three columns of uint16: x with the polarity as its top bit, y, microseconds since the event before. */
  blob: string;
  /** Events. */
  count: number;
  /** Time of the first, seconds since the recording's origin. */
  t0_s: number;
  /** Time of the last. */
  t1_s: number;
}

const readEventChunk = check.record<EventChunk>({
  blob: check.blobName(check.text),
  count: check.whole({ least: 1, most: 262144 }),
  t0_s: check.number(),
  t1_s: check.number(),
});

/** Events in the undistorted pinhole of the event camera. */
export interface EventsDocument {
  /** Columns of the sensor. */
  width: number;
  /** Rows of the sensor. */
  height: number;
  /** Contrast threshold of ON events. */
  c_pos: number;
  /** Contrast threshold of OFF events. */
  c_neg: number;
  /** Events of the recording. */
  count: number;
  /** Events of the chunks. */
  shown: number;
  /** In order of time. */
  chunks: readonly EventChunk[];
  /** What is not there, in plain sentences; empty when all is. */
  note: string;
  /** Whether nobody gave the thresholds. */
  assumed: boolean;
}

const readEventsDocument = check.record<EventsDocument>({
  width: check.whole({ least: 1, most: 32768 }),
  height: check.whole({ least: 1, most: 32768 }),
  c_pos: check.number({ above: 0 }),
  c_neg: check.number({ above: 0 }),
  count: check.whole({ least: 0 }),
  shown: check.whole({ least: 0 }),
  chunks: check.list(readEventChunk),
  note: check.text,
  assumed: check.otherwise(check.flag, false),
});

/** Events of the recording in even spans of time. */
export interface RateDocument {
  /** Start of the first span. */
  t0_s: number;
  /** Length of a span. */
  bin_s: number;
  /** Events in each. */
  counts: readonly number[];
}

const readRateDocument = check.record<RateDocument>({
  t0_s: check.number(),
  bin_s: check.number({ above: 0 }),
  counts: check.list(check.number({ least: 0 })),
});

/** scene.json, format version 1. */
export interface SceneDocument {
  /** What this is. */
  format: "efields-scene";
  /** Major and minor version of the format. */
  schema_version: readonly [number, number];
  /** What the scene is called. */
  name: string;
  /** What wrote it. */
  generator: string;
  /** Sensor time of second 0, microseconds. */
  origin_us: number;
  /** From the first event or pose to the last, seconds since the recording's origin. */
  time_range_s: readonly [number, number];
  /** Where things are. */
  world: WorldDocument;
  /** The baked field; null where a server renders it. */
  volume: VolumeDocument | null;
  /** Linear radiance behind the field: one colour, as a list of its channels, or an object whose `kind` says what. */
  background: readonly number[] | BackgroundMap;
  /** How it is shown. */
  tone: ToneDocument;
  /** Cameras and views. */
  cameras: CamerasDocument;
  /** The event camera's path. */
  trajectory: TrajectoryDocument;
  /** The events; null where there are none. */
  events: EventsDocument | null;
  /** Their rate over time. */
  rate: RateDocument | null;
  /** Scores of the run, by name. */
  metrics: Record<string, unknown>;
  /** Where the scene comes from, by name. */
  provenance: Record<string, unknown>;
  /** What a viewer should be told, one sentence each. */
  notes: readonly string[];
  /** First and last second in which a field that moves is known; absent for one that stands still. */
  moves_s?: readonly [number, number];
}

const readSceneDocument = check.record<SceneDocument>({
  format: check.oneOf("efields-scene"),
  schema_version: check.tuple(check.whole(), check.whole()),
  name: check.text,
  generator: check.text,
  origin_us: check.whole(),
  time_range_s: check.inOrder(check.tuple(check.number(), check.number())),
  world: readWorldDocument,
  volume: check.nullable(readVolumeDocument),
  background: check.listOr(check.list(check.number({ least: 0 }), 1, 3), check.byKind({ map: readBackgroundMap })),
  tone: readToneDocument,
  cameras: readCamerasDocument,
  trajectory: readTrajectoryDocument,
  events: check.nullable(readEventsDocument),
  rate: check.nullable(readRateDocument),
  metrics: check.anyRecord,
  provenance: check.anyRecord,
  notes: check.list(check.text),
  moves_s: check.optional(check.inOrder(check.tuple(check.number(), check.number()))),
});

export { readSceneDocument };
