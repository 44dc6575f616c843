// Gradients of a moving camera's rays to the segments of its trajectory, to the times, corrections and bearings.
//
// First ray by ray, what each gives to its segment kept in a row; then each thread owns a range of segments and adds the
// rows that belong there, so that sums come in the same order whatever the number of threads.
#include "camera_rays.h"

namespace {

constexpr int64_t kBlock = 1024, kChunk = 1 << 14;  // rays whose rows are held at once

struct Back {
  Moving moving;
  const float *origin, *direction;  // gradients of the rays
  double *rotation, *position, *increment, *t, *correction, *bearing;
  double* rows;       // [kChunk][row] of rotation, position and increment
  int64_t* segments;  // [kChunk]
  int64_t row, from, to;
};

// d/ds of `series(s, first)`.
EF_INLINE vd series_slope(vd square, int first) {
  double inverse[kTerms];
  double factorial = 1.0;
  for (int i = 2; i <= first + 2; ++i) factorial *= i;
  for (int k = 0; k < kTerms; ++k) {
    inverse[k] = (k + 1) / factorial;
    factorial *= (2.0 * k + first + 3) * (2.0 * k + first + 4);
  }
  vd sum = inverse[kTerms - 1] - vd{};
  for (int k = kTerms - 2; k >= 0; --k) sum = inverse[k] - square * sum;
  return -sum;
}

// Back through v + a w x v + b w x (w x v), a and b of w's square: `q`, the gradient of the result, becomes that of v, and
// that of w is added to `by_turn`.
EF_INLINE void turn_back(Vector w, vd a, vd b, vd a_slope, vd b_slope, Vector v, Vector& q, Vector& by_turn) {
  const Vector once = cross(w, v);
  const vd along = 2.0 * (a_slope * dot(q, once) + b_slope * dot(q, cross(w, once)) - b * dot(q, v));
  by_turn = by_turn + a * cross(v, q) + (b * dot(w, v)) * q + (b * dot(q, w)) * v + along * w;
  const Vector back = cross(w, q);
  q = q + (-a) * back + b * cross(w, back);
}

template <int N>
struct Sums {
  double values[N][kLanes];
  void put(int i, vd v) { memcpy(values[i], &v, sizeof v); }
  void put(int i, Vector v) { put(i, v.x), put(i + 1, v.y), put(i + 2, v.z); }
  void give(int lane, double* to) const {
    for (int i = 0; i < N; ++i) to[i] = values[i][lane];
  }
};

EF_INLINE Vector gradients_at(const float* from, int64_t i, int64_t n) {
  Columns<3> found;
  for (int lane = 0; lane < kLanes; ++lane) {
    const float* g = from + 3 * (i + (lane < n ? lane : n - 1));
    const double three[3] = {g[0], g[1], g[2]};
    found.put(lane, three);
  }
  return found.vector(0);
}

// The turns of a segment one after the other, what went into each, and the way back: from the gradients of the ray and the
// centre, in the axes of the segment's begin, to those of the increments (`sums`, from place 12 on), of u and of the
// bearing.
template <bool cubic>
struct Chain {
  vd shares[3];
  Turn turns[3];
  Vector rays[4], centres[4];  // before each turn, and after the last

  void forward(const Taken<cubic>& here, vd u, Vector ray, Vector centre, bool corrected) {
    rays[0] = ray, centres[0] = centre;
    shares[0] = u;
    if constexpr (cubic) cubic_shares(u, shares);
    for (int k = 0; k < kTurns; ++k) {
      turns[k] = turn_by(shares[k] * here.increment.vector(cubic ? 6 * (2 - k) + 3 : 0));
      rays[k + 1] = turned(turns[k], rays[k]);
      centres[k + 1] = cubic || corrected ? turned(turns[k], centres[k]) : centre;
      if constexpr (cubic) centres[k + 1] = centres[k + 1] + moved(turns[k], shares[k] * here.increment.vector(6 * (2 - k)));
    }
  }

  // `ray` and `centre` become the gradients of what went in; returns that of u.
  vd backward(const Taken<cubic>& here, vd u, Vector& ray, Vector& centre, bool corrected,
              Sums<12 + Taken<cubic>::kIncrement>& sums) const {
    const vd slopes[3] = {cubic ? 0.5 * u * u : 1.0 - vd{}, 0.5 + u - u * u, 0.5 - u + 0.5 * u * u};
    vd by_u = {};
    for (int k = kTurns - 1; k >= 0; --k) {
      const Turn& turn = turns[k];
      const vd a_slope = series_slope(turn.square, 1), b_slope = series_slope(turn.square, 2);
      Vector by_turn = {vd{}, vd{}, vd{}};
      turn_back(turn.w, turn.a, turn.b, a_slope, b_slope, rays[k], ray, by_turn);
      const int at = cubic ? 6 * (2 - k) : 0;
      if constexpr (cubic) {
        const Vector rho = here.increment.vector(at);
        Vector by_rho = centre;
        turn_back(turn.w, turn.b, series(turn.square, 3), b_slope, series_slope(turn.square, 3), shares[k] * rho, by_rho,
                  by_turn);
        sums.put(12 + at, shares[k] * by_rho);
        by_u += slopes[k] * dot(rho, by_rho);
      }
      if (cubic || corrected) turn_back(turn.w, turn.a, turn.b, a_slope, b_slope, centres[k], centre, by_turn);
      sums.put(12 + at + (cubic ? 3 : 0), shares[k] * by_turn);
      by_u += slopes[k] * dot(here.increment.vector(at + (cubic ? 3 : 0)), by_turn);
    }
    return by_u;
  }

  enum { kTurns = cubic ? 3 : 1 };
};

template <bool cubic>
void rays_back(const Back& b, int64_t from, int64_t n) {
  Taken<cubic> here;
  Taken<cubic>::take(here, b.moving, from, n);
  Chain<cubic> chain;
  Sums<12 + Taken<cubic>::kIncrement> sums;
  const vd u = here.time.at(0) / here.time.at(1);
  const bool corrected = b.moving.correction;
  const Vector bearing = here.bearing.vector(0), none = {vd{}, vd{}, vd{}};
  Turn turn = {};
  if (corrected) turn = turn_by(here.correction.vector(0));
  chain.forward(here, u, corrected ? turned(turn, bearing) : bearing, corrected ? here.correction.vector(3) : none,
                corrected);
  const Vector columns[3] = {here.column(0), here.column(1), here.column(2)};
  const Vector ray = chain.rays[chain.kTurns], centre = chain.centres[chain.kTurns];
  // Through the division by the length.
  const Vector turned_ray = ray.x * columns[0] + ray.y * columns[1] + ray.z * columns[2];
  const vd per_length = 1.0 / root(dot(turned_ray, turned_ray));
  const Vector unit = per_length * turned_ray, of_origin = gradients_at(b.origin, from, n);
  Vector by_ray = gradients_at(b.direction, from, n);
  by_ray = per_length * (by_ray + (-dot(unit, by_ray)) * unit);
  // Through the rotation, whose columns the ray and the centre add up.
  const vd of_ray[3] = {ray.x, ray.y, ray.z}, of_centre[3] = {centre.x, centre.y, centre.z};
  const vd by_rays[3] = {by_ray.x, by_ray.y, by_ray.z}, by_centres[3] = {of_origin.x, of_origin.y, of_origin.z};
  for (int i = 0; i < 3; ++i)
    for (int k = 0; k < 3; ++k) sums.put(3 * i + k, by_rays[i] * of_ray[k] + by_centres[i] * of_centre[k]);
  sums.put(9, of_origin);
  by_ray = {dot(columns[0], by_ray), dot(columns[1], by_ray), dot(columns[2], by_ray)};
  Vector by_centre = {dot(columns[0], of_origin), dot(columns[1], of_origin), dot(columns[2], of_origin)};
  vd by_u = chain.backward(here, u, by_ray, by_centre, corrected, sums);
  if constexpr (!cubic) {
    sums.put(12 + 3, u * of_origin);
    by_u += dot(here.increment.vector(3), of_origin);
  }
  const vd by_t = by_u / here.time.at(1);
  Sums<6> correction;
  if (corrected) {
    Vector by_turn = none;
    turn_back(turn.w, turn.a, turn.b, series_slope(turn.square, 1), series_slope(turn.square, 2), bearing, by_ray, by_turn);
    correction.put(0, by_turn), correction.put(3, by_centre);
  }
  Sums<3> of_bearing;
  of_bearing.put(0, by_ray);
  for (int lane = 0; lane < n && lane < kLanes; ++lane) {
    const int64_t i = from + lane, held = i - b.from;
    if (b.bearing) of_bearing.give(lane, b.bearing + 3 * i);
    if (b.correction) correction.give(lane, b.correction + 6 * i);
    if (b.t) {
      const double t = b.moving.t[i], first = b.moving.knots[0], last = b.moving.knots[b.moving.count - 1];
      // Held before the first and after the last pose; torch halves the gradient at the ends themselves.
      b.t[i] = (t < first || t > last ? 0.0 : t == first || t == last ? 0.5 : 1.0) * by_t[lane];
    }
    if (!b.rows) continue;
    b.segments[held] = here.segment[lane];
    sums.give(lane, b.rows + b.row * held);
  }
}

void back_block(void* context, int64_t block, int) {
  const Back& b = *(const Back*)context;
  const int64_t from = b.from + block * kBlock, end = from + kBlock < b.to ? from + kBlock : b.to;
  for (int64_t i = from; i < end; i += kLanes) {
    if (b.moving.cubic) rays_back<true>(b, i, end - i);
    else rays_back<false>(b, i, end - i);
  }
}

void add(const double* from, int64_t n, double* to) {
  for (int64_t i = 0; i < n; ++i) to[i] += from[i];
}

// The rows of one range of segments.
void add_rows(void* context, int64_t range, int) {
  const Back& b = *(const Back*)context;
  const int64_t segments = b.moving.count - 1, ranges = ef_threads(), increment = b.row - 12;
  const int64_t first = segments * range / ranges, end = segments * (range + 1) / ranges;
  for (int64_t i = 0; i < b.to - b.from; ++i) {
    const int64_t s = b.segments[i];
    if (s < first || s >= end) continue;
    const double* row = b.rows + b.row * i;
    add(row, 9, b.rotation + 9 * s);
    add(row + 9, 3, b.position + 3 * s);
    add(row + 12, increment, b.increment + increment * s);
  }
}

}  // namespace

// As camera_rays, with the gradients of origin and direction [n, 3] in; out those of the segments, all or none, of t [n], of
// the correction [n, 6], where there is one, and of each ray's bearing [n, 3], each left out where null. Pixels must be the
// camera's.
EF_API void EF_NAME(camera_rays_backward)(const double* knots, const double* rotation, const double* position,
                                          const double* increment, int64_t count, int cubic, const double* bearings,
                                          int64_t pixels, const int64_t* pixel, const double* t, int64_t n,
                                          const double* correction, const float* origin, const float* direction,
                                          double* grad_rotation, double* grad_position, double* grad_increment,
                                          double* grad_t, double* grad_correction, double* grad_bearing) {
  Back b = {};
  b.moving = {knots, rotation, position, increment, count, cubic, bearings, pixels, pixel, t, n, correction};
  b.origin = origin, b.direction = direction;
  b.rotation = grad_rotation, b.position = grad_position, b.increment = grad_increment;
  b.t = grad_t, b.correction = grad_correction, b.bearing = grad_bearing;
  b.row = 12 + (cubic ? 18 : 6);
  if (grad_rotation) {
    memset(grad_rotation, 0, sizeof(double) * 9 * (count - 1));
    memset(grad_position, 0, sizeof(double) * 3 * (count - 1));
    memset(grad_increment, 0, sizeof(double) * (b.row - 12) * (count - 1));
    b.rows = (double*)ef_scratch(0, 0, sizeof(double) * b.row * kChunk);
    b.segments = (int64_t*)ef_scratch(0, 1, sizeof(int64_t) * kChunk);
  }
  for (b.from = 0; b.from < n; b.from = b.to) {
    b.to = b.from + kChunk < n ? b.from + kChunk : n;
    ef_run_dynamic((b.to - b.from + kBlock - 1) / kBlock, back_block, &b);
    if (grad_rotation) ef_run_dynamic(ef_threads(), add_rows, &b);
  }
}
