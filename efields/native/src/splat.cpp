// Image of warped events: each event adds its weight to the four pixels around it, bilinearly; and the way back.
//
// Images carry a margin of one pixel, so that no corner is tested: corners in the margin are dropped when it is cut off.
// Cells and weights are computed for a vector of events at once, the additions are done one event after the other. Each
// thread adds its own run of the events to an image of its own, and those are summed in the order of the threads: no
// atomic additions, and the same sums every time for the same number of threads.
#include "isa.h"

namespace {

constexpr int64_t kBlock = 8192;
constexpr int64_t kFewEvents = 1 << 15;  // fewer for each thread are not worth an image of its own

struct Events {
  const float *x, *y, *weight;
  int64_t n, height, width;
};

// Where events lie in an image with its margin, their place in the cell, and their weights: 0 for those outside.
struct Cells {
  int32_t at[EF_VW];
  vf right, down, weight;
  vi inside;
};

EF_INLINE vf floor_of(vf x, vi* whole) {
  vi i = __builtin_convertvector(x, vi);
  i += __builtin_convertvector(i, vf) > x;  // towards 0 so far; a comparison that holds is -1
  *whole = i;
  return __builtin_convertvector(i, vf);
}

EF_INLINE Cells cells_of(const Events& e, vf x, vf y, vf weight) {
  Cells c;
  c.inside = (x >= -1.0f) & (x < (float)e.width) & (y >= -1.0f) & (y < (float)e.height);
  x = select(c.inside, x, vf{}), y = select(c.inside, y, vf{});
  vi column, row;
  c.right = x - floor_of(x, &column), c.down = y - floor_of(y, &row);
  c.weight = select(c.inside, weight, vf{});
  const vi at = (row + 1) * (int32_t)(e.width + 2) + column + 1;
  memcpy(c.at, &at, sizeof at);
  return c;
}

// Events [i, end), as many as a vector holds; those past the end lie outside.
EF_INLINE Cells cells_at(const Events& e, int64_t i, int64_t end) {
  if (i + EF_VW <= end) return cells_of(e, load(e.x + i), load(e.y + i), load(e.weight + i));
  float x[EF_VW], y[EF_VW] = {}, weight[EF_VW] = {};
  for (int k = 0; k < EF_VW; ++k) x[k] = -2.0f;
  const size_t bytes = sizeof(float) * (end - i);
  memcpy(x, e.x + i, bytes), memcpy(y, e.y + i, bytes), memcpy(weight, e.weight + i, bytes);
  return cells_of(e, load(x), load(y), load(weight));
}

struct Forward {
  Events events;
  int64_t runs;
  float** images;  // [runs], each with its margin
  float* out;
};

void add_run(void* context, int64_t run, int) {
  const Forward& f = *(const Forward*)context;
  const Events& e = f.events;
  const int64_t stride = e.width + 2, end = e.n * (run + 1) / f.runs;
  float* image = f.images[run];
  memset(image, 0, sizeof(float) * stride * (e.height + 2));
  for (int64_t i = e.n * run / f.runs; i < end; i += EF_VW) {
    const Cells c = cells_at(e, i, end);
    const vf low = c.weight * c.down, high = c.weight - low;
    float corner[4][EF_VW];
    store(corner[1], high * c.right), store(corner[0], high - high * c.right);
    store(corner[3], low * c.right), store(corner[2], low - low * c.right);
    for (int k = 0; k < EF_VW; ++k) {
      float* at = image + c.at[k];
      at[0] += corner[0][k], at[1] += corner[1][k];
      at[stride] += corner[2][k], at[stride + 1] += corner[3][k];
    }
  }
}

void sum_row(void* context, int64_t row, int) {
  const Forward& f = *(const Forward*)context;
  const int64_t width = f.events.width, from = (row + 1) * (width + 2) + 1;
  float* out = f.out + row * width;
  memcpy(out, f.images[0] + from, sizeof(float) * width);
  for (int64_t run = 1; run < f.runs; ++run)
    for (int64_t i = 0; i < width; ++i) out[i] += f.images[run][from + i];
}

struct Backward {
  Events events;
  const float* grad;  // with its margin, of zeros
  float *grad_x, *grad_y, *grad_weight;
};

EF_INLINE void put(float* out, int64_t i, int64_t n, vf value) {
  if (out) memcpy(out + i, &value, sizeof(float) * (n < EF_VW ? n : EF_VW));
}

void backward_block(void* context, int64_t block, int) {
  const Backward& b = *(const Backward*)context;
  const Events& e = b.events;
  const int64_t end = (block + 1) * kBlock < e.n ? (block + 1) * kBlock : e.n, stride = e.width + 2;
  for (int64_t i = block * kBlock; i < end; i += EF_VW) {
    const Cells c = cells_at(e, i, end);
    float corner[4][EF_VW];
    for (int k = 0; k < EF_VW; ++k) {
      const float* at = b.grad + c.at[k];
      corner[0][k] = at[0], corner[1][k] = at[1], corner[2][k] = at[stride], corner[3][k] = at[stride + 1];
    }
    const vf across_high = load(corner[1]) - load(corner[0]), across_low = load(corner[3]) - load(corner[2]);
    const vf high = load(corner[0]) + across_high * c.right, low = load(corner[2]) + across_low * c.right;
    put(b.grad_x, i, end - i, c.weight * (across_high + (across_low - across_high) * c.down));
    put(b.grad_y, i, end - i, c.weight * (low - high));
    put(b.grad_weight, i, end - i, select(c.inside, high + (low - high) * c.down, vf{}));
  }
}

}  // namespace

// x, y, weight [n] -> out [height, width]
EF_API void EF_NAME(splat)(const float* x, const float* y, const float* weight, int64_t n, int64_t height, int64_t width,
                           float* out) {
  const int64_t most = n / kFewEvents < ef_threads() ? n / kFewEvents : ef_threads(), runs = most < 1 ? 1 : most;
  Forward f = {{x, y, weight, n, height, width}, runs, (float**)ef_scratch(0, 10, sizeof(float*) * runs), out};
  for (int64_t run = 0; run < runs; ++run)
    f.images[run] = (float*)ef_scratch((int)run, 11, sizeof(float) * (height + 2) * (width + 2));
  ef_run(runs, add_run, &f);
  ef_run_dynamic(height, sum_row, &f);
}

// grad [height, width] of the image -> grad_x, grad_y, grad_weight [n], each left out where null
EF_API void EF_NAME(splat_backward)(const float* x, const float* y, const float* weight, int64_t n, int64_t height,
                                    int64_t width, const float* grad, float* grad_x, float* grad_y, float* grad_weight) {
  const int64_t stride = width + 2;
  float* wide = (float*)ef_scratch(0, 12, sizeof(float) * stride * (height + 2));
  memset(wide, 0, sizeof(float) * stride * (height + 2));
  for (int64_t row = 0; row < height; ++row)
    memcpy(wide + (row + 1) * stride + 1, grad + row * width, sizeof(float) * width);
  Backward b = {{x, y, weight, n, height, width}, wide, grad_x, grad_y, grad_weight};
  ef_run_dynamic((n + kBlock - 1) / kBlock, backward_block, &b);
}
