// A moving camera: its pose at many times at once, by the segments of its trajectory (efields/geometry/trajectory.py).
//
// float64; a vector holds one number of several rays. No rotation matrix is made: each exponential turns the vector at hand
// by v + a w x v + b w x (w x v) (Rodrigues), innermost first. Rotation vectors are at most pi long, where the series of
// a = sin t / t, b = (1 - cos t) / t^2 and c = (t - sin t) / t^3 in t^2 need 15 terms, and no branches.
#pragma once
#include "isa.h"

namespace {

enum { kLanes = EF_VW / 2, kTerms = 15 };
typedef double vd __attribute__((vector_size(EF_VW * 4)));

// Segments as efields/geometry/trajectory.py has them (`Segments`, `count` knots), and the rays asked of them.
struct Moving {
  const double *knots, *rotation, *position, *increment;
  int64_t count;
  int cubic;
  const double* bearings;  // [pixels, 3]
  int64_t pixels;
  const int64_t* pixel;
  const double* t;
  int64_t n;
  // [n, 6] Rotation vector and translation, in camera axes, by which each pose is corrected: T(t) [exp(w) v]; null for none.
  const double* correction;
};

struct Vector {
  vd x, y, z;
};
EF_INLINE Vector operator+(Vector a, Vector b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
EF_INLINE Vector operator*(vd s, Vector a) { return {s * a.x, s * a.y, s * a.z}; }
EF_INLINE vd dot(Vector a, Vector b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
EF_INLINE Vector cross(Vector a, Vector b) { return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x}; }

// Sum over k of (-square)^k / (2k + first)!
EF_INLINE vd series(vd square, int first) {
  double inverse[kTerms];  // folded by the compiler
  double factorial = 1.0;
  for (int i = 2; i <= first; ++i) factorial *= i;
  for (int k = 0; k < kTerms; ++k) {
    inverse[k] = 1.0 / factorial;
    factorial *= (2.0 * k + first + 1) * (2.0 * k + first + 2);
  }
  vd sum = inverse[kTerms - 1] - vd{};
  for (int k = kTerms - 2; k >= 0; --k) sum = inverse[k] - square * sum;
  return sum;
}

struct Turn {
  Vector w;
  vd square, a, b;
};
EF_INLINE Turn turn_by(Vector w) {
  const vd square = dot(w, w);
  return {w, square, series(square, 1), series(square, 2)};
}
EF_INLINE Vector turned(const Turn& turn, Vector v) {
  const Vector once = cross(turn.w, v);
  return v + turn.a * once + turn.b * cross(turn.w, once);
}
// Where a twist with this turn and the velocity rho leads.
EF_INLINE Vector moved(const Turn& turn, Vector rho) {
  const Vector once = cross(turn.w, rho);
  return rho + turn.b * once + series(turn.square, 3) * cross(turn.w, once);
}

// The segments that hold the times, which lie between the first and the last knot: all searches step by step together,
// so that their reads overlap.
EF_INLINE void find_segments(const double* knots, int64_t count, const double* t, int64_t* segment) {
  for (int lane = 0; lane < kLanes; ++lane) segment[lane] = 0;
  for (int64_t left = count - 1; left > 1; left -= left / 2)
    for (int lane = 0; lane < kLanes; ++lane)
      segment[lane] += (left / 2) & -(int64_t)(knots[segment[lane] + left / 2] <= t[lane]);
}

// One number of several rays, each at its own place.
template <int N>
struct Columns {
  double values[N][kLanes];
  void put(int lane, const double* from) {
    for (int i = 0; i < N; ++i) values[i][lane] = from[i];
  }
  vd at(int i) const {
    vd v;
    memcpy(&v, values[i], sizeof v);
    return v;
  }
  Vector vector(int i) const { return {at(i), at(i + 1), at(i + 2)}; }
};

// What several rays need of the trajectory and the camera; those beyond the end repeat the last.
template <bool cubic>
struct Taken {
  enum { kIncrement = cubic ? 18 : 6 };
  Columns<9> rotation;
  Columns<3> position, bearing;
  Columns<kIncrement> increment;
  Columns<6> correction;
  Columns<2> time;  // since the begin of the segment, and the segment's length
  int64_t segment[kLanes];
  bool outside;  // whether a pixel is not one of the camera's

  EF_INLINE void take(Taken& to, const Moving& c, int64_t from, int64_t n) {
    double t[kLanes];
    to.outside = false;
    for (int lane = 0; lane < kLanes; ++lane) {
      const double first = c.knots[0], last = c.knots[c.count - 1], here = c.t[from + (lane < n ? lane : n - 1)];
      t[lane] = here < first ? first : here > last ? last : here;
    }
    find_segments(c.knots, c.count, t, to.segment);
    for (int lane = 0; lane < kLanes; ++lane) {
      const int64_t i = from + (lane < n ? lane : n - 1), s = to.segment[lane];
      int64_t pixel = c.pixel[i] < 0 ? c.pixel[i] + c.pixels : c.pixel[i];
      if (pixel < 0 || pixel >= c.pixels) to.outside = true, pixel = 0;
      const double times[2] = {t[lane] - c.knots[s], c.knots[s + 1] - c.knots[s]};
      to.time.put(lane, times);
      to.rotation.put(lane, c.rotation + 9 * s);
      to.position.put(lane, c.position + 3 * s);
      to.increment.put(lane, c.increment + kIncrement * s);
      to.bearing.put(lane, c.bearings + 3 * pixel);
      if (c.correction) to.correction.put(lane, c.correction + 6 * i);
    }
  }

  // The rotation's columns.
  Vector column(int i) const { return {rotation.at(i), rotation.at(3 + i), rotation.at(6 + i)}; }
};

// Cumulative basis of the uniform cubic B-spline, of the last twist first.
EF_INLINE void cubic_shares(vd u, vd* shares) {
  shares[0] = u * u * u / 6.0;
  shares[1] = (1.0 + 3.0 * u + 3.0 * u * u - 2.0 * u * u * u) / 6.0;
  shares[2] = (5.0 + 3.0 * u - 3.0 * u * u + u * u * u) / 6.0;
}

EF_INLINE vd root(vd square) {
  for (int lane = 0; lane < kLanes; ++lane) square[lane] = __builtin_sqrt(square[lane]);
  return square;
}

}  // namespace
