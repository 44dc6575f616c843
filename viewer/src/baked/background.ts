// What stands behind the volume on the graphics card: a texture of linear radiance by direction, one pixel for one colour.

import { DataTexture, FloatType, NearestFilter, RGBAFormat } from "three";
import type { Scene } from "../contract.ts";
import { channelsOf, isMap } from "../scene/background.ts";
import { SceneError } from "../scene/check.ts";

export interface Background {
  map: DataTexture;
  /** Largest radiance. */
  brightest: number;
}

/** The bilinear look-up of a direction: `radianceBehind(way)`; the same as in efields/export/background.py. */
export const BEHIND = `
uniform sampler2D uBehind;

vec3 behindAt(ivec2 at, ivec2 size) {
  return texelFetch(uBehind, ivec2((at.x + size.x) % size.x, clamp(at.y, 0, size.y - 1)), 0).rgb;
}

vec3 radianceBehind(vec3 way) {
  ivec2 size = textureSize(uBehind, 0);
  if (size == ivec2(1)) return texelFetch(uBehind, ivec2(0), 0).rgb;
  const float PI = 3.14159265358979;
  // Straight up and down the azimuth means nothing, and atan(0, 0) is undefined.
  float azimuth = way.x == 0.0 && way.y == 0.0 ? 0.0 : atan(way.y, way.x);
  vec2 place = vec2(azimuth / (2.0 * PI) + 0.5, atan(length(way.xy), way.z) / PI) * vec2(size) - 0.5;
  ivec2 at = ivec2(floor(place));
  vec2 part = place - floor(place);
  vec3 above = mix(behindAt(at, size), behindAt(at + ivec2(1, 0), size), part.x);
  vec3 below = mix(behindAt(at + ivec2(0, 1), size), behindAt(at + ivec2(1, 1), size), part.x);
  return mix(above, below, part.y);
}
`;

export async function loadBackground(scene: Scene): Promise<Background> {
  const { background } = scene.document;
  const channels = channelsOf(scene.document);
  let radiance = Float32Array.from(isMap(background) ? [] : background);
  let [width, height] = [1, 1];
  if (isMap(background)) {
    ({ width, height } = background);
    const bytes = await scene.blob(background.blob);
    radiance = new Float32Array(bytes.slice().buffer);
    if (!radiance.every((x) => Number.isFinite(x) && x >= 0)) {
      throw new SceneError(`The scene file is broken: ${background.blob} should hold radiance, finite and at least 0.`);
    }
  }
  const pixels = new Float32Array(width * height * 4);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) pixels[4 * i + c] = radiance[channels * i + (channels === 1 ? 0 : c)] as number;
  }
  const map = new DataTexture(pixels, width, height, RGBAFormat, FloatType);
  map.minFilter = map.magFilter = NearestFilter;
  map.needsUpdate = true;
  return { map, brightest: radiance.reduce((most, x) => Math.max(most, x), 0) };
}
