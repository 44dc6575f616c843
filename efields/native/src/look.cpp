// The renderer's look: rays in; radiance, opacity, mean distance and distortion out (efields/render/renderer.py).
//
// A block of rays goes through all of it on one thread: spans in occupied cells, a few samples of each ray at a time until
// light is gone, the radiance of those that light reaches, and the sum along each ray. Samples never exist for the whole
// batch at once, only for a block, in the cache; when a backward pass follows, a tape keeps each block as it is.
#include "look.h"

namespace {

struct Look {
  Packed field;
  const March* march;
  const float *origin, *direction, *jitter;
  int64_t rays;
  Tape* tape;
  float *seen, *opacity, *moment, *distortion;
  int64_t* samples;  // [blocks]
};

// Distances at which a ray enters and leaves the box, not below 0.
EF_INLINE void enter_and_leave(const Field& f, const float* origin, const float* direction, float& near, float& far) {
  const float tiny = 1.0842021724855044e-19f;  // square root of the smallest normal number, as in Box.intersect
  float enter = -3.4e38f, leave = 3.4e38f;
  for (int d = 0; d < 3; ++d) {
    const float along = direction[d] < tiny && direction[d] > -tiny ? tiny : direction[d];
    const float a = (f.lo[d] - origin[d]) / along, b = (f.lo[d] + f.size[d] - origin[d]) / along;
    const float low = a < b ? a : b, high = a < b ? b : a;
    enter = low > enter ? low : enter;
    leave = high < leave ? high : leave;
  }
  near = enter > 0.0f ? enter : 0.0f;
  far = leave > 0.0f ? leave : 0.0f;
}

// Spans of a ray whose middle lies in an occupied cell: their middles and widths; returns how many.
EF_NOINLINE int spans(const Field& f, const March& m, const float* origin, const float* direction, float shift,
                      float* middle, float* width) {
  float near, far;
  enter_and_leave(f, origin, direction, near, far);
  if (!(far > near)) return 0;
  float lane[EF_VW];
  for (int i = 0; i < EF_VW; ++i) lane[i] = (float)i;
  const vf lanes = load(lane), ends = splat(far), starts = splat(near);
  const vf last_cell = splat((float)(m.resolution - 1));
  const int total = (int)((far - near) / m.step) + 2;
  int found = 0;
  for (int at = 0; at < total; at += EF_VW) {
    const vf edge = near + (lanes + ((float)at - shift)) * m.step;
    const vf next = near + (lanes + ((float)at + 1.0f - shift)) * m.step;
    const vf a = vmin(vmax(edge, starts), ends), b = vmin(vmax(next, starts), ends);
    const vf mid = 0.5f * (a + b);
    float mids[EF_VW], widths[EF_VW];
    store(mids, mid);
    store(widths, b - a);
    int32_t cells[EF_VW] = {};
    if (m.occupied) {
      vi cell = {};
      for (int d = 0; d < 3; ++d) {
        vf c = (origin[d] + mid * direction[d] - f.lo[d]) / f.size[d] * (float)m.resolution;
        c = vmin(vmax(c, vf{}), last_cell);
        cell = cell * m.resolution + __builtin_convertvector(c, vi);
      }
      memcpy(cells, &cell, sizeof cell);
    }
    const int count = total - at < EF_VW ? total - at : EF_VW;
    for (int i = 0; i < count; ++i) {
      middle[found] = mids[i];
      width[found] = widths[i];
      found += widths[i] > 0.0f && (!m.occupied || m.occupied[cells[i]]);
    }
  }
  return found;
}

// Candidates of a block: spans of all its rays, row by row.
struct Candidates {
  float *middle, *width;
  int32_t count[kRays], next[kRays];
  float transmittance[kRays];
  int64_t row, total;
};

EF_NOINLINE void find_candidates(const Look& look, int64_t first, int rays, int thread, Candidates& c) {
  const Field& f = *look.field.field;
  const float diagonal = __builtin_sqrtf(f.size[0] * f.size[0] + f.size[1] * f.size[1] + f.size[2] * f.size[2]);
  c.row = round_up((int64_t)(diagonal / look.march->step) + 4, EF_VW) + EF_VW;
  float* memory = (float*)ef_scratch(thread, 0, sizeof(float) * 2 * kRays * c.row);
  c.middle = memory;
  c.width = memory + kRays * c.row;
  c.total = 0;
  for (int r = 0; r < rays; ++r) {
    const int64_t ray = first + r;
    const float shift = look.jitter ? look.jitter[ray] : 0.5f;
    c.count[r] = spans(f, *look.march, look.origin + 3 * ray, look.direction + 3 * ray, shift, c.middle + r * c.row,
                       c.width + r * c.row);
    c.next[r] = 0;
    c.transmittance[r] = 1.0f;
    c.total += c.count[r];
  }
}

// Move sample `from` to the place of sample `to`.
EF_INLINE void move_sample(const Packed& p, Block& b, int64_t from, int64_t to) {
  if (from == to) return;
  for (int d = 0; d < 3; ++d) b.unit[d][to] = b.unit[d][from];
  b.middle[to] = b.middle[from];
  b.width[to] = b.width[from];
  b.density[to] = b.density[from];
  b.alpha[to] = b.alpha[from];
  memcpy(b.features + to * p.features, b.features + from * p.features, sizeof(float) * p.features);
  memcpy(b.inputs + to * p.inputs, b.inputs + from * p.inputs, sizeof(float) * p.inputs);
}

// Ask the next samples of every ray that light still passes; false when there are none left.
EF_NOINLINE bool round_of_samples(const Look& look, Candidates& c, Block& b, const Tiles& tiles) {
  const Packed& p = look.field;
  const Field& f = *p.field;
  int32_t taken[kRays];
  int64_t n = 0;
  float* unit[3];
  for (int d = 0; d < 3; ++d) unit[d] = b.unit[d] + b.samples;
  for (int r = 0; r < b.rays; ++r) {
    const bool dark = look.march->early_stop > 0.0f && !(c.transmittance[r] > look.march->early_stop);
    const int left = c.count[r] - c.next[r];
    taken[r] = dark ? 0 : left < kRound ? left : kRound;
    const float *origin = look.origin + 3 * (b.first_ray + r), *direction = look.direction + 3 * (b.first_ray + r);
    for (int i = 0; i < taken[r]; ++i, ++n) {
      const float mid = c.middle[r * c.row + c.next[r] + i];
      for (int d = 0; d < 3; ++d) unit[d][n] = (origin[d] + mid * direction[d] - f.lo[d]) / f.size[d];
      b.middle[b.samples + n] = mid;
      b.width[b.samples + n] = c.width[r * c.row + c.next[r] + i];
    }
  }
  if (n == 0) return false;
  for (int d = 0; d < 3; ++d)
    for (int64_t i = n; i < round_up(n, kBatch); ++i) unit[d][i] = 0.0f;
  float *features = b.features + (int64_t)b.samples * p.features, *density = b.density + b.samples;
  encode(p, unit, n, features);
  densities(p, unit, features, n, tiles, density, b.inputs + (int64_t)b.samples * p.inputs);
  for (int64_t i = b.samples; i < b.samples + n; i += EF_VW)
    store(b.alpha + i, -vexpm1(-load(b.density + i) * load(b.width + i)));
  int64_t from = b.samples, to = b.samples;
  for (int r = 0; r < b.rays; ++r) {
    c.next[r] += taken[r];
    for (int i = 0; i < taken[r]; ++i, ++from) {
      if (look.march->early_stop > 0.0f && !(c.transmittance[r] > look.march->early_stop)) continue;
      c.transmittance[r] *= 1.0f - b.alpha[from];
      move_sample(p, b, from, to);
      b.slot[r * b.row + b.kept[r]++] = (int32_t)to++;
    }
  }
  b.samples = (int32_t)to;
  return true;
}

// What a ray sees of its samples: weights w = T (1 - exp(-density width)), and Mip-NeRF 360's distortion (eq. 15).
EF_NOINLINE void composite(const Look& look, const Block& b) {
  const int channels = look.field.field->channels;
  for (int r = 0; r < b.rays; ++r) {
    const int64_t ray = b.first_ray + r;
    float light = 1.0f, opacity = 0.0f, moment = 0.0f, spread = 0.0f;
    float seen[8] = {};
    for (int k = 0; k < b.kept[r]; ++k) {
      const int32_t i = b.slot[r * b.row + k];
      const float w = light * b.alpha[i];
      light *= 1.0f - b.alpha[i];
      spread += 2.0f * w * (b.middle[i] * opacity - moment) + w * w * b.width[i] * (1.0f / 3.0f);
      opacity += w;
      moment += w * b.middle[i];
      for (int c = 0; c < channels; ++c) seen[c] += w * b.radiance[(int64_t)i * channels + c];
    }
    look.opacity[ray] = opacity;
    look.moment[ray] = moment;
    look.distortion[ray] = spread;
    for (int c = 0; c < channels; ++c) look.seen[ray * channels + c] = seen[c];
  }
}

EF_NOINLINE void add_views(const Look& look, Block& b) {
  const Packed& p = look.field;
  const int degree = p.field->view_degree, geometry = p.density.out[p.density.layers - 1];
  if (degree == 0) return;
  for (int r = 0; r < b.rays; ++r) {
    const float* d = look.direction + 3 * (b.first_ray + r);
    float view[kViews];
    harmonics(d[0], d[1], d[2], degree, view);
    for (int k = 0; k < b.kept[r]; ++k)
      memcpy(b.inputs + (int64_t)b.slot[r * b.row + k] * p.inputs + geometry, view, sizeof(float) * degree * degree);
  }
}

void look_block(void* context, int64_t task, int thread) {
  const Look& look = *(const Look*)context;
  const Packed& p = look.field;
  const int64_t first = task * kRays;
  const int rays = (int)(look.rays - first < kRays ? look.rays - first : kRays);
  Candidates c;
  find_candidates(look, first, rays, thread, c);
  const int64_t slots = rays * c.row;
  const size_t bytes = block_bytes(p, c.total, slots);
  char* memory = (char*)(look.tape ? ef_tape_take(look.tape, thread, bytes) : ef_scratch(thread, 1, bytes));
  Block& b = *carve_block(p, memory, c.total, slots);
  b.first_ray = first;
  b.rays = rays;
  b.row = (int32_t)c.row;
  memset(b.kept, 0, sizeof b.kept);
  const Tiles tiles = take_tiles(thread, 2);
  while (round_of_samples(look, c, b, tiles)) {
  }
  add_views(look, b);
  radiances(p, b.inputs, b.samples, tiles, b.radiance);
  composite(look, b);
  look.samples[task] = b.samples;
  if (look.tape) ef_tape_blocks(look.tape)[task] = &b;
}

}  // namespace

// origin, direction [n, 3], jitter [n] or null -> seen [n, channels], opacity, moment (sum of weight times distance) and
// distortion [n]; samples [ceil(n / 64)] counts the samples of each block. A tape is filled where given.
EF_API void EF_NAME(look)(const Field* field, const March* march, const float* origin, const float* direction,
                          const float* jitter, int64_t n, Tape* tape, float* seen, float* opacity, float* moment,
                          float* distortion, int64_t* samples) {
  const int64_t blocks = (n + kRays - 1) / kRays;
  if (tape) ef_tape_rewind(tape, blocks);
  Look look = {pack_field(*field, 4), march, origin, direction, jitter, n, tape, seen, opacity, moment, distortion, samples};
  ef_run_dynamic(blocks, look_block, &look);
}
