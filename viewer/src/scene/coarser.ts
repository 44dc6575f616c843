// A scene with fewer voxels, for devices whose graphics memory is small.

import type { Scene, Vec3 } from "../contract.ts";
import { occupiedBlocks } from "./occupancy.ts";

/** Longest side of a volume that phones and tablets draw; larger ones are halved (memory is what makes them fail). */
export const MOST_SIDE_ON_TOUCH = 192;

/**
 * The scene itself, or one whose volume has half as many voxels along each side while a side is longer than `mostSide`.
 * Scenes with keyframes stay as they are: the renderer bounds how many of them are in memory.
 */
export async function atMost(scene: Scene, mostSide: number): Promise<Scene> {
  const { volume } = scene.document;
  const frame = volume?.keyframes[0];
  if (!volume || !frame || volume.keyframes.length > 1 || Math.max(...volume.shape) <= mostSide) return scene;
  const stride = volume.channels === "mono" ? 2 : 4;
  const codes = halved(await scene.blob(frame.blob), volume.shape, stride);
  const shape = half(volume.shape);
  const { block, blob: occupancyBlob } = volume.occupancy;
  const occupancy = occupiedBlocks(codes, shape, volume.channels, block);
  const note = `Drawn with ${shape.join(" x ")} voxels of the file's ${volume.shape.join(" x ")}, to fit the memory of this device.`;
  const coarser: Scene = {
    document: {
      ...scene.document,
      volume: { ...volume, shape, step: 2 * volume.step, occupancy: { block, shape: occupancy.shape, blob: occupancyBlob } },
      notes: [...scene.document.notes, note],
    },
    blob: async (name) => (name === frame.blob ? codes : name === occupancyBlob ? occupancy.occupied : scene.blob(name)),
  };
  return atMost(coarser, mostSide);
}

const half = (shape: Vec3): Vec3 => shape.map((n) => Math.ceil(n / 2)) as unknown as Vec3;

/**
 * Codes of half as many voxels: the mean opacity of those that a voxel covers, and their radiance weighted with it.
 * An odd number of voxels is spread over the same box by looking at the nearest ones.
 */
export function halved(codes: Uint8Array, shape: Vec3, stride: 2 | 4): Uint8Array {
  const [nx, ny] = shape;
  const [mx, my, mz] = half(shape);
  const density = stride === 2 ? 0 : 3;
  const colours = stride === 2 ? [1] : [0, 1, 2];
  const places = shape.map((n, axis) => {
    const m = [mx, my, mz][axis] as number;
    return Array.from({ length: 2 * m }, (_, i) => Math.min(n - 1, Math.floor(((i + 0.5) * n) / (2 * m))));
  }) as [number[], number[], number[]];
  const coarse = new Uint8Array(mx * my * mz * stride);
  const around = new Int32Array(8);
  for (let z = 0, out = 0; z < mz; z++) {
    for (let y = 0; y < my; y++) {
      for (let x = 0; x < mx; x++, out += stride) {
        let opacity = 0;
        for (let corner = 0; corner < 8; corner++) {
          const [fx, fy, fz] = [places[0][2 * x + (corner & 1)], places[1][2 * y + ((corner >> 1) & 1)], places[2][2 * z + (corner >> 2)]];
          const at = stride * ((fx as number) + nx * ((fy as number) + ny * (fz as number)));
          around[corner] = at;
          opacity += codes[at + density] as number;
        }
        coarse[out + density] = Math.round(opacity / 8);
        for (const c of colours) {
          let sum = 0;
          for (const at of around) sum += (codes[at + c] as number) * (opacity > 0 ? (codes[at + density] as number) : 1);
          coarse[out + c] = Math.round(sum / (opacity > 0 ? opacity : 8));
        }
      }
    }
  }
  return coarse;
}
