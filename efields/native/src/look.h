// One look of the renderer, ray block by ray block: what a block keeps from the forward to the backward pass.
#pragma once
#include "field.h"
#include "tape.h"

static constexpr int kRays = 64;   // rays of a block: its samples stay in the second-level cache
static constexpr int kRound = 16;  // samples of a ray that are asked before looking whether light still reaches further
static constexpr int kMostSamples = 4096;  // spans along the diagonal of the box
static constexpr int kViews = 16;          // spherical harmonics of a direction at most

struct March {
  const uint8_t* occupied;  // [resolution^3], x slowest; null: everything is
  int32_t resolution;
  float step;        // length of a span
  float early_stop;  // transmittance below which the rest of a ray is left out
};

// The samples of a block of rays, in the order in which they were asked; `slot` lists them by ray, front to back.
struct Block {
  int64_t first_ray;
  int32_t rays, capacity, samples, row;  // row: slots of one ray
  int32_t kept[kRays];                   // samples of each ray
  int32_t* slot;                         // [rays][row]
  float *unit[3], *middle, *width;       // [capacity]
  float *density, *alpha, *radiance;     // [capacity], [capacity], [capacity][channels]
  float *features, *inputs;              // [capacity][p.features], [capacity][p.inputs]
};

EF_INLINE int64_t padded(int64_t capacity) { return round_up(capacity, kTile) + kTile; }

EF_INLINE size_t block_bytes(const Packed& p, int64_t capacity, int64_t slots) {
  const size_t numbers = 3 + 2 + 2 + p.field->channels + p.features + p.inputs;
  return sizeof(Block) + 64 + sizeof(int32_t) * (slots + 16) + sizeof(float) * numbers * padded(capacity);
}

EF_INLINE Block* carve_block(const Packed& p, char* memory, int64_t capacity, int64_t slots) {
  Block* b = (Block*)memory;
  memory += round_up(sizeof(Block), 64);
  b->capacity = (int32_t)capacity;
  b->samples = 0;
  b->slot = (int32_t*)memory;
  float* floats = (float*)(memory + round_up(sizeof(int32_t) * slots, 64));
  const int64_t n = padded(capacity);
  for (int d = 0; d < 3; ++d) b->unit[d] = floats + d * n;
  b->middle = floats + 3 * n;
  b->width = floats + 4 * n;
  b->density = floats + 5 * n;
  b->alpha = floats + 6 * n;
  b->features = floats + 7 * n;
  b->inputs = b->features + n * p.features;
  b->radiance = b->inputs + n * p.inputs;
  return b;
}
