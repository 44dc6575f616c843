// Generated from efields/server/protocol.py; do not edit. To write it anew:
// python -m efields.server.typescript > viewer/src/protocol.gen.ts

export const SUBPROTOCOL = "efields.v1";
export const LEAST_SIDE = 16;
export const MOST_SIDE = 4096;

/** How radiance becomes brightness: clip(exp(offset + scale * log radiance), 0, 1) ** (1 / gamma), per channel. */
export interface ToneMessage {
  mode: "auto" | "fixed" | "aligned";
  offset: readonly number[];
  scale: readonly number[];
  gamma: number;
}

/** A second mode on the right side of the picture. */
export interface WipeMessage {
  mode: "colour" | "depth" | "opacity" | "normal";
  at: number;
}

/** Client: show this; the newest one wins. */
export interface ViewMessage {
  type: "view";
  id: number;
  position: readonly [number, number, number];
  quaternion: readonly [number, number, number, number];
  fov_y: number;
  width: number;
  height: number;
  t_s: number | null;
  mode: "colour" | "depth" | "opacity" | "normal";
  tone: ToneMessage;
  crop: readonly [readonly [number, number, number], readonly [number, number, number]] | null;
  moving: boolean;
  wipe: WipeMessage | null;
}

/** Client: the log change that the event camera sees between two times on its path. */
export interface ChangeMessage {
  type: "change";
  id: number;
  t0_s: number;
  t1_s: number;
  width: number;
  height: number;
}

/** Client: hold training, or let it go on. */
export interface TrainingMessage {
  type: "training";
  action: "pause" | "resume";
}

/** Client: the frame of this view is on screen, the next may come. */
export interface AckMessage {
  type: "ack";
  id: number;
}

/** Server: the first message. */
export interface HelloMessage {
  type: "hello";
  version: readonly [number, number];
  document: Record<string, unknown>;
  training: boolean;
}

/** Server: how far training is. */
export interface MetricsMessage {
  type: "metrics";
  step: number;
  steps: number;
  loss: number;
  terms: Record<string, number>;
  psnr_heldout: number | null;
  seconds: number;
  paused: boolean;
  overhead_share: number;
}

/** Server: a line to read. */
export interface LogMessage {
  type: "log";
  text: string;
}

/** Server: what it could not do. */
export interface ErrorMessage {
  type: "error";
  text: string;
}

/** Server, before a JPEG: a picture. */
export interface FrameHeader {
  type: "frame";
  id: number;
  step: number;
  width: number;
  height: number;
  state: "preview" | "full";
  full_width: number;
  full_height: number;
  ms: number;
  auto: readonly [number, number] | null;
}

/** Server, before little-endian int16 in rows: log change = value * scale. */
export interface ChangeHeader {
  type: "change";
  id: number;
  width: number;
  height: number;
  scale: number;
}

export type ClientMessage = ViewMessage | ChangeMessage | TrainingMessage | AckMessage;
export type ServerMessage = HelloMessage | MetricsMessage | LogMessage | ErrorMessage;
export type BinaryHeader = FrameHeader | ChangeHeader;
