// Rays of pixels from a moving camera: the pose of a trajectory at each time, and the pixel's direction turned by it.
//
// float64 in, float32 rays out, as `camera_rays(bearings, pixel, trajectory.at(t))` of efields/geometry. A vector holds
// one number of several rays. No rotation matrix is made: each exponential turns the vector at hand by
// v + a w x v + b w x (w x v) (Rodrigues), innermost first. Rotation vectors are at most pi long, where the series of
// a = sin t / t, b = (1 - cos t) / t^2 and c = (t - sin t) / t^3 in t^2 need 15 terms, and no branches.
#include "isa.h"

namespace {

enum { kLanes = EF_VW / 2, kTerms = 15 };
constexpr int64_t kBlock = 4096;  // fewer are not worth waking a thread
typedef double vd __attribute__((vector_size(EF_VW * 4)));

struct Rays {
  const double *knots, *rotation, *position, *increment;
  int64_t count;  // knots
  int cubic;
  const double* bearings;
  int64_t pixels;
  const int64_t* pixel;
  const double* t;
  int64_t n;
  float *origin, *direction;
  int32_t* outside;
};

struct Vector {
  vd x, y, z;
};
EF_INLINE Vector operator+(Vector a, Vector b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
EF_INLINE Vector operator*(vd s, Vector a) { return {s * a.x, s * a.y, s * a.z}; }
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
  const vd square = w.x * w.x + w.y * w.y + w.z * w.z;
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

template <bool cubic>
void rays(const Rays& c, int64_t from, int64_t n) {
  Columns<9> rotation;
  Columns<3> position, bearing;
  Columns<cubic ? 18 : 6> increment;
  Columns<2> share;
  double t[kLanes];
  int64_t segment[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) {
    const double first = c.knots[0], last = c.knots[c.count - 1], here = c.t[from + (lane < n ? lane : n - 1)];
    t[lane] = here < first ? first : here > last ? last : here;
  }
  find_segments(c.knots, c.count, t, segment);
  for (int lane = 0; lane < kLanes; ++lane) {
    const int64_t i = from + (lane < n ? lane : n - 1), s = segment[lane];
    int64_t pixel = c.pixel[i] < 0 ? c.pixel[i] + c.pixels : c.pixel[i];
    if (pixel < 0 || pixel >= c.pixels) {
      __atomic_store_n(c.outside, 1, __ATOMIC_RELAXED);
      pixel = 0;
    }
    const double times[2] = {t[lane] - c.knots[s], c.knots[s + 1] - c.knots[s]};
    share.put(lane, times);
    rotation.put(lane, c.rotation + 9 * s);
    position.put(lane, c.position + 3 * s);
    increment.put(lane, c.increment + (cubic ? 18 : 6) * s);
    bearing.put(lane, c.bearings + 3 * pixel);
  }
  const vd u = share.at(0) / share.at(1);
  Vector ray = bearing.vector(0), centre;
  if constexpr (cubic) {
    // Cumulative basis of the uniform cubic B-spline, of the last twist first.
    const vd shares[3] = {u * u * u / 6.0, (1.0 + 3.0 * u + 3.0 * u * u - 2.0 * u * u * u) / 6.0,
                          (5.0 + 3.0 * u - 3.0 * u * u + u * u * u) / 6.0};
    centre = Vector{vd{}, vd{}, vd{}};
    for (int k = 0; k < 3; ++k) {
      const Turn turn = turn_by(shares[k] * increment.vector(6 * (2 - k) + 3));
      ray = turned(turn, ray);
      centre = turned(turn, centre) + moved(turn, shares[k] * increment.vector(6 * (2 - k)));
    }
  } else {
    ray = turned(turn_by(u * increment.vector(0)), ray);
  }
  const Vector columns[3] = {{rotation.at(0), rotation.at(3), rotation.at(6)},
                             {rotation.at(1), rotation.at(4), rotation.at(7)},
                             {rotation.at(2), rotation.at(5), rotation.at(8)}};
  ray = ray.x * columns[0] + ray.y * columns[1] + ray.z * columns[2];
  if constexpr (cubic) centre = position.vector(0) + centre.x * columns[0] + centre.y * columns[1] + centre.z * columns[2];
  else centre = position.vector(0) + u * increment.vector(3);
  vd length = ray.x * ray.x + ray.y * ray.y + ray.z * ray.z;
  for (int lane = 0; lane < kLanes; ++lane) length[lane] = __builtin_sqrt(length[lane]);
  ray = (1.0 / length) * ray;
  for (int lane = 0; lane < n && lane < kLanes; ++lane) {
    float *origin = c.origin + 3 * (from + lane), *direction = c.direction + 3 * (from + lane);
    origin[0] = (float)centre.x[lane], origin[1] = (float)centre.y[lane], origin[2] = (float)centre.z[lane];
    direction[0] = (float)ray.x[lane], direction[1] = (float)ray.y[lane], direction[2] = (float)ray.z[lane];
  }
}

void rays_block(void* context, int64_t block, int) {
  const Rays& c = *(const Rays*)context;
  const int64_t end = (block + 1) * kBlock < c.n ? (block + 1) * kBlock : c.n;
  for (int64_t i = block * kBlock; i < end; i += kLanes) {
    if (c.cubic) rays<true>(c, i, end - i);
    else rays<false>(c, i, end - i);
  }
}

}  // namespace

// Segments as efields/geometry/trajectory.py has them (`Segments`, `count` knots), bearings [pixels, 3], pixel, t [n]
// -> origin, direction [n, 3]; outside is set to 1 where a pixel is not one of the camera's.
EF_API void EF_NAME(camera_rays)(const double* knots, const double* rotation, const double* position,
                                 const double* increment, int64_t count, int cubic, const double* bearings, int64_t pixels,
                                 const int64_t* pixel, const double* t, int64_t n, float* origin, float* direction,
                                 int32_t* outside) {
  Rays c = {knots, rotation, position, increment, count, cubic, bearings, pixels, pixel, t, n, origin, direction, outside};
  ef_run_dynamic((n + kBlock - 1) / kBlock, rays_block, &c);
}
