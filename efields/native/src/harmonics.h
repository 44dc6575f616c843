// Real spherical harmonics of unit directions up to band 3, tiny-cuda-nn's signs (efields/backends/reference.py).
#pragma once
#include "isa.h"

EF_INLINE void harmonics(float x, float y, float z, int degree, float* o) {
  o[0] = 0.28209479177387814f;
  if (degree < 2) return;
  o[1] = -0.48860251190291987f * y;
  o[2] = 0.48860251190291987f * z;
  o[3] = -0.48860251190291987f * x;
  if (degree < 3) return;
  const float xx = x * x, yy = y * y, zz = z * z;
  o[4] = 1.0925484305920792f * x * y;
  o[5] = -1.0925484305920792f * y * z;
  o[6] = 0.94617469575755997f * zz - 0.31539156525251999f;
  o[7] = -1.0925484305920792f * x * z;
  o[8] = 0.54627421529603959f * (xx - yy);
  if (degree < 4) return;
  o[9] = 0.59004358992664352f * y * (-3.0f * xx + yy);
  o[10] = 2.8906114426405538f * x * y * z;
  o[11] = 0.45704579946446572f * y * (1.0f - 5.0f * zz);
  o[12] = 0.3731763325901154f * z * (5.0f * zz - 3.0f);
  o[13] = 0.45704579946446572f * x * (1.0f - 5.0f * zz);
  o[14] = 1.4453057213202769f * z * (xx - yy);
  o[15] = 0.59004358992664352f * x * (-xx + 3.0f * yy);
}

// The gradient of a direction from that of its harmonics.
EF_INLINE void harmonics_backward(float x, float y, float z, int degree, const float* o, float* out) {
  float dx = 0.0f, dy = 0.0f, dz = 0.0f;
  if (degree > 1) {
    dy -= 0.48860251190291987f * o[1];
    dz += 0.48860251190291987f * o[2];
    dx -= 0.48860251190291987f * o[3];
  }
  if (degree > 2) {
    dx += 1.0925484305920792f * (y * o[4] - z * o[7] + x * o[8]);
    dy += 1.0925484305920792f * (x * o[4] - z * o[5] - y * o[8]);
    dz += 1.8923493915151199f * z * o[6] - 1.0925484305920792f * (y * o[5] + x * o[7]);
  }
  if (degree > 3) {
    const float xx = x * x, yy = y * y, zz = z * z, level = 0.45704579946446572f * (1.0f - 5.0f * zz);
    dx += 0.59004358992664352f * (3.0f * (yy - xx) * o[15] - 6.0f * x * y * o[9]);
    dy += 0.59004358992664352f * (3.0f * (yy - xx) * o[9] + 6.0f * x * y * o[15]);
    dx += 2.8906114426405538f * z * (y * o[10] + x * o[14]) + level * o[13];
    dy += 2.8906114426405538f * z * (x * o[10] - y * o[14]) + level * o[11];
    dz += 2.8906114426405538f * x * y * o[10] + 1.4453057213202769f * (xx - yy) * o[14];
    dz += 0.3731763325901154f * (15.0f * zz - 3.0f) * o[12] - 4.5704579946446572f * z * (y * o[11] + x * o[13]);
  }
  out[0] = dx, out[1] = dy, out[2] = dz;
}
