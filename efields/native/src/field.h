// The hash-grid field (efields/fields/hash_grid.py): what Python hands over, and density and radiance of tiles of samples.
#pragma once
#include "harmonics.h"
#include "hash.h"
#include "mlp.h"

struct Field {
  HashGrid grid;
  MlpShape density, radiance;  // density: features -> log density and geometry; radiance: geometry and view -> colours
  const float* table;
  float lo[3], size[3];  // the box
  int32_t channels, view_degree;
  float density_scale;                  // density of a log density of zero
  float ball_radius, ball_log_density;  // what is added to the log density around the middle; radius 0 for nothing
  float radiance_bias, least_radiance;
};

// A field with its perceptrons packed, and the lengths of a sample's rows.
struct Packed {
  const Field* field;
  Mlp density, radiance;
  int features;  // row of encoded features: the density perceptron's input
  int inputs;    // row that the radiance perceptron reads: log density (without weight), geometry, view
};

// The input of the radiance perceptron starts with the log density, which has no weights there: the density perceptron's
// output is its input as it stands.
enum { kSkipLogDensity = 1 };

EF_INLINE Packed pack_field(const Field& field, int slot) {
  const size_t first = mlp_floats(field.density, 0), second = mlp_floats(field.radiance, kSkipLogDensity);
  float* memory = (float*)ef_scratch(0, slot, sizeof(float) * (first + second));
  Packed p;
  p.field = &field;
  p.density = mlp_pack(field.density, 0, memory);
  p.radiance = mlp_pack(field.radiance, kSkipLogDensity, memory + first);
  p.features = p.density.in_pad[0];
  p.inputs = p.radiance.in_pad[0];
  return p;
}

// Tiles that a pass through the field needs on one thread.
struct Tiles {
  float* density[kMostLayers];   // outputs of the density perceptron's layers
  float* radiance[kMostLayers];  // outputs of the radiance perceptron's layers
  float* work[4];
};

EF_INLINE Tiles take_tiles(int thread, int slot) {
  const size_t tile = kTile * kMostWidth;
  float* memory = (float*)ef_scratch(thread, slot, sizeof(float) * tile * (2 * kMostLayers + 4));
  Tiles t;
  for (int l = 0; l < kMostLayers; ++l) {
    t.density[l] = memory + tile * l;
    t.radiance[l] = memory + tile * (kMostLayers + l);
  }
  for (int w = 0; w < 4; ++w) t.work[w] = memory + tile * (2 * kMostLayers + w);
  return t;
}

// Features of n samples at unit coordinates `columns` (readable up to a whole batch), rows of p.features floats.
EF_NOINLINE void encode(const Packed& p, const float* const* columns, int64_t n, float* features) {
  const HashGrid& grid = p.field->grid;
  const int used = grid.levels * grid.features;
  if (used < p.features) memset(features, 0, sizeof(float) * n * p.features);
  for (int level = 0; level < grid.levels; ++level) {
    float* out = features + level * grid.features;
    EF_FOR_FEATURES(3, encode_level, grid, level, p.field->table, columns, n, out, p.features)
  }
}

// Log densities raw[i] at unit coordinates to densities, in place: exp(min(raw + ball, 15)) * scale.
EF_NOINLINE void activate_density(const Field& f, const float* const* columns, int64_t n, float* raw) {
  for (int64_t i = 0; i < n; i += EF_VW) {
    vf log_density = load(raw + i);
    if (f.ball_radius > 0.0f) {
      vf square = {};
      for (int d = 0; d < 3; ++d) {
        const vf x = 2.0f * load(columns[d] + i) - 1.0f;
        square += x * x;
      }
      vf distance = square;
      for (int k = 0; k < EF_VW; ++k) distance[k] = __builtin_sqrtf(square[k]);
      log_density += f.ball_log_density * vmax(1.0f - distance / f.ball_radius, vf{});
    }
    store(raw + i, vexp(vmin(log_density, splat(15.0f))) * f.density_scale);
  }
}

// Densities and radiance inputs of n samples from their features. Rows of features and inputs must be writable up to a
// whole tile; density and columns up to a whole vector.
EF_NOINLINE void densities(const Packed& p, const float* const* columns, float* features, int64_t n, const Tiles& tiles,
                           float* density, float* inputs) {
  const int last = p.density.layers - 1, columns_out = p.density.out_pad[last];
  for (int64_t from = 0; from < n; from += kTile) {
    const int64_t rows = n - from < kTile ? n - from : kTile;
    // What lies beyond the last sample is computed too and never read; it must only be finite.
    if (rows < kTile) memset(features + (from + rows) * p.features, 0, sizeof(float) * (kTile - rows) * p.features);
    mlp_forward(p.density, features + from * p.features, tiles.density);
    const float* out = tiles.density[last];
    for (int64_t s = 0; s < rows; ++s) {
      density[from + s] = out[s * columns_out];
      if (!inputs) continue;
      float* row = inputs + (from + s) * p.inputs;
      memcpy(row, out + s * columns_out, sizeof(float) * columns_out);
      // Views come later; padding must be a number, as weights of zero do not undo a NaN.
      for (int k = columns_out; k < p.inputs; ++k) row[k] = 0.0f;
    }
  }
  activate_density(*p.field, columns, n, density);
}

// Radiance of n samples from their inputs, rows of `channels`: softplus(raw + bias) + least.
EF_NOINLINE void radiances(const Packed& p, float* inputs, int64_t n, const Tiles& tiles, float* radiance) {
  const Field& f = *p.field;
  const int last = p.radiance.layers - 1, columns_out = p.radiance.out_pad[last], channels = f.channels;
  for (int64_t from = 0; from < n; from += kTile) {
    const int64_t rows = n - from < kTile ? n - from : kTile;
    if (rows < kTile) memset(inputs + (from + rows) * p.inputs, 0, sizeof(float) * (kTile - rows) * p.inputs);
    mlp_forward(p.radiance, inputs + from * p.inputs, tiles.radiance);
    const float* out = tiles.radiance[last];
    float* to = radiance + from * channels;
    for (int64_t s = 0; s < rows; ++s)
      for (int c = 0; c < channels; ++c) to[s * channels + c] = out[s * columns_out + c];
  }
  for (int64_t i = 0; i < n * channels; i += EF_VW)
    store(radiance + i, vsoftplus(load(radiance + i) + f.radiance_bias) + f.least_radiance);
}
