// The types between the parts of the viewer: what a view asks for, what a renderer gives. What a scene says is generated.

import type { SceneDocument } from "./scene/document.gen.ts";

export type { Pinhole, SceneDocument, SceneView, ToneDocument, VolumeDocument } from "./scene/document.gen.ts";

export type Vec3 = readonly [number, number, number];
/** x, y, z, w. */
export type Quaternion = readonly [number, number, number, number];
export type Box = readonly [Vec3, Vec3];

/** Camera to world, OpenCV axes (x right, y down, z forward). */
export interface Pose {
  position: Vec3;
  quaternion: Quaternion;
}

export type Mode = "colour" | "depth" | "opacity" | "normal" | "samples";

/** display = clip(exp(offset + scale * log radiance), 0, 1) ** (1 / gamma), per channel. */
export interface Tone {
  mode: "auto" | "fixed" | "aligned";
  offset: readonly number[];
  scale: readonly number[];
  gamma: number;
}

/** All that a picture depends on. */
export interface View {
  pose: Pose;
  /** Vertical field of view in radians. */
  fovY: number;
  width: number;
  height: number;
  /** Seconds since the recording's origin; null for a static field. */
  tS: number | null;
  mode: Mode;
  /** A second mode right of `at` (0 to 1 of the width). */
  wipe: { mode: Mode; at: number } | null;
  crop: Box | null;
  tone: Tone;
}

/** What the page shows of how a picture was made. */
export interface RenderStatus {
  state: "preview" | "full" | "waiting" | "lost";
  width: number;
  height: number;
  /** Milliseconds from asking to showing. */
  ms: number;
  text: string;
}

/** Log change of radiance of every pixel of the event camera between two times; row-major. */
export interface LogChange {
  width: number;
  height: number;
  values: Float32Array;
}

/** Radiance statistics of a picture, for automatic brightness: percentiles 1 and 99 of log radiance per channel. */
export interface Percentiles {
  low: readonly number[];
  high: readonly number[];
}

export interface Renderer {
  readonly kind: "baked" | "live";
  /** The picture; the interface lays it out and draws its lines above it on a canvas of its own. */
  readonly canvas: HTMLCanvasElement;
  readonly modes: readonly Mode[];
  /** Asks for a picture; the newest request wins. `moving` allows a coarse one. */
  request(view: View, moving: boolean): void;
  /** Called whenever a picture was shown or the state changed. */
  onStatus: (status: RenderStatus) => void;
  /** Predicted log change between the poses of two times; null when it cannot be had. */
  logChange(fromS: number, toS: number, width: number, height: number): Promise<LogChange | null>;
  /** For "auto" brightness; null where the server does it. */
  percentiles(view: View): Promise<Percentiles | null>;
  /** The picture at its own size, rendered in full. */
  capture(view: View): Promise<Blob>;
  dispose(): void;
}

/** A scene and where its blobs come from. */
export interface Scene {
  document: SceneDocument;
  /** The unpacked bytes of a blob; throws an Error with one plain sentence. */
  blob(name: string): Promise<Uint8Array>;
}

/** Training that goes on while the page looks at it. */
export interface Training {
  onMetrics: (metrics: TrainingMetrics) => void;
  setPaused(paused: boolean): void;
}

export interface TrainingMetrics {
  step: number;
  steps: number;
  loss: number;
  terms: Record<string, number>;
  psnr_heldout: number | null;
  seconds: number;
  paused: boolean;
  overhead_share: number;
}

/** What `main.ts` hands to the interface. */
export interface Session {
  scene: Scene;
  renderer: Renderer;
  training: Training | null;
}
// Entrances of the parts:
//   src/scene/load.ts      loadScene(): Promise<Scene>                     embedded or folder; throws Error of one sentence
//   src/scene/events.ts    class EventStore(scene): window(t0, t1) -> {x, y, polarity} typed arrays; countImage(t0, t1)
//   src/baked/renderer.ts  createBakedRenderer(scene): Promise<Renderer>   throws Error "no WebGL2" with a plain sentence
//   src/live/session.ts    connectLive(): Promise<Session>                 reconnects by itself
//   src/camera/...         pose math, Controls (orbit, fly, touch), state in the URL, camera paths
//   src/ui/app.ts          startApp(root: HTMLElement, session: Session): App;   App.hooks for tests as window.efields
