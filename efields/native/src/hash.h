// Multiresolution hash grid: rows and weights of the corners around points, tiny-cuda-nn's definition.
//
// Points come as columns (one array a coordinate), so that a vector holds one coordinate of many points. The rows of the
// table are `features` floats side by side: one corner is one small vector load. Levels are the outer loop of every user
// of this file, so that the rows of one level stay in the cache while all points visit them.
#pragma once
#include "isa.h"

struct HashGrid {
  int32_t dimensions, features, levels, rows;
  const float* scale;          // [levels] a point x lies at x * scale + 0.5
  const uint32_t* resolution;  // [levels] vertices along one axis
  const uint32_t* offset;      // [levels] first row
  const uint32_t* size;        // [levels] rows
  const uint8_t* dense;        // [levels] whether rows are numbered in order instead of hashed
};

static const uint32_t kPrimes[4] = {1u, 2654435761u, 805459861u, 3674653429u};

static constexpr int kBatch = EF_VW;  // points whose corners are found together

// Corners of kBatch points: row within the level and multilinear weight.
template <int D>
struct Corners {
  uint32_t row[1 << D][kBatch];
  float weight[1 << D][kBatch];
  float fraction[D][kBatch];
};

// Rows beyond the level (the far corner of the last cell, or points outside the cube) wrap as a modulus would.
EF_NOINLINE void wrap_rows(uint32_t* row, int count, uint32_t size) {
  for (int i = 0; i < count; ++i) {
    int64_t r = (int32_t)row[i] % (int64_t)size;
    row[i] = (uint32_t)(r < 0 ? r + size : r);
  }
}

template <int D>
EF_INLINE void find_corners(const HashGrid& grid, int level, const float* const* columns, int64_t at, Corners<D>& out) {
  const float scale = grid.scale[level];
  const uint32_t resolution = grid.resolution[level], size = grid.size[level];
  const bool dense = grid.dense[level];
  uint32_t stride[D];
  for (int d = 0; d < D; ++d) stride[d] = dense ? (d ? stride[d - 1] * resolution : 1u) : kPrimes[d];
  vu outside = {};
  for (int v = 0; v < kBatch; v += EF_VW) {
    vu low[D];
    vf high[D];
    for (int d = 0; d < D; ++d) {
      vf x = load(columns[d] + at + v) * scale + 0.5f;
      vi cell = __builtin_convertvector(x, vi);
      cell += (vi)(__builtin_convertvector(cell, vf) > x);  // towards minus infinity: a true lane is -1
      high[d] = x - __builtin_convertvector(cell, vf);
      low[d] = (vu)cell * stride[d];
      store(out.fraction[d] + v, high[d]);
    }
    for (int corner = 0; corner < 1 << D; ++corner) {
      vu row = low[0] + ((corner & 1) ? stride[0] : 0u);
      vf weight = (corner & 1) ? high[0] : 1.0f - high[0];
      for (int d = 1; d < D; ++d) {
        const bool up = (corner >> d) & 1;
        vu next = low[d] + (up ? stride[d] : 0u);
        row = dense ? row + next : row ^ next;
        weight *= up ? high[d] : 1.0f - high[d];
      }
      if (dense) outside |= (vu)(row >= size);
      else row &= size - 1;
      memcpy(out.row[corner] + v, &row, sizeof row);
      store(out.weight[corner] + v, weight);
    }
  }
  if (dense) {
    uint32_t any = 0, lanes[EF_VW];
    memcpy(lanes, &outside, sizeof outside);
    for (int i = 0; i < EF_VW; ++i) any |= lanes[i];
    if (any) wrap_rows(out.row[0], (1 << D) * kBatch, size);
  }
}

// A table row as a small vector. One feature is a vector of one.
template <int F>
struct Row {
  typedef float v __attribute__((vector_size(F * 4)));
  EF_INLINE v load(const float* p) {
    v r;
    memcpy(&r, p, sizeof r);
    return r;
  }
  EF_INLINE void store(float* p, v r) { memcpy(p, &r, sizeof r); }
};

// Ask for the rows of a batch ahead of time: they lie all over the table, and waiting for them is what encoding costs.
// Neighbours along the first axis mostly share a cache line, so every other corner will do.
template <int D, int F>
EF_INLINE void fetch_rows(const float* rows, const Corners<D>& corners) {
  for (int c = 0; c < 1 << D; c += 2)
    for (int i = 0; i < kBatch; ++i) __builtin_prefetch(rows + (int64_t)corners.row[c][i] * F);
}

// Calls visit(corners, i, at + i) for each of n points, whose corners are number i of their batch.
template <int D, int F, class Visit>
EF_INLINE void visit_points(const HashGrid& grid, int level, const float* rows, const float* const* columns, int64_t n,
                            Visit visit) {
  if (n == 0) return;
  Corners<D> batches[2];
  find_corners<D>(grid, level, columns, 0, batches[0]);
  for (int64_t at = 0, turn = 0; at < n; at += kBatch, turn ^= 1) {
    if (at + kBatch < n) {
      find_corners<D>(grid, level, columns, at + kBatch, batches[turn ^ 1]);
      fetch_rows<D, F>(rows, batches[turn ^ 1]);
    }
    const int64_t count = n - at < kBatch ? n - at : kBatch;
    for (int64_t i = 0; i < count; ++i) visit(batches[turn], i, at + i);
  }
}

// Features of `n` points at one level, written to out[i * stride + 0 .. F - 1]. Columns may be read up to kBatch - 1
// points beyond n.
template <int D, int F>
EF_NOINLINE void encode_level(const HashGrid& grid, int level, const float* table, const float* const* columns, int64_t n,
                              float* out, int64_t stride) {
  const float* rows = table + (int64_t)grid.offset[level] * F;
  visit_points<D, F>(grid, level, rows, columns, n, [=](const Corners<D>& corners, int64_t i, int64_t point) {
    typename Row<F>::v sum = {};
    for (int c = 0; c < 1 << D; ++c) sum += Row<F>::load(rows + (int64_t)corners.row[c][i] * F) * corners.weight[c][i];
    Row<F>::store(out + point * stride, sum);
  });
}

// Adds each point's gradient, grad[i * stride + 0 .. F - 1], to the rows of its corners.
template <int D, int F>
EF_NOINLINE void scatter_level(const HashGrid& grid, int level, float* grad_table, const float* const* columns, int64_t n,
                               const float* grad, int64_t stride) {
  float* rows = grad_table + (int64_t)grid.offset[level] * F;
  visit_points<D, F>(grid, level, rows, columns, n, [=](const Corners<D>& corners, int64_t i, int64_t point) {
    const typename Row<F>::v g = Row<F>::load(grad + point * stride);
    for (int c = 0; c < 1 << D; ++c) {
      float* row = rows + (int64_t)corners.row[c][i] * F;
      Row<F>::store(row, Row<F>::load(row) + g * corners.weight[c][i]);
    }
  });
}

// One axis of a multilinear interpolation: corners [2 * Left] become [Left], and with them the slopes of earlier axes.
template <int Left, int D, class V>
EF_INLINE void along_axis(float u, int axis, V* value, V (*slope)[1 << (D - 1)]) {
  for (int c = 0; c < Left; ++c) {
    for (int a = 0; a < axis; ++a) slope[a][c] = slope[a][2 * c] + (slope[a][2 * c + 1] - slope[a][2 * c]) * u;
    slope[axis][c] = value[2 * c + 1] - value[2 * c];
    value[c] = value[2 * c] + slope[axis][c] * u;
  }
}

// Adds to grad_points[axis][i] what the gradient of point i's features, grad[i * stride + 0 .. F - 1], makes of it.
template <int D, int F>
EF_NOINLINE void slope_level(const HashGrid& grid, int level, const float* table, const float* const* columns, int64_t n,
                             const float* grad, int64_t stride, float* const* grad_points) {
  typedef typename Row<F>::v V;
  const float* rows = table + (int64_t)grid.offset[level] * F;
  const float scale = grid.scale[level];
  visit_points<D, F>(grid, level, rows, columns, n, [=](const Corners<D>& corners, int64_t i, int64_t point) {
    V value[1 << D], slope[D][1 << (D - 1)];
    for (int c = 0; c < 1 << D; ++c) value[c] = Row<F>::load(rows + (int64_t)corners.row[c][i] * F);
    along_axis<(1 << D) / 2, D>(corners.fraction[0][i], 0, value, slope);
    along_axis<(1 << D) / 4, D>(corners.fraction[1][i], 1, value, slope);
    if constexpr (D > 2) along_axis<(1 << D) / 8, D>(corners.fraction[2][i], 2, value, slope);
    if constexpr (D > 3) along_axis<(1 << D) / 16, D>(corners.fraction[3][i], 3, value, slope);
    const V g = Row<F>::load(grad + point * stride) * scale;
    for (int axis = 0; axis < D; ++axis) {
      const V product = slope[axis][0] * g;
      float sum = product[0];
      for (int k = 1; k < F; ++k) sum += product[k];
      grad_points[axis][point] += sum;
    }
  });
}

// Calls action<D, F>(arguments...) for the grid's own numbers; false for numbers that no kernel is made for.
#define EF_FOR_FEATURES(D, action, ...)       \
  switch (grid.features) {                    \
    case 1: action<D, 1>(__VA_ARGS__); break; \
    case 2: action<D, 2>(__VA_ARGS__); break; \
    case 4: action<D, 4>(__VA_ARGS__); break; \
    case 8: action<D, 8>(__VA_ARGS__); break; \
    default: break;                           \
  }
#define EF_FOR_GRID(action, ...)                           \
  switch (grid.dimensions) {                               \
    case 2: EF_FOR_FEATURES(2, action, __VA_ARGS__) break; \
    case 3: EF_FOR_FEATURES(3, action, __VA_ARGS__) break; \
    case 4: EF_FOR_FEATURES(4, action, __VA_ARGS__) break; \
    default: break;                                        \
  }
