// The baked volume on the graphics card: codes of the keyframes (uploaded when a time asks for them) and empty space.

import {
  ClampToEdgeWrapping,
  Data3DTexture,
  LinearFilter,
  NearestFilter,
  RedIntegerFormat,
  RGBAFormat,
  RGFormat,
  UnsignedByteType,
} from "three";
import type { Scene, Vec3, VolumeDocument } from "../contract.ts";
import { countUpTo } from "../camera/trajectory.ts";
import { SceneError } from "../scene/check.ts";
import { emptyDistance } from "../scene/occupancy.ts";
import { MOST_STEPS } from "./march.glsl.ts";

const KEPT_BYTES = 96 * 2 ** 20; // of keyframes on the graphics card

/** Two neighbouring keyframes and how far between them a time is. */
export interface Moment {
  a: Data3DTexture;
  b: Data3DTexture;
  blend: number;
}

/** Indices of the keyframes around a time, and the blend between them. */
export function keyframesAt(times: readonly (number | null)[], tS: number | null): { a: number; b: number; blend: number } {
  if (times.length < 2) return { a: 0, b: 0, blend: 0 };
  const known = times as readonly number[];
  const t = tS ?? (known[0] as number);
  const after = Math.min(known.length - 1, countUpTo(known, t));
  const before = Math.max(0, countUpTo(known, t) - 1);
  const [ta, tb] = [known[before] as number, known[after] as number];
  if (after === before || tb <= ta || t <= ta) return { a: before, b: before, blend: 0 };
  return { a: before, b: after, blend: Math.min(1, (t - ta) / (tb - ta)) };
}

export class Volume {
  readonly document: VolumeDocument;
  readonly empty: Data3DTexture;
  /** Edges of a voxel in world units. */
  readonly voxel: Vec3;
  /** Samples along the diagonal of the box. */
  readonly mostSamples: number;
  private readonly textures = new Map<number, Promise<Data3DTexture>>();
  private readonly ready = new Map<number, Data3DTexture>();

  private constructor(private readonly scene: Scene, document: VolumeDocument, empty: Data3DTexture) {
    this.document = document;
    this.empty = empty;
    const [low, high] = scene.document.world.aabb;
    const extent = high.map((x, i) => x - (low[i] as number));
    this.voxel = extent.map((e, i) => e / (document.shape[i] as number)) as unknown as Vec3;
    this.mostSamples = Math.ceil(Math.hypot(...extent) / document.step);
  }

  /** Reads occupancy and the first keyframe; throws one plain sentence. */
  static async load(scene: Scene, largestSide: number): Promise<Volume> {
    const document = scene.document.volume;
    if (!document) throw new SceneError("This scene has no volume to render: it was made for a server (`efields view RUN`).");
    const side = Math.max(...document.shape);
    if (side > largestSide) {
      throw new SceneError(
        `This scene's volume is ${side} voxels long and this GPU supports ${largestSide}. Export it with \`--resolution ${largestSide}\`.`,
      );
    }
    const { shape, blob } = document.occupancy;
    const distance = emptyDistance(await scene.blob(blob), shape);
    const empty = texture3d(distance, shape);
    empty.format = RedIntegerFormat;
    empty.internalFormat = "R8UI";
    const volume = new Volume(scene, document, empty);
    if (volume.mostSamples > MOST_STEPS) {
      throw new SceneError(`The scene file is broken: volume.step is so small that a ray needs ${volume.mostSamples} steps (at most ${MOST_STEPS}).`);
    }
    await volume.at(scene.document.time_range_s[0]);
    return volume;
  }

  /** The codes at a time if they are on hand. */
  now(tS: number | null): Moment | null {
    const { a, b, blend } = this.place(tS);
    const [before, after] = [this.ready.get(a), this.ready.get(b)];
    return before && after ? { a: before, b: after, blend } : null;
  }

  /** The codes at a time, read when they are not on hand. */
  async at(tS: number | null): Promise<Moment> {
    const { a, b, blend } = this.place(tS);
    const [before, after] = [await this.texture(a), await this.texture(b)];
    this.forget(a, b);
    return { a: before, b: after, blend };
  }

  dispose(): void {
    this.empty.dispose();
    for (const texture of this.ready.values()) texture.dispose();
  }

  private place(tS: number | null): { a: number; b: number; blend: number } {
    return keyframesAt(this.document.keyframes.map((k) => k.t_s), tS);
  }

  private texture(index: number): Promise<Data3DTexture> {
    const known = this.textures.get(index);
    if (known) {
      this.textures.delete(index); // the newest use goes to the end
      this.textures.set(index, known);
      return known;
    }
    const loading = this.scene.blob(this.document.keyframes[index]?.blob ?? "").then((codes) => {
      const texture = texture3d(codes, this.document.shape);
      texture.format = this.document.channels === "mono" ? RGFormat : RGBAFormat;
      texture.minFilter = texture.magFilter = LinearFilter;
      this.ready.set(index, texture);
      return texture;
    });
    this.textures.set(index, loading);
    loading.catch(() => this.textures.delete(index));
    return loading;
  }

  private forget(...kept: number[]): void {
    const [nx, ny, nz] = this.document.shape;
    const most = Math.max(3, Math.floor(KEPT_BYTES / (nx * ny * nz * (this.document.channels === "mono" ? 2 : 4))));
    for (const index of this.textures.keys()) {
      if (this.ready.size <= most) break;
      const texture = this.ready.get(index);
      if (!texture || kept.includes(index)) continue;
      texture.dispose();
      this.ready.delete(index);
      this.textures.delete(index);
    }
  }
}

function texture3d(data: Uint8Array, shape: Vec3): Data3DTexture {
  const texture = new Data3DTexture(data, shape[0], shape[1], shape[2]);
  texture.type = UnsignedByteType;
  texture.minFilter = texture.magFilter = NearestFilter;
  texture.wrapS = texture.wrapT = texture.wrapR = ClampToEdgeWrapping;
  texture.unpackAlignment = 1;
  texture.generateMipmaps = false;
  texture.needsUpdate = true;
  return texture;
}
