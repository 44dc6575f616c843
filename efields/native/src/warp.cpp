// Where events are at other times along the flow of a lattice, by midpoint steps, and the gradient by that flow.
//
// The lattice is copied with a margin of one node after the last of each axis, so that no cell is special: a place on
// the last node has weight 0 there. Both parts of the flow at two neighbouring columns are one row of four floats, so a
// lookup reads four rows. Each thread adds the gradient of its own run of the events to a lattice of its own, and those
// are summed in the order of the threads: the same sums every time for the same number of threads.
#include "warp.h"

#include "isa.h"

namespace {

constexpr int kMostSteps = 8;
constexpr int64_t kFewEvents = 2048;  // fewer for each thread are not worth waking it

typedef float row_of_four __attribute__((vector_size(16)));

struct Call {
  Lattice lattice;
  const float* nodes;  // [times + 1, rows + 1, columns + 1, 2]
  const float *t, *place, *to;
  int64_t n, runs;
  int steps;
  float* out;         // [n, 2]
  const float* grad;  // [n, 2]
  float** sums;       // [runs] of the form of `nodes`
};

// A lookup: its cell, its place there, whether it moves with the place along rows and columns, and what was found.
struct Look {
  int64_t at;
  float late, down, right;
  bool moves_down, moves_right;
  row_of_four across;  // flow at both columns, u v u v
  float u, v;
};

EF_INLINE int64_t floats(const Lattice& l) { return 2 * (l.times + 1) * (l.rows + 1) * (l.columns + 1); }
EF_INLINE row_of_four row_at(const float* p) {
  row_of_four row;
  memcpy(&row, p, sizeof row);
  return row;
}
EF_INLINE void add_row(float* p, row_of_four value) {
  value += row_at(p);
  memcpy(p, &value, sizeof value);
}

// The node before a place and the distance from it; places beyond the lattice are moved to its edge (and NaN to 0).
EF_INLINE int64_t node_before(float place, float per, float first, int64_t count, float* past, bool* moves) {
  const float at = place * per + first, last = (float)(count - 1);
  *moves = at > 0.0f && at < last;
  const float held = !(at > 0.0f) ? 0.0f : at < last ? at : last;
  const int64_t node = (int64_t)held;
  *past = held - (float)node;
  return node;
}

EF_INLINE Look look_up(const Lattice& l, const float* nodes, float t, float x, float y) {
  Look k;
  bool ignored;
  const int64_t time = node_before(t, l.per[0], l.first[0], l.times, &k.late, &ignored);
  const int64_t row = node_before(y, l.per[1], l.first[1], l.rows, &k.down, &k.moves_down);
  const int64_t column = node_before(x, l.per[2], l.first[2], l.columns, &k.right, &k.moves_right);
  const int64_t stride = 2 * (l.columns + 1), plane = stride * (l.rows + 1);
  k.at = time * plane + row * stride + 2 * column;
  const float* p = nodes + k.at;
  const row_of_four upper = row_at(p) + k.late * (row_at(p + plane) - row_at(p));
  const row_of_four lower = row_at(p + stride) + k.late * (row_at(p + plane + stride) - row_at(p + stride));
  k.across = upper + k.down * (lower - upper);
  k.u = k.across[0] + k.right * (k.across[2] - k.across[0]);
  k.v = k.across[1] + k.right * (k.across[3] - k.across[1]);
  return k;
}

// Adds the gradient of a lookup's flow to the nodes, and its part along the place to that of the place.
EF_INLINE void look_back(const Lattice& l, const float* nodes, const Look& k, float gu, float gv, float* sums, float* gx,
                         float* gy) {
  const int64_t stride = 2 * (l.columns + 1), plane = stride * (l.rows + 1);
  const row_of_four g = {gu * (1.0f - k.right), gv * (1.0f - k.right), gu * k.right, gv * k.right};
  const row_of_four lower = g * k.down, upper = g - lower;
  float* s = sums + k.at;
  add_row(s, upper - upper * k.late), add_row(s + plane, upper * k.late);
  add_row(s + stride, lower - lower * k.late), add_row(s + plane + stride, lower * k.late);
  if (k.moves_right) *gx += l.per[2] * (gu * (k.across[2] - k.across[0]) + gv * (k.across[3] - k.across[1]));
  if (k.moves_down) {
    const float* p = nodes + k.at;
    const row_of_four early = row_at(p + stride) - row_at(p), late = row_at(p + plane + stride) - row_at(p + plane);
    const row_of_four change = g * (early + k.late * (late - early));
    *gy += l.per[1] * (change[0] + change[1] + change[2] + change[3]);
  }
}

void warp_run(void* context, int64_t run, int) {
  const Call& c = *(const Call*)context;
  for (int64_t i = c.n * run / c.runs, end = c.n * (run + 1) / c.runs; i < end; ++i) {
    const float step = (c.to[i] - c.t[i]) / (float)c.steps;
    float x = c.place[2 * i], y = c.place[2 * i + 1];
    for (int k = 0; k < c.steps; ++k) {
      const float start = c.t[i] + (float)k * step;
      const Look first = look_up(c.lattice, c.nodes, start, x, y);
      const float half = 0.5f * step;
      const Look second = look_up(c.lattice, c.nodes, start + half, x + half * first.u, y + half * first.v);
      x += step * second.u, y += step * second.v;
    }
    c.out[2 * i] = x, c.out[2 * i + 1] = y;
  }
}

void backward_run(void* context, int64_t run, int) {
  const Call& c = *(const Call*)context;
  float* sums = c.sums[run];
  memset(sums, 0, sizeof(float) * floats(c.lattice));
  for (int64_t i = c.n * run / c.runs, end = c.n * (run + 1) / c.runs; i < end; ++i) {
    const float step = (c.to[i] - c.t[i]) / (float)c.steps, half = 0.5f * step;
    float x = c.place[2 * i], y = c.place[2 * i + 1];
    Look first[kMostSteps], second[kMostSteps];
    for (int k = 0; k < c.steps; ++k) {
      const float start = c.t[i] + (float)k * step;
      first[k] = look_up(c.lattice, c.nodes, start, x, y);
      second[k] = look_up(c.lattice, c.nodes, start + half, x + half * first[k].u, y + half * first[k].v);
      x += step * second[k].u, y += step * second[k].v;
    }
    float gx = c.grad[2 * i], gy = c.grad[2 * i + 1];
    for (int k = c.steps - 1; k >= 0; --k) {
      float middle_x = 0.0f, middle_y = 0.0f;
      look_back(c.lattice, c.nodes, second[k], step * gx, step * gy, sums, &middle_x, &middle_y);
      gx += middle_x, gy += middle_y;
      look_back(c.lattice, c.nodes, first[k], half * middle_x, half * middle_y, sums, &gx, &gy);
    }
  }
}

// values [2, times, rows, columns] -> [times + 1, rows + 1, columns + 1, 2], zeros beyond
float* with_margin(const Lattice& l, const float* values) {
  float* nodes = (float*)ef_scratch(0, 13, sizeof(float) * floats(l));
  memset(nodes, 0, sizeof(float) * floats(l));
  const int64_t count = l.times * l.rows * l.columns;
  for (int64_t time = 0, from = 0; time < l.times; ++time)
    for (int64_t row = 0; row < l.rows; ++row) {
      float* to = nodes + 2 * (time * (l.rows + 1) + row) * (l.columns + 1);
      for (int64_t column = 0; column < l.columns; ++column, ++from)
        to[2 * column] = values[from], to[2 * column + 1] = values[count + from];
    }
  return nodes;
}

Call call_of(const Lattice* lattice, const float* values, const float* t, const float* place, const float* to, int64_t n,
             int32_t steps) {
  const int64_t most = n / kFewEvents < ef_threads() ? n / kFewEvents : ef_threads();
  Call c = {};
  c.lattice = *lattice, c.nodes = with_margin(*lattice, values);
  c.t = t, c.place = place, c.to = to, c.n = n, c.runs = most < 1 ? 1 : most, c.steps = steps;
  return c;
}

}  // namespace

// values [2, times, rows, columns]; t, to [n], place [n, 2] (x, y) -> out [n, 2]; at most 8 steps
EF_API void EF_NAME(warp)(const Lattice* lattice, const float* values, const float* t, const float* place, const float* to,
                          int64_t n, int32_t steps, float* out) {
  Call c = call_of(lattice, values, t, place, to, n, steps);
  c.out = out;
  ef_run(c.runs, warp_run, &c);
}

// grad [n, 2] of the places -> grad_values [2, times, rows, columns]
EF_API void EF_NAME(warp_backward)(const Lattice* lattice, const float* values, const float* t, const float* place,
                                   const float* to, int64_t n, int32_t steps, const float* grad, float* grad_values) {
  Call c = call_of(lattice, values, t, place, to, n, steps);
  const Lattice& l = *lattice;
  c.grad = grad, c.sums = (float**)ef_scratch(0, 14, sizeof(float*) * c.runs);
  for (int64_t run = 0; run < c.runs; ++run) c.sums[run] = (float*)ef_scratch((int)run, 15, sizeof(float) * floats(l));
  ef_run(c.runs, backward_run, &c);
  for (int64_t run = 1; run < c.runs; ++run)
    for (int64_t i = 0; i < floats(l); ++i) c.sums[0][i] += c.sums[run][i];
  const int64_t count = l.times * l.rows * l.columns;
  for (int64_t time = 0, at = 0; time < l.times; ++time)
    for (int64_t row = 0; row < l.rows; ++row) {
      const float* from = c.sums[0] + 2 * (time * (l.rows + 1) + row) * (l.columns + 1);
      for (int64_t column = 0; column < l.columns; ++column, ++at)
        grad_values[at] = from[2 * column], grad_values[count + at] = from[2 * column + 1];
    }
}
