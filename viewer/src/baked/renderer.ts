// The renderer of baked scenes: WebGL2 on the viewer's own graphics card.
//
// A view's width and height are CSS pixels; the picture on screen has up to 1.5 times as many (on touch devices as many).
// `capture` and `raw` give exactly the view's width and height.

import type { LogChange, Mode, Percentiles, Renderer, RenderStatus, Scene, View } from "../contract.ts";
import { pinholeOf, resized } from "../camera/pose.ts";
import { poseAt } from "../camera/trajectory.ts";
import { type Background, loadBackground } from "./background.ts";
import { changeBetween, logRadiance, percentilesOf } from "./measure.ts";
import { Pace } from "./pace.ts";
import { depthRange, GpuStage, Lost, type March, MODES } from "./stage.ts";
import { Volume } from "./volume.ts";
import type { WebGLRenderTarget } from "three";

export const NO_WEBGL2 =
  "This page renders the scene with WebGL 2, which is not available in this browser. Try a current Chrome, Edge, Firefox or Safari, " +
  "enable hardware acceleration in its settings, or let a server render: efields view RUN.";
const LOST = "The connection to the GPU was lost. The image returns by itself once the browser restores it.";
const PREVIEW_ABOVE_MS = 120; // a full picture that takes longer is preceded by a coarse one
const PERCENTILE_WIDTH = 160;

/** Screen pixels for each CSS pixel: more would cost memory that phones do not have. */
export function pixelRatio(): number {
  const touch = matchMedia("(pointer: coarse)").matches;
  return Math.max(0.5, Math.min(window.devicePixelRatio || 1, touch ? 1 : 1.5));
}

interface Picture {
  target: WebGLRenderTarget;
  key: string;
  normals: boolean;
  full: boolean;
}

interface Request {
  view: View;
  moving: boolean;
  asked: number;
}

interface Needs {
  /** Screen pixels. */
  width: number;
  height: number;
  /** Everything that a march depends on: mode, wipe and brightness are not among it. */
  key: string;
  normals: boolean;
}

function needs(view: View): Needs {
  const ratio = pixelRatio();
  const width = Math.max(1, Math.round(view.width * ratio));
  const height = Math.max(1, Math.round(view.height * ratio));
  const key = JSON.stringify([view.pose, view.fovY, width, height, view.tS, view.crop]);
  return { width, height, key, normals: view.mode === "normal" || view.wipe?.mode === "normal" };
}

export async function createBakedRenderer(scene: Scene): Promise<BakedRenderer> {
  const canvas = document.createElement("canvas");
  const gl = canvas.getContext("webgl2", {
    alpha: false,
    antialias: false,
    depth: false,
    stencil: false,
    preserveDrawingBuffer: true, // the picture can be copied at any time
    powerPreference: "high-performance",
  });
  if (!gl) throw new Error(NO_WEBGL2);
  const volume = await Volume.load(scene, gl.getParameter(gl.MAX_3D_TEXTURE_SIZE) as number);
  return new BakedRenderer(canvas, gl, scene, volume, await loadBackground(scene));
}

export class BakedRenderer implements Renderer {
  readonly kind = "baked";
  readonly modes: readonly Mode[] = MODES;
  onStatus: (status: RenderStatus) => void = () => undefined;
  private readonly pace = new Pace();
  private readonly stage: GpuStage;
  private readonly channels: number;
  private readonly targets = new Map<string, WebGLRenderTarget>();
  private readonly looks = new Map<string, Float32Array>();
  private front: Picture | null = null;
  private next: Request | null = null;
  private last: Request | null = null;
  private working = false;
  private gone = false;

  constructor(
    readonly canvas: HTMLCanvasElement,
    gl: WebGL2RenderingContext,
    private readonly scene: Scene,
    private readonly volume: Volume,
    background: Background,
  ) {
    this.stage = new GpuStage(canvas, gl, scene.document, volume, background, this.pace);
    this.channels = volume.document.channels === "mono" ? 1 : 3;
    canvas.addEventListener("webglcontextlost", (event) => {
      event.preventDefault();
      this.front = null;
      this.targets.clear(); // they went with the context
      this.say("lost", 0, 0, 0, LOST);
    });
    canvas.addEventListener("webglcontextrestored", () => {
      this.front = null;
      if (this.last) this.request(this.last.view, false);
    });
  }

  request(view: View, moving: boolean): void {
    this.next = { view, moving, asked: performance.now() };
    this.last = this.next;
    if (this.gone) return;
    if (!this.working) return void this.work();
    // Another mode or brightness of what is on screen shows at once, also while the full picture is on its way.
    const { width, height, key, normals } = needs(view);
    if (this.front?.key === key && (this.front.normals || !normals)) this.present(this.front, this.next, width, height);
  }

  async logChange(fromS: number, toS: number, width: number, height: number): Promise<LogChange | null> {
    const from = await this.look(fromS, width, height);
    const to = await this.look(toS, width, height);
    return from && to ? changeBetween(from, to, width, height) : null;
  }

  async percentiles(view: View): Promise<Percentiles | null> {
    const width = Math.min(PERCENTILE_WIDTH, view.width);
    const height = Math.max(1, Math.round((view.height * width) / view.width));
    const values = await this.raw({ ...view, width, height, mode: "colour" });
    return percentilesOf(values, this.channels);
  }

  async capture(view: View): Promise<Blob> {
    const { width, height } = this.checkedSize(view);
    const picture = this.stage.target(width, height);
    const colours = this.stage.colours(width, height);
    try {
      await this.stage.march(await this.marchOf(view, width, height), picture, () => this.gone);
      this.stage.show(picture, view, width, height, this.rangeOf(view), colours);
      const copy = document.createElement("canvas");
      Object.assign(copy, { width, height });
      const drawing = copy.getContext("2d");
      if (!drawing) throw new Error("This browser provides no canvas to draw the image on.");
      drawing.putImageData(new ImageData(this.stage.readBytes(colours), width, height), 0, 0);
      const blob = await new Promise<Blob | null>((resolve) => copy.toBlob(resolve, "image/png"));
      if (!blob) throw new Error("This browser could not make a PNG of this image.");
      return blob;
    } catch (error) {
      throw error instanceof Lost ? new Error(LOST) : error;
    } finally {
      picture.dispose();
      colours.dispose();
    }
  }

  /**
   * Exact values of the view's mode, RGBA float32, top row first: colour: linear radiance and opacity; depth: distance along
   * the unit ray (Infinity below opacity one half), opacity; opacity: four times; normal: world axes, opacity; samples: count.
   */
  async raw(view: View, options: { skip?: boolean } = {}): Promise<Float32Array> {
    const { width, height } = this.checkedSize(view);
    const target = this.stage.target(width, height);
    try {
      const march = await this.marchOf(view, width, height);
      await this.stage.march({ ...march, exact: view.mode, skip: options.skip ?? true }, target, () => this.gone);
      return this.stage.readFloats(target);
    } catch (error) {
      throw error instanceof Lost ? new Error(LOST) : error;
    } finally {
      target.dispose();
    }
  }

  dispose(): void {
    this.gone = true;
    this.next = null;
    for (const target of this.targets.values()) target.dispose();
    this.volume.dispose();
    this.stage.dispose();
  }

  private async work(): Promise<void> {
    this.working = true;
    try {
      while (this.next && !this.gone) {
        const request = this.next;
        this.next = null;
        await this.draw(request);
      }
    } catch (error) {
      if (!(error instanceof Lost)) this.say("lost", 0, 0, 0, error instanceof Error ? error.message : String(error));
    } finally {
      this.working = false;
    }
  }

  /** One request: what is on hand is shown at once; else a coarse picture, a full one, or first the one and then the other. */
  private async draw(request: Request): Promise<void> {
    const { view, moving } = request;
    const { width, height, key, normals } = needs(view);
    const fits = this.front?.key === key && (this.front.normals || !normals);
    if (fits && this.front && (this.front.full || moving)) {
      this.present(this.front, request, width, height);
      return;
    }
    if (!this.volume.now(view.tS)) this.say("waiting", width, height, 0, "loading this moment");
    const scale = moving ? this.pace.scale(width, height) : 1;
    const slow = (this.pace.expected(width * height) ?? Infinity) > PREVIEW_ABOVE_MS;
    const coarse = scale < 1 ? scale : !moving && slow && !fits ? Math.min(0.5, this.pace.scale(width, height)) : 1;
    if (coarse < 1) {
      const size = [Math.max(1, Math.round(width * coarse)), Math.max(1, Math.round(height * coarse))] as const;
      await this.picture(request, key, normals, size[0], size[1], false, () => false);
      this.present(this.front, request, width, height);
      if (moving) return;
    }
    // A full picture gives way to a newer request for another one (not for another brightness of the same); a moving one is
    // finished, else a slow machine would never show any.
    const outdated = (next: Needs): boolean => next.key !== key || (next.normals && !normals);
    const cancelled = (): boolean => this.gone || (!moving && this.next !== null && outdated(needs(this.next.view)));
    const done = await this.picture(request, key, normals, width, height, true, cancelled);
    if (done) this.present(this.front, request, width, height);
  }

  private async picture(request: Request, key: string, normals: boolean, width: number, height: number, full: boolean, cancelled: () => boolean): Promise<boolean> {
    const target = this.slot(full ? "full" : "coarse", width, height);
    const march = await this.marchOf(request.view, width, height);
    if (this.front?.target === target) this.front = null;
    if (!(await this.stage.march({ ...march, normals }, target, cancelled))) return false;
    this.front = { target, key, normals, full };
    return true;
  }

  private present(picture: Picture | null, request: Request, width: number, height: number): void {
    if (!picture || this.stage.gl.isContextLost()) return;
    this.stage.show(picture.target, request.view, width, height, this.rangeOf(request.view), null);
    const { target, full } = picture;
    const text = full ? "full" : `preview ${target.height}p`;
    this.say(full ? "full" : "preview", target.width, target.height, performance.now() - request.asked, text);
  }

  private async marchOf(view: View, width: number, height: number): Promise<March> {
    const moment = this.volume.now(view.tS) ?? (await this.volume.at(view.tS));
    const whole = pinholeOf(view.fovY, view.width, view.height);
    return { pose: view.pose, camera: resized(whole, width, height), moment, crop: view.crop, normals: needs(view).normals, exact: null, skip: true };
  }

  /** Log radiance that the event camera sees at a time; the last few are kept, since windows of time follow one another. */
  private async look(tS: number, width: number, height: number): Promise<Float32Array | null> {
    const pose = poseAt(this.scene.document.trajectory, tS);
    if (!pose) return null;
    const key = `${tS} ${width} ${height}`;
    const known = this.looks.get(key);
    if (known) return known;
    const camera = resized(this.scene.document.cameras.event, width, height);
    const moment = this.volume.now(tS) ?? (await this.volume.at(tS));
    const target = this.stage.target(width, height);
    try {
      const march: March = { pose, camera, moment, crop: null, normals: false, exact: "colour", skip: true };
      await this.stage.march(march, target, () => this.gone);
      const logs = logRadiance(this.stage.readFloats(target), this.channels);
      this.looks.set(key, logs);
      if (this.looks.size > 4) this.looks.delete(this.looks.keys().next().value as string);
      return logs;
    } catch (error) {
      if (error instanceof Lost) return null;
      throw error;
    } finally {
      target.dispose();
    }
  }

  private slot(name: string, width: number, height: number): WebGLRenderTarget {
    const known = this.targets.get(name);
    if (known?.width === width && known.height === height) return known;
    if (this.front?.target === known) this.front = null;
    known?.dispose();
    const made = this.stage.target(width, height);
    this.targets.set(name, made);
    return made;
  }

  private rangeOf(view: View): [number, number] {
    return depthRange(view.pose.position, this.scene.document.world.aabb);
  }

  private checkedSize(view: View): { width: number; height: number } {
    if (this.stage.gl.isContextLost()) throw new Error(LOST);
    const most = this.stage.gl.getParameter(this.stage.gl.MAX_TEXTURE_SIZE) as number;
    const { width, height } = view;
    if (!(width >= 1 && height >= 1 && width <= most && height <= most)) {
      throw new Error(`An image of ${width}x${height} is not possible here: this GPU supports sides from 1 to ${most}.`);
    }
    return { width: Math.round(width), height: Math.round(height) };
  }

  private say(state: RenderStatus["state"], width: number, height: number, ms: number, text: string): void {
    this.onStatus({ state, width, height, ms, text });
  }
}
