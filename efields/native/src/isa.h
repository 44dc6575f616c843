// What every kernel shares: the vector type of the instruction set it is compiled for, and how exported names are made.
//
// Each kernel source is compiled once for each instruction set, with EF_ISA (its name) and EF_VW (floats in a vector)
// defined on the command line. Everything but the exported functions has internal linkage, and no C++ library header is
// used, so that the linker can never keep one set's copy of a function for the others.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "pool.h"

#define EF_JOIN2(a, b) ef_##a##_##b
#define EF_JOIN(a, b) EF_JOIN2(a, b)
#define EF_NAME(function) EF_JOIN(function, EF_ISA)
#define EF_INLINE static inline __attribute__((always_inline))
#define EF_NOINLINE static __attribute__((noinline, unused))

#ifndef EF_VW
#error "EF_VW and EF_ISA come from the build: see build.py"
#endif

typedef float vf __attribute__((vector_size(EF_VW * 4)));
typedef int32_t vi __attribute__((vector_size(EF_VW * 4)));
typedef uint32_t vu __attribute__((vector_size(EF_VW * 4)));

// Loads and stores take any alignment.
EF_INLINE vf load(const float* p) {
  vf v;
  memcpy(&v, p, sizeof v);
  return v;
}
EF_INLINE void store(float* p, vf v) { memcpy(p, &v, sizeof v); }
EF_INLINE vf splat(float x) { return x - vf{}; }
EF_INLINE vf select(vi mask, vf a, vf b) { return (vf)((mask & (vi)a) | (~mask & (vi)b)); }
EF_INLINE vf vmax(vf a, vf b) { return select(a > b, a, b); }
EF_INLINE vf vmin(vf a, vf b) { return select(a < b, a, b); }
// Sum of a vector's numbers, by halves.
EF_INLINE float total(vf v) {
  float lanes[EF_VW];
  store(lanes, v);
  for (int half = EF_VW / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  return lanes[0];
}
EF_INLINE int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// exp(x) - 1 with a relative error below 2e-7 over the whole range, x clamped to +-87.
// x = n ln 2 + f; exp(x) - 1 = (2^n - 1) + 2^n (exp(f) - 1), so that small x lose nothing.
EF_INLINE vf vexpm1(vf x) {
  x = vmin(vmax(x, splat(-87.0f)), splat(87.0f));
  vf y = x * 1.44269504088896341f;
  vi n = __builtin_convertvector(y + select(y > 0.0f, splat(0.5f), splat(-0.5f)), vi);
  vf whole = __builtin_convertvector(n, vf);
  vf f = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
  vf p = splat(1.9875691500e-4f);
  p = p * f + 1.3981999507e-3f;
  p = p * f + 8.3334519073e-3f;
  p = p * f + 4.1665795894e-2f;
  p = p * f + 1.6666665459e-1f;
  p = p * f + 5.0000001201e-1f;
  p = p * f * f + f;
  vf two_n = (vf)((n + 127) << 23);
  return two_n * p + (two_n - 1.0f);
}
EF_INLINE vf vexp(vf x) { return vexpm1(x) + 1.0f; }

// log(1 + exp(x)) for any x: max(x, 0) + log(1 + exp(-|x|)), the logarithm by Cephes' polynomial on [0.7, 1.4].
EF_INLINE vf vsoftplus(vf x) {
  vf magnitude = select(x > 0.0f, x, -x);
  vf u = vexp(-magnitude) + 1.0f;  // in (1, 2]
  vi high = u > 1.41421356f;
  vf e = select(high, splat(1.0f), splat(0.0f));
  vf m = select(high, u * 0.5f, u) - 1.0f;
  vf z = m * m;
  vf p = splat(7.0376836292e-2f);
  p = p * m - 1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m - 1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m - 1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m - 2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  vf log_u = m * z * p + (m - 0.5f * z) + e * 0.693147180559945f;
  return vmax(x, splat(0.0f)) + log_u;
}
