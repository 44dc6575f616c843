// Gradients of a look to the table, the perceptrons and the rays, from the tape of its forward pass.
//
// First by blocks of rays: back through the sum along each ray, then through both perceptrons, whose hidden layers are
// computed anew rather than kept; each thread adds the weights' gradients for itself. Where rays want theirs, a sample's
// goes on from its features to its place and from its view to the ray's direction. Then by levels of the table: one
// thread owns a level and adds the gradients of all samples to its rows, without atomic additions.
#include "look.h"

namespace {

struct Back {
  Packed field;
  Tape* tape;
  const float *seen, *opacity, *moment, *distortion;  // gradients of the outputs
  float* grad_table;
  const float* direction;               // of the rays
  float *grad_origin, *grad_direction;  // null where rays want no gradients
  float* sums[256];                     // weight gradients of each thread: density perceptron, then radiance
};

// dL / d log density (to `log_density`) and dL / d radiance (over `radiance`) of a ray's samples.
EF_NOINLINE void composite_backward(const Back& back, const Block& b, float* log_density, float* radiance) {
  const int channels = back.field.field->channels;
  float light[kMostSamples], weight[kMostSamples];
  for (int r = 0; r < b.rays; ++r) {
    const int64_t ray = b.first_ray + r;
    const int32_t* slot = b.slot + r * b.row;
    const float* seen = back.seen + ray * channels;
    const float spread = back.distortion[ray];
    float left = 1.0f, total = 0.0f, total_moment = 0.0f;
    for (int k = 0; k < b.kept[r]; ++k) {
      const int32_t i = slot[k];
      light[k] = left;
      weight[k] = left * b.alpha[i];
      left *= 1.0f - b.alpha[i];
      total += weight[k];
      total_moment += weight[k] * b.middle[i];
    }
    // Back to front: `behind` sums dL/dw * w of the samples behind, `before` and `moment` the weights in front.
    float behind = 0.0f, before = total, moment = total_moment, after = 0.0f, after_moment = 0.0f;
    for (int k = b.kept[r] - 1; k >= 0; --k) {
      const int32_t i = slot[k];
      const float w = weight[k], mid = b.middle[i];
      before -= w;
      moment -= w * mid;
      float by_weight = back.opacity[ray] + back.moment[ray] * mid;
      by_weight += spread * (2.0f * (mid * before - moment + after_moment - mid * after) + w * b.width[i] * (2.0f / 3.0f));
      for (int c = 0; c < channels; ++c) {
        by_weight += seen[c] * b.radiance[(int64_t)i * channels + c];
        radiance[(int64_t)i * channels + c] = seen[c] * w;
      }
      const float by_depth = by_weight * light[k] * (1.0f - b.alpha[i]) - behind;
      log_density[i] = by_depth * b.width[i] * b.density[i];
      behind += by_weight * w;
      after += w;
      after_moment += w * mid;
    }
  }
}

// What the rays of a block gather, where they want gradients.
struct OfRays {
  int32_t* ray;               // [samples] which of the block's rays
  float view[kRays][kViews];  // gradient of the harmonics of each ray's direction
};

// Through the perceptrons, tile by tile; the features' gradient takes the place of the features.
EF_NOINLINE void perceptrons_backward(const Back& back, Block& b, const float* log_density, const float* radiance,
                                      int thread, OfRays* of_rays) {
  const Packed& p = back.field;
  const Field& f = *p.field;
  const Tiles tiles = take_tiles(thread, 2);
  const int channels = f.channels, last = p.radiance.layers - 1, out = p.radiance.out_pad[last];
  const int geometry = p.density.out_pad[p.density.layers - 1], true_width = p.density.out[p.density.layers - 1];
  float *density_sums = back.sums[thread], *radiance_sums = density_sums + mlp_grad_floats(p.density);
  float *grad = tiles.work[0], *grad_inputs = tiles.work[1];
  for (int64_t from = 0; from < b.samples; from += kTile) {
    const int64_t rows = b.samples - from < kTile ? b.samples - from : kTile;
    float *inputs = b.inputs + from * p.inputs, *features = b.features + from * p.features;
    memset(grad, 0, sizeof(float) * kTile * out);
    for (int64_t s = 0; s < rows; ++s)
      for (int c = 0; c < channels; ++c) grad[s * out + c] = radiance[(from + s) * channels + c];
    if (rows < kTile) {
      memset(inputs + rows * p.inputs, 0, sizeof(float) * (kTile - rows) * p.inputs);
      memset(features + rows * p.features, 0, sizeof(float) * (kTile - rows) * p.features);
    }
    mlp_forward(p.radiance, inputs, tiles.radiance);
    mlp_backward(p.radiance, inputs, tiles.radiance, grad, radiance_sums, grad_inputs, tiles.work + 2);
    for (int64_t s = 0; of_rays && s < rows; ++s)
      for (int k = 0; k < f.view_degree * f.view_degree; ++k)
        of_rays->view[of_rays->ray[from + s]][k] += grad_inputs[s * p.inputs + true_width + k];
    // The geometry's gradient with the log density's in its first column.
    for (int64_t s = 0; s < kTile; ++s) {
      if (p.inputs != geometry) memcpy(grad + s * geometry, grad_inputs + s * p.inputs, sizeof(float) * geometry);
      (p.inputs != geometry ? grad : grad_inputs)[s * geometry] = s < rows ? log_density[from + s] : 0.0f;
    }
    if (p.inputs != geometry) {
      for (int64_t s = 0; s < kTile; ++s)
        for (int k = true_width; k < geometry; ++k) grad[s * geometry + k] = 0.0f;
    }
    const float* of_geometry = p.inputs != geometry ? grad : grad_inputs;
    mlp_forward(p.density, features, tiles.density);
    mlp_backward(p.density, features, tiles.density, of_geometry, density_sums, tiles.radiance[0], tiles.work + 2);
    memcpy(features, tiles.radiance[0], sizeof(float) * kTile * p.features);
  }
}

// From the gradients of features and log density to those of places in the unit cube.
EF_NOINLINE void places_backward(const Packed& p, const Block& b, const float* log_density, float* const* unit) {
  const Field& f = *p.field;
  const HashGrid& grid = f.grid;
  const int64_t n = padded(b.samples);
  memset(unit[0], 0, sizeof(float) * 3 * n);
  for (int level = 0; level < grid.levels; ++level) {
    const float* grad = b.features + level * grid.features;
    EF_FOR_FEATURES(3, slope_level, grid, level, f.table, b.unit, b.samples, grad, p.features, unit)
  }
  if (!(f.ball_radius > 0.0f)) return;
  for (int64_t i = 0; i < b.samples; ++i) {
    float x[3], square = 0.0f;
    for (int d = 0; d < 3; ++d) x[d] = 2.0f * b.unit[d][i] - 1.0f, square += x[d] * x[d];
    const float distance = __builtin_sqrtf(square);
    if (!(distance > 0.0f) || distance > f.ball_radius) continue;
    const float slope = -2.0f * f.ball_log_density / (f.ball_radius * distance) * log_density[i];
    for (int d = 0; d < 3; ++d) unit[d][i] += slope * x[d];
  }
}

// A sample lies at origin + middle * direction, its middle given; its view is that of the ray.
EF_NOINLINE void rays_backward(const Back& back, const Block& b, const OfRays& of_rays, float* const* unit) {
  const Field& f = *back.field.field;
  for (int r = 0; r < b.rays; ++r) {
    const int64_t at = 3 * (b.first_ray + r);
    const float* d = back.direction + at;
    float along[3] = {}, by_origin[3] = {}, by_view[3] = {};
    for (int k = 0; k < b.kept[r]; ++k) {
      const int32_t i = b.slot[r * b.row + k];
      for (int axis = 0; axis < 3; ++axis) by_origin[axis] += unit[axis][i], along[axis] += b.middle[i] * unit[axis][i];
    }
    if (f.view_degree) harmonics_backward(d[0], d[1], d[2], f.view_degree, of_rays.view[r], by_view);
    for (int axis = 0; axis < 3; ++axis) {
      back.grad_origin[at + axis] = by_origin[axis] / f.size[axis];
      back.grad_direction[at + axis] = along[axis] / f.size[axis] + by_view[axis];
    }
  }
}

void back_block(void* context, int64_t task, int thread) {
  const Back& back = *(const Back*)context;
  const Field& f = *back.field.field;
  Block& b = *(Block*)ef_tape_blocks(back.tape)[task];
  const bool learning = back.grad_origin;
  if (b.samples == 0) {
    if (learning) memset(back.grad_origin + 3 * b.first_ray, 0, sizeof(float) * 3 * b.rays);
    if (learning) memset(back.grad_direction + 3 * b.first_ray, 0, sizeof(float) * 3 * b.rays);
    return;
  }
  const int64_t n = padded(b.samples);
  float* memory = (float*)ef_scratch(thread, 3, sizeof(float) * n * (1 + f.channels + (learning ? 4 : 0)));
  float *log_density = memory, *radiance = memory + n;
  composite_backward(back, b, log_density, radiance);
  // softplus'(y) = 1 - exp(-softplus(y))
  for (int64_t i = 0; i < (int64_t)b.samples * f.channels; i += EF_VW)
    store(radiance + i, load(radiance + i) * -vexpm1(f.least_radiance - load(b.radiance + i)));
  if (!learning) return perceptrons_backward(back, b, log_density, radiance, thread, nullptr);
  float *unit = radiance + n * f.channels, *units[3] = {unit, unit + n, unit + 2 * n};
  OfRays of_rays = {(int32_t*)(unit + 3 * n), {}};
  for (int r = 0; r < b.rays; ++r)
    for (int k = 0; k < b.kept[r]; ++k) of_rays.ray[b.slot[r * b.row + k]] = r;
  perceptrons_backward(back, b, log_density, radiance, thread, &of_rays);
  places_backward(back.field, b, log_density, units);
  rays_backward(back, b, of_rays, units);
}

void back_level(void* context, int64_t task, int) {
  const Back& back = *(const Back*)context;
  const HashGrid& grid = back.field.field->grid;
  const int level = (int)(grid.levels - 1 - task), stride = back.field.features;
  memset(back.grad_table + (int64_t)grid.offset[level] * grid.features, 0, sizeof(float) * grid.size[level] * grid.features);
  void** blocks = ef_tape_blocks(back.tape);
  for (int64_t i = 0; i < ef_tape_count(back.tape); ++i) {
    const Block& b = *(const Block*)blocks[i];
    const float* grad = b.features + level * grid.features;
    EF_FOR_FEATURES(3, scatter_level, grid, level, back.grad_table, b.unit, b.samples, grad, stride)
  }
}

}  // namespace

// Gradients of seen [n, channels], opacity, moment and distortion [n] in; out those of the table [rows, f] (left out where
// null), of the weights of both perceptrons ([out, in] each), and of the rays' origins and directions [n, 3] (left out where
// null, both or none; only then `direction` is read). The tape can be used once: its features are overwritten.
EF_API void EF_NAME(look_backward)(const Field* field, Tape* tape, const float* seen, const float* opacity,
                                   const float* moment, const float* distortion, float* grad_table,
                                   float* const* grad_density, float* const* grad_radiance, const float* direction,
                                   float* grad_origin, float* grad_direction) {
  Back back = {pack_field(*field, 4), tape,           seen, opacity, moment, distortion, grad_table, direction,
               grad_origin,           grad_direction, {}};
  const size_t first = mlp_grad_floats(back.field.density), floats = first + mlp_grad_floats(back.field.radiance);
  const float* radiance_sums[256];
  const int threads = ef_threads();
  for (int t = 0; t < threads; ++t) {
    back.sums[t] = (float*)ef_scratch(t, 5, sizeof(float) * floats);
    memset(back.sums[t], 0, sizeof(float) * floats);
    radiance_sums[t] = back.sums[t] + first;
  }
  ef_run(ef_tape_count(tape), back_block, &back);
  mlp_collect(back.field.density, back.sums, threads, grad_density);
  mlp_collect(back.field.radiance, radiance_sums, threads, grad_radiance);
  if (grad_table) ef_run_dynamic(field->grid.levels, back_level, &back);
}
