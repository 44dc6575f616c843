// The renderer whose pictures come from a server. It draws them on a 2D canvas, so it needs no WebGL.

import type { LogChange, Mode, Percentiles, Renderer, RenderStatus, View } from "../contract.ts";
import type { ClientMessage, FrameHeader } from "../protocol.gen.ts";
import { changeOf, type BinaryMessage } from "./frames.ts";
import { MODES, percentilesOf, servedSize, viewMessage } from "./messages.ts";

export const LOST = "The server does not answer. Trying to reconnect.";
const AUTO_WAIT_MS = 3000;
const CHANGE_WAIT_MS = 30_000;
const CAPTURE_WAIT_MS = 120_000;

export interface Link {
  send(message: ClientMessage): void;
  readonly isOpen: boolean;
  close(): void;
}

interface Request {
  id: number;
  view: View;
  moving: boolean;
  asked: number;
}

interface Capture {
  id: number;
  done(jpeg: Uint8Array<ArrayBuffer>): void;
  failed(error: Error): void;
}

async function decoded(jpeg: Uint8Array<ArrayBuffer>): Promise<ImageBitmap> {
  return createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
}

export class LiveRenderer implements Renderer {
  readonly kind = "live";
  readonly canvas = document.createElement("canvas");
  readonly modes: readonly Mode[] = MODES;
  onStatus: (status: RenderStatus) => void = () => undefined;
  /** The picture on the canvas, for tests: which view it shows. */
  shown: FrameHeader | null = null;
  /** Holds training while a picture is taken; gives what lets it go on. */
  hold: () => () => void = () => () => undefined;

  private readonly context: CanvasRenderingContext2D;
  private auto: readonly [number, number] | null = null;
  private lastId = 0;
  private request_: Request | null = null;
  private readonly asked = new Map<number, number>();
  private readonly changes = new Map<number, (change: LogChange | null) => void>();
  private capturing: Capture | null = null;
  private captures: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly link: Link,
    /** Offset of automatic brightness that the interface has; what is beyond it is the exposure. */
    private base: readonly number[],
    private readonly channels: number,
    private readonly training: boolean,
  ) {
    const context = this.canvas.getContext("2d", { alpha: false });
    if (!context) throw new Error("This browser provides no canvas to draw on.");
    this.context = context;
  }

  request(view: View, moving: boolean): void {
    const request = { id: ++this.lastId, view, moving, asked: performance.now() };
    this.request_ = request;
    if (this.capturing === null) this.ask(request);
  }

  logChange(fromS: number, toS: number, width: number, height: number): Promise<LogChange | null> {
    // The server keeps the newest request only.
    for (const answer of this.changes.values()) answer(null);
    this.changes.clear();
    if (!this.link.isOpen) return Promise.resolve(null);
    const id = ++this.lastId;
    return new Promise((resolve) => {
      const timer = setTimeout(() => finish(null), CHANGE_WAIT_MS);
      const finish = (change: LogChange | null): void => {
        clearTimeout(timer);
        this.changes.delete(id);
        resolve(change);
      };
      this.changes.set(id, finish);
      this.link.send({ type: "change", id, t0_s: fromS, t1_s: toS, ...servedSize(width, height) });
    });
  }

  /** The server sets automatic brightness: its numbers for the newest picture, so that the page can tell them. */
  async percentiles(): Promise<Percentiles | null> {
    const until = performance.now() + AUTO_WAIT_MS;
    while (this.auto === null && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 50));
    if (this.auto === null) return null;
    this.base = [this.auto[0]];
    return percentilesOf(this.auto, this.channels);
  }

  capture(view: View): Promise<Blob> {
    const picture = this.captures.then(() => this.take(view));
    this.captures = picture.catch(() => undefined);
    return picture;
  }

  dispose(): void {
    for (const answer of this.changes.values()) answer(null);
    this.changes.clear();
    this.capturing?.failed(new Error("The viewer was closed."));
    this.link.close();
  }

  // ---- what the session passes on from the socket

  /** A new socket: the server knows nothing yet of what is wanted. */
  greeted(): void {
    const request = this.request_;
    if (request !== null) this.ask(request);
  }

  lost(text: string): void {
    for (const answer of this.changes.values()) answer(null);
    this.changes.clear();
    this.capturing?.failed(new Error(LOST));
    this.say("lost", 0, 0, 0, text);
  }

  binary({ header, payload }: BinaryMessage): void {
    if (header.type === "change") {
      this.changes.get(header.id)?.(changeOf(header, payload));
    } else if (this.capturing?.id === header.id) {
      this.link.send({ type: "ack", id: header.id });
      if (header.state === "full") this.capturing.done(payload);
    } else {
      void this.show(header, payload);
    }
  }

  private async show(header: FrameHeader, jpeg: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      // A picture of a view before the one on the canvas comes too late.
      if (this.shown !== null && header.id < this.shown.id) return;
      const picture = await decoded(jpeg);
      const { full_width: width, full_height: height } = header;
      if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
      this.context.imageSmoothingQuality = "high";
      this.context.drawImage(picture, 0, 0, width, height);
      picture.close();
      this.shown = header;
      if (header.auto !== null) this.auto = header.auto;
      const asked = this.asked.get(header.id);
      // While the field learns, the server draws the same view again: no longer counted from when it was asked for.
      for (const id of this.asked.keys()) if (id < header.id || (id === header.id && header.state === "full")) this.asked.delete(id);
      const size = header.state === "full" ? "full" : `preview ${header.height}p`;
      const text = this.training ? `${size}, step ${header.step}` : size;
      this.say(header.state, header.width, header.height, asked === undefined ? header.ms : performance.now() - asked, text);
    } catch {
      this.say("waiting", header.width, header.height, 0, "An image could not be decoded.");
    } finally {
      this.link.send({ type: "ack", id: header.id });
    }
  }

  private ask(request: Request): void {
    if (this.shown === null) this.say("waiting", 0, 0, 0, "waiting for the first image");
    this.asked.set(request.id, request.asked);
    this.link.send(viewMessage(request.id, request.view, request.moving, this.base));
  }

  private async take(view: View): Promise<Blob> {
    if (!this.link.isOpen) throw new Error(LOST);
    const release = this.hold();
    const id = ++this.lastId;
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      const jpeg = await new Promise<Uint8Array<ArrayBuffer>>((done, failed) => {
        timer = setTimeout(() => failed(new Error("The server took too long to render this image.")), CAPTURE_WAIT_MS);
        this.capturing = { id, done, failed };
        this.link.send(viewMessage(id, view, false, this.base));
      });
      return await asPng(jpeg);
    } finally {
      clearTimeout(timer);
      this.capturing = null;
      release();
      if (this.request_ !== null) this.request(this.request_.view, this.request_.moving);
    }
  }

  private say(state: RenderStatus["state"], width: number, height: number, ms: number, text: string): void {
    this.onStatus({ state, width, height, ms, text });
  }
}

async function asPng(jpeg: Uint8Array<ArrayBuffer>): Promise<Blob> {
  const picture = await decoded(jpeg);
  const copy = document.createElement("canvas");
  Object.assign(copy, { width: picture.width, height: picture.height });
  copy.getContext("2d")?.drawImage(picture, 0, 0);
  picture.close();
  const blob = await new Promise<Blob | null>((resolve) => copy.toBlob(resolve, "image/png"));
  if (!blob) throw new Error("This browser could not make a PNG of this image.");
  return blob;
}
