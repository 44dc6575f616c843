// Rays of pixels from a moving camera: the pose of a trajectory at each time, and the pixel's direction turned by it.
//
// float64 in, float32 rays out, as `camera_rays(bearings, pixel, trajectory.at(t))` of efields/geometry.
#include "camera_rays.h"

namespace {

constexpr int64_t kBlock = 4096;  // fewer are not worth waking a thread

struct Rays {
  Moving moving;
  float *origin, *direction;
  int32_t* outside;
};

template <bool cubic>
void rays(const Rays& c, int64_t from, int64_t n) {
  Taken<cubic> here;
  Taken<cubic>::take(here, c.moving, from, n);
  if (here.outside) __atomic_store_n(c.outside, 1, __ATOMIC_RELAXED);
  const vd u = here.time.at(0) / here.time.at(1);
  const bool corrected = c.moving.correction;
  Vector ray = here.bearing.vector(0), centre = {vd{}, vd{}, vd{}};
  if (corrected) ray = turned(turn_by(here.correction.vector(0)), ray), centre = here.correction.vector(3);
  if constexpr (cubic) {
    vd shares[3];
    cubic_shares(u, shares);
    for (int k = 0; k < 3; ++k) {
      const Turn turn = turn_by(shares[k] * here.increment.vector(6 * (2 - k) + 3));
      ray = turned(turn, ray);
      centre = turned(turn, centre) + moved(turn, shares[k] * here.increment.vector(6 * (2 - k)));
    }
  } else {
    const Turn turn = turn_by(u * here.increment.vector(0));
    ray = turned(turn, ray);
    if (corrected) centre = turned(turn, centre);
  }
  const Vector columns[3] = {here.column(0), here.column(1), here.column(2)};
  ray = ray.x * columns[0] + ray.y * columns[1] + ray.z * columns[2];
  if (cubic || corrected)
    centre = here.position.vector(0) + centre.x * columns[0] + centre.y * columns[1] + centre.z * columns[2];
  else centre = here.position.vector(0);
  if constexpr (!cubic) centre = centre + u * here.increment.vector(3);
  ray = (1.0 / root(dot(ray, ray))) * ray;
  for (int lane = 0; lane < n && lane < kLanes; ++lane) {
    float *origin = c.origin + 3 * (from + lane), *direction = c.direction + 3 * (from + lane);
    origin[0] = (float)centre.x[lane], origin[1] = (float)centre.y[lane], origin[2] = (float)centre.z[lane];
    direction[0] = (float)ray.x[lane], direction[1] = (float)ray.y[lane], direction[2] = (float)ray.z[lane];
  }
}

void rays_block(void* context, int64_t block, int) {
  const Rays& c = *(const Rays*)context;
  const int64_t n = c.moving.n, end = (block + 1) * kBlock < n ? (block + 1) * kBlock : n;
  for (int64_t i = block * kBlock; i < end; i += kLanes) {
    if (c.moving.cubic) rays<true>(c, i, end - i);
    else rays<false>(c, i, end - i);
  }
}

}  // namespace

// Segments (`count` knots), bearings [pixels, 3], pixel, t [n], correction [n, 6] or null -> origin, direction [n, 3];
// outside is set to 1 where a pixel is not one of the camera's.
EF_API void EF_NAME(camera_rays)(const double* knots, const double* rotation, const double* position,
                                 const double* increment, int64_t count, int cubic, const double* bearings, int64_t pixels,
                                 const int64_t* pixel, const double* t, int64_t n, const double* correction, float* origin,
                                 float* direction, int32_t* outside) {
  Rays c = {{knots, rotation, position, increment, count, cubic, bearings, pixels, pixel, t, n, correction},
            origin,
            direction,
            outside};
  ef_run_dynamic((n + kBlock - 1) / kBlock, rays_block, &c);
}
