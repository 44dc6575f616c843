// The march of a ray through the codes: one source in GLSL, the same rules as the reference renderer in Python.

import { BEHIND } from "./background.ts";

/** Largest number of steps along one ray; a volume whose step is so small that rays need more is refused. */
export const MOST_STEPS = 8192;

export const VERTEX = `
precision highp float;
in vec3 position;
void main() { gl_Position = vec4(position.xy, 0.0, 1.0); }
`;

export const MARCH = `
precision highp float;
precision highp int;
precision highp sampler2D;
precision highp sampler3D;
precision highp usampler3D;

uniform sampler3D uCodesA;      // the keyframe before
uniform sampler3D uCodesB;      // and after
uniform float uBlend;           // 0: only A
uniform usampler3D uEmpty;      // blocks to the nearest occupied one
uniform bool uRgb;
uniform bool uAlphaCode;        // density is coded as the opacity of a length
uniform float uSigmaMax;
uniform float uReference;       // that length
uniform float uFullAlpha;       // 1 - exp(-sigma_max * length)
uniform vec3 uLow;              // log radiance of code 0
uniform vec3 uSpan;             // and from there to code 1
uniform vec3 uBoxLow;
uniform vec3 uBoxHigh;
uniform vec3 uCropLow;          // within the box
uniform vec3 uCropHigh;
uniform vec3 uVoxel;            // edges of a voxel
uniform float uBlock;           // voxels along a block
uniform ivec3 uBlocks;
uniform float uStep;
uniform bool uSkip;
uniform bool uNormals;          // whether to spend six more reads a sample on them
uniform float uMostSamples;     // along the box's diagonal
uniform bool uExact;            // floats of uLayer instead of the packed picture
uniform int uLayer;             // 0 colour, 1 depth, 2 opacity, 3 normal, 4 samples
uniform float uUnit;            // radiance that the packed picture stores as 1
uniform vec3 uEye;
uniform mat3 uAxes;             // right, down, forward in the world
uniform vec4 uPinhole;          // fx, fy, cx, cy
out uvec4 outPicture;
${BEHIND}
float sigmaOf(float q) {
  return uAlphaCode ? -log(1.0 - q * uFullAlpha) / uReference : q * uSigmaMax;
}

vec4 codesAt(vec3 point) {
  vec3 place = (point - uBoxLow) / (uBoxHigh - uBoxLow);
  vec4 codes = textureLod(uCodesA, place, 0.0);
  if (uBlend > 0.0) codes = mix(codes, textureLod(uCodesB, place, 0.0), uBlend);
  return codes;
}

float densityCode(vec4 codes) { return uRgb ? codes.a : codes.r; }

float sigmaAt(vec3 point) { return sigmaOf(densityCode(codesAt(point))); }

vec3 slope(vec3 point) {
  vec3 ex = vec3(uVoxel.x, 0.0, 0.0), ey = vec3(0.0, uVoxel.y, 0.0), ez = vec3(0.0, 0.0, uVoxel.z);
  return vec3(
    sigmaAt(point + ex) - sigmaAt(point - ex),
    sigmaAt(point + ey) - sigmaAt(point - ey),
    sigmaAt(point + ez) - sigmaAt(point - ez)) / (2.0 * uVoxel);
}

// The first sample, after sample k in an empty block, that can meet density: a whole number of steps further on the same
// lattice. A step too far by rounding lands within the half voxel around the empty blocks that is empty too.
int afterEmpty(vec3 point, vec3 way, float t, float near, int k) {
  ivec3 block = clamp(ivec3(floor((point - uBoxLow) / (uVoxel * uBlock))), ivec3(0), uBlocks - 1);
  int distance = int(texelFetch(uEmpty, block, 0).r);
  if (distance == 0) return k;
  vec3 low = uBoxLow + vec3(block - (distance - 1)) * uVoxel * uBlock;
  vec3 high = uBoxLow + vec3(block + distance) * uVoxel * uBlock;
  vec3 exits = (mix(low, high, greaterThan(way, vec3(0.0))) - uEye) / way;
  float exit = min(exits.x, min(exits.y, exits.z));
  return max(k + 1, int(ceil((exit - near) / uStep - 0.5)));
}

void main() {
  // Row 0 of the target is the top row of the picture.
  vec2 pixel = gl_FragCoord.xy - 0.5;
  vec3 way = normalize(uAxes * vec3((pixel - uPinhole.zw) / uPinhole.xy, 1.0));
  way = mix(way, vec3(1e-9), lessThan(abs(way), vec3(1e-9)));
  vec3 toLow = (uCropLow - uEye) / way, toHigh = (uCropHigh - uEye) / way;
  vec3 first = min(toLow, toHigh), last = max(toLow, toHigh);
  float near = max(0.0, max(first.x, max(first.y, first.z)));
  float far = min(last.x, min(last.y, last.z));

  float left = 1.0;             // transmittance
  vec3 radiance = vec3(0.0), normal = vec3(0.0);
  float depth = 0.0;
  int taken = 0;
  for (int k = 0; k < ${MOST_STEPS};) {
    float start = near + float(k) * uStep;
    if (!(start < far)) break;
    float width = min(uStep, far - start);
    float t = start + 0.5 * width;
    vec3 point = uEye + t * way;
    if (uSkip) {
      int next = afterEmpty(point, way, t, near, k);
      if (next > k) { k = next; continue; }
    }
    k += 1;
    taken += 1;
    vec4 codes = codesAt(point);
    float q = densityCode(codes);
    if (q <= 0.0) continue;
    float through = exp(-sigmaOf(q) * width);
    float weight = left * (1.0 - through);
    vec3 code = uRgb ? codes.rgb : codes.ggg;
    radiance += weight * exp(uLow + code * uSpan);
    depth += weight * t;
    if (uNormals) normal -= weight * slope(point);
    left *= through;
    if (left < 1e-3) break;
  }
  radiance += left * radianceBehind(way);
  float opacity = 1.0 - left;
  bool seen = opacity >= 0.5;
  depth = seen ? depth / opacity : uintBitsToFloat(0x7f800000u);
  float size = length(normal);
  normal = seen && size > 0.0 ? normal / size : vec3(0.0);

  if (uExact) {
    vec4 value = vec4(radiance, opacity);
    if (uLayer == 1) value = vec4(depth, opacity, 0.0, 0.0);
    if (uLayer == 2) value = vec4(opacity);
    if (uLayer == 3) value = vec4(normal, opacity);
    if (uLayer == 4) value = vec4(float(taken), opacity, 0.0, 0.0);
    outPicture = floatBitsToUint(value);
  } else {
    vec3 scaled = min(radiance / uUnit, 60000.0);
    float share = clamp(float(taken) / uMostSamples, 0.0, 1.0);
    vec3 tint = size > 0.0 ? 0.5 + 0.5 * normal : vec3(0.0);
    uvec4 bytes = uvec4(round(255.0 * clamp(vec4(tint, share), 0.0, 1.0)));
    uint extra = bytes.x | bytes.y << 8 | bytes.z << 16 | bytes.w << 24;
    outPicture = uvec4(packHalf2x16(scaled.rg), packHalf2x16(vec2(scaled.b, opacity)), extra, floatBitsToUint(depth));
  }
}
`;
