// The two passes on the graphics card: march a picture into a target in chunks of rows, and show it.

import {
  BufferAttribute,
  BufferGeometry,
  Camera,
  GLSL3,
  Matrix3,
  Mesh,
  NearestFilter,
  NoColorSpace,
  RawShaderMaterial,
  RGBAFormat,
  RGBAIntegerFormat,
  Scene as Stage3,
  UnsignedByteType,
  UnsignedIntType,
  WebGLRenderer,
  WebGLRenderTarget,
  type Texture,
} from "three";
import type { Box, Mode, Pinhole, Pose, SceneDocument, Tone, Vec3, View } from "../contract.ts";
import { downOf, forwardOf, rightOf } from "../camera/pose.ts";
import type { Background } from "./background.ts";
import { MARCH, VERTEX } from "./march.glsl.ts";
import type { Pace } from "./pace.ts";
import { SHOW } from "./show.glsl.ts";
import type { Moment, Volume } from "./volume.ts";

export const MODES: readonly Mode[] = ["colour", "depth", "opacity", "normal", "samples"];
const CHUNK_MS = 40;

/** What a march depends on. */
export interface March {
  pose: Pose;
  camera: Pinhole;
  moment: Moment;
  crop: Box | null;
  normals: boolean;
  /** The exact values of one mode instead of the packed picture. */
  exact: Mode | null;
  skip: boolean;
}

export class Lost extends Error {}

export class GpuStage {
  readonly gl: WebGL2RenderingContext;
  readonly unit: number;
  private readonly renderer: WebGLRenderer;
  private readonly march_: RawShaderMaterial;
  private readonly show_: RawShaderMaterial;
  private readonly mesh: Mesh;
  private readonly stage = new Stage3();
  private readonly camera = new Camera();

  constructor(private readonly canvas: HTMLCanvasElement, gl: WebGL2RenderingContext, document: SceneDocument, volume: Volume, private readonly background: Background, private readonly pace: Pace) {
    this.gl = gl;
    this.renderer = new WebGLRenderer({ canvas, context: gl, antialias: false, depth: false, stencil: false });
    this.renderer.autoClear = false;
    this.renderer.debug.onShaderError = () => {
      if (!gl.isContextLost()) throw new Error("This GPU cannot run the program that renders the scene. A newer browser or driver may help.");
    };
    const v = volume.document;
    const three = (list: readonly number[]): number[] => [0, 1, 2].map((c) => list[c] ?? (list[0] as number));
    const [low, high] = [three(v.radiance.low), three(v.radiance.high)];
    this.unit = Math.max(1e-30, background.brightest, ...high.map(Math.exp));
    this.march_ = material(MARCH, {
      uEmpty: volume.empty,
      uRgb: v.channels === "rgb",
      uAlphaCode: v.density.encoding === "alpha",
      uSigmaMax: v.density.sigma_max,
      uReference: v.density.reference_length,
      uFullAlpha: -Math.expm1(-v.density.sigma_max * v.density.reference_length),
      uLow: low,
      uSpan: high.map((x, c) => x - (low[c] as number)),
      uBehind: background.map,
      uBoxLow: [...document.world.aabb[0]],
      uBoxHigh: [...document.world.aabb[1]],
      uVoxel: [...volume.voxel],
      uBlock: v.occupancy.block,
      uBlocks: [...v.occupancy.shape],
      uStep: v.step,
      uMostSamples: volume.mostSamples,
      uUnit: this.unit,
    });
    this.show_ = material(SHOW, { uUnit: this.unit });
    const geometry = new BufferGeometry();
    geometry.setAttribute("position", new BufferAttribute(new Float32Array([-1, -1, 0, 3, -1, 0, -1, 3, 0]), 3));
    this.mesh = new Mesh(geometry, this.march_);
    this.mesh.frustumCulled = false;
    this.stage.add(this.mesh);
  }

  /** A picture's target: four unsigned integers a pixel, which every WebGL2 draws into and reads back exactly. */
  target(width: number, height: number): WebGLRenderTarget {
    const target = new WebGLRenderTarget(width, height, {
      format: RGBAIntegerFormat,
      type: UnsignedIntType,
      internalFormat: "RGBA32UI",
      minFilter: NearestFilter,
      magFilter: NearestFilter,
      depthBuffer: false,
      generateMipmaps: false,
      colorSpace: NoColorSpace,
    });
    target.scissorTest = true;
    return target;
  }

  /** Marches a whole picture; between chunks of rows it gives way, and stops where `cancelled` says so (false then). */
  async march(m: March, target: WebGLRenderTarget, cancelled: () => boolean): Promise<boolean> {
    const { width, height } = m.camera;
    for (let row = 0; row < height; ) {
      const rows = Math.min(height - row, this.pace.rows(width, CHUNK_MS));
      this.prepare(m);
      target.scissor.set(0, row, width, rows);
      const start = performance.now();
      this.draw(this.march_, target);
      await this.finished();
      if (m.exact === null && !m.normals) this.pace.note(width * rows, performance.now() - start);
      row += rows;
      if (row < height && cancelled()) return false;
    }
    return true;
  }

  /** Shows a picture on the screen, or in `into` with its top row first. */
  show(picture: WebGLRenderTarget, view: View, width: number, height: number, range: readonly [number, number], into: WebGLRenderTarget | null): void {
    const { canvas } = this;
    // Setting a size, even the same one, clears the canvas and takes new memory.
    if (into === null && (canvas.width !== width || canvas.height !== height)) this.renderer.setSize(width, height, false);
    set(this.show_, {
      uPicture: picture.texture,
      uPictureSize: [picture.width, picture.height],
      uSize: [width, height],
      uFlip: into === null,
      uMode: MODES.indexOf(view.mode),
      uWipeMode: view.wipe ? MODES.indexOf(view.wipe.mode) : -1,
      uWipeAt: view.wipe?.at ?? 1,
      uOffset: perChannel(view.tone.offset, 0),
      uScale: perChannel(view.tone.scale, 1),
      uGamma: view.tone.gamma,
      uDepthRange: [...range],
    });
    this.draw(this.show_, into);
  }

  /** A target that can be read as bytes. */
  colours(width: number, height: number): WebGLRenderTarget {
    return new WebGLRenderTarget(width, height, { format: RGBAFormat, type: UnsignedByteType, depthBuffer: false, colorSpace: NoColorSpace });
  }

  readBytes(target: WebGLRenderTarget): Uint8ClampedArray<ArrayBuffer> {
    const out = new Uint8ClampedArray(target.width * target.height * 4);
    this.renderer.setRenderTarget(target);
    this.gl.readPixels(0, 0, target.width, target.height, this.gl.RGBA, this.gl.UNSIGNED_BYTE, new Uint8Array(out.buffer));
    return out;
  }

  readFloats(target: WebGLRenderTarget): Float32Array {
    const out = new Uint32Array(target.width * target.height * 4);
    this.renderer.setRenderTarget(target);
    this.gl.readPixels(0, 0, target.width, target.height, this.gl.RGBA_INTEGER, this.gl.UNSIGNED_INT, out);
    return new Float32Array(out.buffer);
  }

  /** Resolves when the graphics card has done what it was told; throws `Lost` when it never will. */
  async finished(): Promise<void> {
    const { gl } = this;
    const sync = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    gl.flush();
    for (let n = 0; ; n++) {
      await nextTask(n);
      if (gl.isContextLost() || sync === null) throw new Lost("context lost");
      const state = gl.clientWaitSync(sync, 0, 0);
      if (state === gl.ALREADY_SIGNALED || state === gl.CONDITION_SATISFIED) break;
    }
    gl.deleteSync(sync);
  }

  dispose(): void {
    this.march_.dispose();
    this.show_.dispose();
    this.mesh.geometry.dispose();
    this.background.map.dispose();
    this.renderer.dispose();
  }

  private prepare(m: March): void {
    const { pose, camera, moment, crop } = m;
    const [r, d, f] = [rightOf(pose), downOf(pose), forwardOf(pose)];
    const axes = new Matrix3().set(r[0], d[0], f[0], r[1], d[1], f[1], r[2], d[2], f[2]);
    const low = (this.march_.uniforms.uBoxLow as { value: number[] }).value;
    const high = (this.march_.uniforms.uBoxHigh as { value: number[] }).value;
    const cropLow = low.map((x, i) => Math.max(x, crop?.[0][i] ?? x));
    const cropHigh = high.map((x, i) => Math.min(x, crop?.[1][i] ?? x));
    const nothing = cropLow.some((x, i) => x >= (cropHigh[i] as number)); // a box without inside: no ray meets it
    set(this.march_, {
      uCodesA: moment.a,
      uCodesB: moment.b,
      uBlend: moment.blend,
      uCropLow: nothing ? [1e18, 1e18, 1e18] : cropLow,
      uCropHigh: nothing ? [1e18, 1e18, 1e18] : cropHigh,
      uSkip: m.skip,
      uNormals: m.normals || m.exact === "normal",
      uExact: m.exact !== null,
      uLayer: m.exact ? MODES.indexOf(m.exact) : 0,
      uEye: [...pose.position],
      uAxes: axes,
      uPinhole: [camera.fx, camera.fy, camera.cx, camera.cy],
    });
  }

  private draw(what: RawShaderMaterial, into: WebGLRenderTarget | null): void {
    this.mesh.material = what;
    this.renderer.setRenderTarget(into);
    this.renderer.render(this.stage, this.camera);
  }
}

/** Distances from the eye between which the box lies: the ends of the depth map. */
export function depthRange(eye: Vec3, box: Box): [number, number] {
  const nearest = eye.map((x, i) => x - Math.min(box[1][i] as number, Math.max(box[0][i] as number, x)));
  const farthest = eye.map((x, i) => Math.max(Math.abs(x - (box[0][i] as number)), Math.abs(x - (box[1][i] as number))));
  return [Math.hypot(...nearest), Math.hypot(...farthest)];
}

function perChannel(list: Tone["offset"], otherwise: number): number[] {
  return [0, 1, 2].map((c) => list[c] ?? list[0] ?? otherwise);
}

function material(fragment: string, values: Record<string, unknown>): RawShaderMaterial {
  const made = new RawShaderMaterial({ glslVersion: GLSL3, vertexShader: VERTEX, fragmentShader: fragment, depthTest: false, depthWrite: false });
  set(made, values);
  return made;
}

function set(target: RawShaderMaterial, values: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(values)) {
    const uniform = target.uniforms[name];
    if (uniform) uniform.value = value;
    else target.uniforms[name] = { value: value as Texture };
  }
  target.uniformsNeedUpdate = true;
}

const channel = typeof MessageChannel === "undefined" ? null : new MessageChannel();

/** The next turn of the event loop: at once the first times, then every few milliseconds. */
function nextTask(n: number): Promise<void> {
  return new Promise((resolve) => {
    if (channel === null || n > 2) {
      setTimeout(resolve, 2);
      return;
    }
    channel.port1.addEventListener("message", () => resolve(), { once: true });
    channel.port1.start();
    channel.port2.postMessage(0);
  });
}
