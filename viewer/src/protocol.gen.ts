// Generated from efields/server/protocol.py; do not edit. To write it again:
// python -m efields.server.typescript > viewer/src/protocol.gen.ts

export const SUBPROTOCOL = "efields.v1";
export const LEAST_SIDE = 16;
export const MOST_SIDE = 4096;

/** How radiance becomes brightness: clip(exp(offset + scale * log radiance), 0, 1) ** (1 / gamma), per channel. */
export interface ToneMessage {
  /** auto: the server chooses offset and scale for each picture, and adds `offset` (the exposure) to its own. */
  mode: "auto" | "fixed" | "aligned";
  /** One number, or one for each channel. */
  offset: readonly number[];
  /** One number, or one for each channel. */
  scale: readonly number[];
  /** Exponent of the screen. */
  gamma: number;
}

/** A second mode on the right side of the picture. */
export interface WipeMessage {
  /** What the right side shows. */
  mode: "colour" | "depth" | "opacity" | "normal";
  /** Where it begins, as a part of the width. */
  at: number;
}

/** Client: show this; the newest one wins. */
export interface ViewMessage {
  type: "view";
  /** Counts up; frames name the view that they show. */
  id: number;
  /** Camera centre in the world. */
  position: readonly [number, number, number];
  /** Camera to world, OpenCV axes; x, y, z, w, unit length. */
  quaternion: readonly [number, number, number, number];
  /** Vertical field of view in radians. */
  fov_y: number;
  /** Pixels. */
  width: number;
  /** Pixels. */
  height: number;
  /** Seconds since the recording's origin; null for a static field. */
  t_s: number | null;
  /** What is shown. */
  mode: "colour" | "depth" | "opacity" | "normal";
  /** How radiance becomes brightness. */
  tone: ToneMessage;
  /** Only what lies in this box of the world. */
  crop: readonly [readonly [number, number, number], readonly [number, number, number]] | null;
  /** Whether a coarse picture will do. */
  moving: boolean;
  /** A second mode on the right side. */
  wipe: WipeMessage | null;
}

/** Client: the log change that the event camera sees between two times on its path. */
export interface ChangeMessage {
  type: "change";
  /** The answer names it. */
  id: number;
  /** Seconds since the recording's origin. */
  t0_s: number;
  /** Seconds since the recording's origin. */
  t1_s: number;
  /** Pixels of the answer. */
  width: number;
  /** Pixels of the answer. */
  height: number;
}

/** Client: hold training, or let it go on. */
export interface TrainingMessage {
  type: "training";
  /** What to do. */
  action: "pause" | "resume";
}

/** Client: the frame of this view is on screen, the next may come. */
export interface AckMessage {
  type: "ack";
  /** The view's. */
  id: number;
}

/** Server: the first message. */
export interface HelloMessage {
  type: "hello";
  /** Major and minor version of the protocol. */
  version: readonly [number, number];
  /** The scene document, its volume null. */
  document: Record<string, unknown>;
  /** Whether the field is being trained. */
  training: boolean;
}

/** Server: how far training is. */
export interface MetricsMessage {
  type: "metrics";
  /** Steps done. */
  step: number;
  /** Steps in all. */
  steps: number;
  /** Total loss of the step. */
  loss: number;
  /** Its weighted terms. */
  terms: Record<string, number>;
  /** Quick score on a few held-out views, dB, where one was made at this step. */
  psnr_heldout: number | null;
  /** Seconds of training so far. */
  seconds: number;
  /** Whether training is held. */
  paused: boolean;
  /** Share of time that viewing took so far, 0 to 1. */
  overhead_share: number;
}

/** Server: a line to read. */
export interface LogMessage {
  type: "log";
  /** One plain sentence. */
  text: string;
}

/** Server: what it could not do. */
export interface ErrorMessage {
  type: "error";
  /** One plain sentence. */
  text: string;
}

/** Server, before a JPEG: a picture. */
export interface FrameHeader {
  type: "frame";
  /** The view that it shows. */
  id: number;
  /** Optimiser steps of the field that it shows. */
  step: number;
  /** Pixels of the JPEG. */
  width: number;
  /** Pixels of the JPEG. */
  height: number;
  /** full: at the size that was asked for. */
  state: "preview" | "full";
  /** Pixels that were asked for. */
  full_width: number;
  /** Pixels that were asked for. */
  full_height: number;
  /** Milliseconds of rendering. */
  ms: number;
  /** Offset and scale of automatic brightness that the server chose, without the exposure; null where it did not. */
  auto: readonly [number, number] | null;
}

/** Server, before little-endian int16 in rows: log change = value * scale. */
export interface ChangeHeader {
  type: "change";
  /** The request's. */
  id: number;
  /** Pixels. */
  width: number;
  /** Pixels. */
  height: number;
  /** Log change of one step. */
  scale: number;
}

export type ClientMessage = ViewMessage | ChangeMessage | TrainingMessage | AckMessage;
export type ServerMessage = HelloMessage | MetricsMessage | LogMessage | ErrorMessage;
export type BinaryHeader = FrameHeader | ChangeHeader;
