// From the packed picture to what is seen: mode, wipe, brightness. Changing any of them needs no new march.

export const SHOW = `
precision highp float;
precision highp int;
precision highp usampler2D;

uniform usampler2D uPicture;
uniform ivec2 uPictureSize;
uniform vec2 uSize;             // of what is drawn into
uniform bool uFlip;             // row 0 at the top (the screen)
uniform int uMode;              // 0 colour, 1 depth, 2 opacity, 3 normal, 4 samples
uniform int uWipeMode;          // -1: none
uniform float uWipeAt;
uniform vec3 uOffset;
uniform vec3 uScale;
uniform float uGamma;
uniform float uUnit;
uniform vec2 uDepthRange;
out vec4 outColour;

const vec3 NOTHING = vec3(0.082, 0.090, 0.110);

vec3 viridis(float t) {
  const vec3 c0 = vec3(0.2777, 0.0054, 0.3341), c1 = vec3(0.1051, 1.4046, 1.3846), c2 = vec3(-0.3309, 0.2148, 0.0951);
  const vec3 c3 = vec3(-4.6342, -5.7991, -19.3324), c4 = vec3(6.2283, 14.1799, 56.6906);
  const vec3 c5 = vec3(4.7764, -13.7451, -65.3530), c6 = vec3(-5.4355, 4.6459, 26.3124);
  return clamp(c0 + t * (c1 + t * (c2 + t * (c3 + t * (c4 + t * (c5 + t * c6))))), 0.0, 1.0);
}

vec3 radianceOf(uvec4 p) { return vec3(unpackHalf2x16(p.x), unpackHalf2x16(p.y).x); }

vec3 toned(vec3 radiance) {
  vec3 logs = log(max(radiance * uUnit, vec3(1e-12)));
  return pow(clamp(exp(uOffset + uScale * logs), 0.0, 1.0), vec3(1.0 / uGamma));
}

vec3 colourOf(uvec4 p, int mode) {
  float opacity = unpackHalf2x16(p.y).y;
  if (mode == 0) return toned(radianceOf(p));
  if (mode == 1) {
    if (opacity < 0.5) return NOTHING;
    float far = (uintBitsToFloat(p.w) - uDepthRange.x) / (uDepthRange.y - uDepthRange.x);
    return viridis(1.0 - clamp(far, 0.0, 1.0));
  }
  if (mode == 2) return vec3(opacity);
  if (mode == 3) {
    vec3 n = vec3(p.z & 255u, p.z >> 8 & 255u, p.z >> 16 & 255u) / 255.0;
    return opacity < 0.5 || n == vec3(0.0) ? NOTHING : n;
  }
  return viridis(float(p.z >> 24) / 255.0);
}

vec3 smoothed(vec2 place, int mode) {
  vec2 texel = place * vec2(uPictureSize) - 0.5;
  ivec2 most = uPictureSize - 1;
  ivec2 a = clamp(ivec2(floor(texel)), ivec2(0), most), b = min(a + 1, most);
  vec2 f = clamp(texel - vec2(a), 0.0, 1.0);
  uvec4 p = texelFetch(uPicture, a, 0), q = texelFetch(uPicture, ivec2(b.x, a.y), 0);
  uvec4 r = texelFetch(uPicture, ivec2(a.x, b.y), 0), s = texelFetch(uPicture, b, 0);
  if (mode == 0) {
    vec3 radiance = mix(mix(radianceOf(p), radianceOf(q), f.x), mix(radianceOf(r), radianceOf(s), f.x), f.y);
    return toned(radiance);
  }
  vec3 top = mix(colourOf(p, mode), colourOf(q, mode), f.x);
  vec3 low = mix(colourOf(r, mode), colourOf(s, mode), f.x);
  return mix(top, low, f.y);
}

void main() {
  vec2 pixel = gl_FragCoord.xy;
  if (uFlip) pixel.y = uSize.y - pixel.y;
  vec2 place = pixel / uSize;
  int mode = uWipeMode >= 0 && place.x >= uWipeAt ? uWipeMode : uMode;
  bool same = uPictureSize == ivec2(uSize);
  vec3 colour = same ? colourOf(texelFetch(uPicture, ivec2(pixel), 0), mode) : smoothed(place, mode);
  outColour = vec4(colour, 1.0);
}
`;
