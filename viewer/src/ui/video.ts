// A camera path as a video, made in the browser: each frame is rendered in full, encoded by WebCodecs, written as WebM.

import { type CameraPath, durationOf, samplePath } from "../camera/path.ts";
import type { Desk } from "./desk.ts";
import { el } from "./dom.ts";
import { labelled } from "./screenshot.ts";
import { type EncodedFrame, type Track, webm } from "./webm.ts";

export interface VideoSize {
  width: number;
  height: number;
}

export const NO_WEBCODECS =
  "This browser cannot make videos here: it needs WebCodecs, which requires a secure page (https, localhost or a file). Make the video with `efields export RUN --video FILE --path PATH` instead.";
const NO_CODEC = "This browser has no encoder for VP9 or VP8 at this size. Try a smaller one, or `efields export RUN --video FILE --path PATH`.";

export const canMakeVideos = (): boolean => typeof VideoEncoder !== "undefined" && typeof VideoFrame !== "undefined";

/** The first codec that this browser can encode at this size. */
export async function chooseCodec(size: VideoSize, fps: number): Promise<{ config: VideoEncoderConfig; codec: Track["codec"] } | null> {
  const bitrate = Math.min(40e6, Math.max(1e6, Math.round(size.width * size.height * fps * 0.16)));
  const level = size.width * size.height > 2.2e6 ? "51" : "41";
  const wanted: [string, Track["codec"]][] = [[`vp09.00.${level}.08`, "V_VP9"], ["vp8", "V_VP8"]];
  for (const [name, codec] of wanted) {
    const config: VideoEncoderConfig = { codec: name, ...size, bitrate, framerate: fps, latencyMode: "quality" };
    try {
      if ((await VideoEncoder.isConfigSupported(config)).supported) return { config, codec };
    } catch {
      // a name that this browser does not know
    }
  }
  return null;
}

export async function makeVideo(desk: Desk, path: CameraPath, wanted: VideoSize, progress: (done: number, of: number) => void, signal: AbortSignal): Promise<Blob> {
  if (!canMakeVideos()) throw new Error(NO_WEBCODECS);
  const size = { width: wanted.width - (wanted.width % 2), height: wanted.height - (wanted.height % 2) };
  const { fps } = path;
  const chosen = await chooseCodec(size, fps);
  if (!chosen) throw new Error(NO_CODEC);
  const frames: EncodedFrame[] = [];
  const failures: Error[] = [];
  const stopAtFailure = (): void => {
    const [first] = failures;
    if (first) throw first;
  };
  const encoder = new VideoEncoder({
    output: (chunk) => {
      const data = new Uint8Array(chunk.byteLength);
      chunk.copyTo(data);
      frames.push({ data, ms: chunk.timestamp / 1000, key: chunk.type === "key" });
    },
    error: (error) => { failures.push(new Error(`The video could not be encoded: ${error.message}`)); },
  });
  try {
    encoder.configure(chosen.config);
    const count = Math.max(1, Math.round(durationOf(path) * fps));
    const canvas = el("canvas");
    const base = desk.picture.view(); // mode and brightness stay as they are now
    for (let i = 0; i < count; i++) {
      signal.throwIfAborted();
      stopAtFailure();
      const { pose, fovY, timeS } = samplePath(path, i / fps);
      const view = { ...base, ...size, pose, fovY, tS: base.tS === null ? null : (timeS ?? base.tS) };
      await labelled(desk, await desk.session.renderer.capture(view), base.tone, canvas);
      const frame = new VideoFrame(canvas, { timestamp: Math.round((i * 1e6) / fps), duration: Math.round(1e6 / fps) });
      encoder.encode(frame, { keyFrame: i % Math.max(1, Math.round(2 * fps)) === 0 });
      frame.close();
      while (encoder.encodeQueueSize > 6 && failures.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      progress(i + 1, count);
    }
    await encoder.flush();
    stopAtFailure();
  } finally {
    if (encoder.state !== "closed") encoder.close();
  }
  return new Blob([webm({ codec: chosen.codec, ...size, fps }, frames)], { type: "video/webm" });
}
