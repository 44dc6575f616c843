// Encode points by a hash grid, and carry gradients back to the table and to the points.
//
// Layout: points [n, d] row by row as torch has them, features [n, levels * f]. Forward goes over blocks of points with
// levels outside; backward gives each level to one thread, which owns its rows: no atomic additions, and the same order
// of additions every time.
#include "hash.h"

namespace {

constexpr int64_t kBlock = 4096;

// Columns of points [from, from + n), padded with the last point up to a whole batch.
void columns_of(const float* points, int d, int64_t n, float* out, float** columns) {
  const int64_t padded = round_up(n, kBatch);
  for (int k = 0; k < d; ++k) {
    float* column = columns[k] = out + k * padded;
    for (int64_t i = 0; i < n; ++i) column[i] = points[i * d + k];
    for (int64_t i = n; i < padded; ++i) column[i] = points[(n - 1) * d + k];
  }
}

struct Forward {
  const HashGrid* grid;
  const float *table, *points;
  int64_t n;
  float* out;
};

void forward_block(void* context, int64_t block, int thread) {
  const Forward& f = *(const Forward*)context;
  const HashGrid& grid = *f.grid;
  const int64_t from = block * kBlock, n = f.n - from < kBlock ? f.n - from : kBlock;
  const int64_t width = (int64_t)grid.levels * grid.features;
  float* columns[4];
  columns_of(f.points + from * grid.dimensions, grid.dimensions, n,
             (float*)ef_scratch(thread, 0, sizeof(float) * 4 * (kBlock + kBatch)), columns);
  for (int level = 0; level < grid.levels; ++level) {
    float* out = f.out + from * width + level * grid.features;
    EF_FOR_GRID(encode_level, grid, level, f.table, columns, n, out, width)
  }
}

struct Backward {
  const HashGrid* grid;
  const float *table, *points, *grad;
  int64_t n;
  float *grad_table, *grad_points;
  float* columns[4];
};

void backward_level(void* context, int64_t task, int) {
  const Backward& b = *(const Backward*)context;
  const HashGrid& grid = *b.grid;
  const int level = (int)(grid.levels - 1 - task);  // fine levels first: they take longest
  const int64_t width = (int64_t)grid.levels * grid.features;
  memset(b.grad_table + (int64_t)grid.offset[level] * grid.features, 0, sizeof(float) * grid.size[level] * grid.features);
  EF_FOR_GRID(scatter_level, grid, level, b.grad_table, b.columns, b.n, b.grad + level * grid.features, width)
}

void backward_points_block(void* context, int64_t block, int thread) {
  const Backward& b = *(const Backward*)context;
  const HashGrid& grid = *b.grid;
  const int64_t from = block * kBlock, n = b.n - from < kBlock ? b.n - from : kBlock;
  const int64_t width = (int64_t)grid.levels * grid.features;
  float *columns[4], *out[4], *memory = (float*)ef_scratch(thread, 0, sizeof(float) * 8 * (kBlock + kBatch));
  columns_of(b.points + from * grid.dimensions, grid.dimensions, n, memory, columns);
  memset(memory + 4 * (kBlock + kBatch), 0, sizeof(float) * 4 * kBlock);
  for (int d = 0; d < 4; ++d) out[d] = memory + 4 * (kBlock + kBatch) + d * kBlock;
  for (int level = 0; level < grid.levels; ++level) {
    const float* grad = b.grad + from * width + level * grid.features;
    EF_FOR_GRID(slope_level, grid, level, b.table, columns, n, grad, width, out)
  }
  for (int64_t i = 0; i < n; ++i)
    for (int d = 0; d < grid.dimensions; ++d) b.grad_points[(from + i) * grid.dimensions + d] = out[d][i];
}

}  // namespace

// points [n, d], table [rows, f] -> out [n, levels * f]
EF_API void EF_NAME(hash_encode)(const HashGrid* grid, const float* table, const float* points, int64_t n, float* out) {
  if (n == 0) return;
  Forward f = {grid, table, points, n, out};
  ef_run_dynamic((n + kBlock - 1) / kBlock, forward_block, &f);
}

// grad [n, levels * f] -> grad_table [rows, f] and grad_points [n, d], each left out where null
EF_API void EF_NAME(hash_encode_backward)(const HashGrid* grid, const float* table, const float* points, const float* grad,
                                          int64_t n, float* grad_table, float* grad_points) {
  Backward b = {grid, table, points, grad, n, grad_table, grad_points, {}};
  if (grad_table) {
    const size_t bytes = sizeof(float) * grid->dimensions * round_up(n, kBatch);
    if (n) columns_of(points, grid->dimensions, n, (float*)ef_scratch(0, 1, bytes), b.columns);
    ef_run_dynamic(grid->levels, backward_level, &b);
  }
  if (grad_points && n) ef_run_dynamic((n + kBlock - 1) / kBlock, backward_points_block, &b);
}
