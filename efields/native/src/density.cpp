// Density of points: what the occupancy grid asks. Encoding and perceptron in one pass over blocks that stay in the cache.
#include "field.h"

namespace {

constexpr int64_t kBlock = 1024;

struct Call {
  Packed field;
  const float* points;
  int64_t n;
  float* density;
};

void block(void* context, int64_t task, int thread) {
  const Call& c = *(const Call*)context;
  const Field& f = *c.field.field;
  const int64_t from = task * kBlock, n = c.n - from < kBlock ? c.n - from : kBlock;
  float* memory = (float*)ef_scratch(thread, 0, sizeof(float) * kBlock * (4 + c.field.features));
  float *unit[3], *density = memory + 3 * kBlock, *features = memory + 4 * kBlock;
  for (int d = 0; d < 3; ++d) {
    unit[d] = memory + d * kBlock;
    for (int64_t i = 0; i < n; ++i) unit[d][i] = (c.points[(from + i) * 3 + d] - f.lo[d]) / f.size[d];
    for (int64_t i = n; i < round_up(n, kBatch); ++i) unit[d][i] = 0.0f;
  }
  encode(c.field, unit, n, features);
  densities(c.field, unit, features, n, take_tiles(thread, 2), density, nullptr);
  memcpy(c.density + from, density, sizeof(float) * n);
}

}  // namespace

// points [n, 3] in the world -> density [n]
EF_API void EF_NAME(density)(const Field* field, const float* points, int64_t n, float* density) {
  Call c = {pack_field(*field, 4), points, n, density};
  ef_run_dynamic((n + kBlock - 1) / kBlock, block, &c);
}
