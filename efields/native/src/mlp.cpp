// A perceptron by itself: features in, outputs out, and back. See mlp.h for the layout and why it is fast.
#include "mlp.h"

namespace {

struct Call {
  const Mlp* mlp;
  const float *input, *grad;
  int64_t n;
  float *out, *grad_input;
  float* sums[256];
};

// The rows of a tile, padded to the width that the products read; rows beyond the end repeat nothing: they are zero.
void take_rows(const float* from, int64_t rows, int columns, float* to, int columns_pad) {
  memset(to, 0, sizeof(float) * kTile * columns_pad);
  for (int64_t s = 0; s < rows; ++s) memcpy(to + s * columns_pad, from + s * columns, sizeof(float) * columns);
}

void give_rows(const float* from, int columns_pad, int64_t rows, int columns, float* to) {
  for (int64_t s = 0; s < rows; ++s) memcpy(to + s * columns, from + s * columns_pad, sizeof(float) * columns);
}

// Tiles of one thread: input, one for each layer's output, gradient in, two of work, gradient out.
void tiles_of(int thread, float** tiles, int count) {
  float* memory = (float*)ef_scratch(thread, 0, sizeof(float) * kTile * kMostWidth * count);
  for (int i = 0; i < count; ++i) tiles[i] = memory + (size_t)i * kTile * kMostWidth;
}

void forward_tile(void* context, int64_t tile, int thread) {
  const Call& c = *(const Call*)context;
  const Mlp& m = *c.mlp;
  const int last = m.layers - 1;
  const int64_t from = tile * kTile, rows = c.n - from < kTile ? c.n - from : kTile;
  float* tiles[kMostLayers + 1];
  tiles_of(thread, tiles, kMostLayers + 1);
  take_rows(c.input + from * m.in[0], rows, m.in[0], tiles[0], m.in_pad[0]);
  mlp_forward(m, tiles[0], tiles + 1);
  give_rows(tiles[1 + last], m.out_pad[last], rows, m.out[last], c.out + from * m.out[last]);
}

void backward_tile(void* context, int64_t tile, int thread) {
  const Call& c = *(const Call*)context;
  const Mlp& m = *c.mlp;
  const int last = m.layers - 1;
  const int64_t from = tile * kTile, rows = c.n - from < kTile ? c.n - from : kTile;
  float* tiles[kMostLayers + 5];
  tiles_of(thread, tiles, kMostLayers + 5);
  float *grad = tiles[kMostLayers + 1], *out = tiles[kMostLayers + 4];
  take_rows(c.input + from * m.in[0], rows, m.in[0], tiles[0], m.in_pad[0]);
  take_rows(c.grad + from * m.out[last], rows, m.out[last], grad, m.out_pad[last]);
  mlp_forward(m, tiles[0], tiles + 1);
  mlp_backward(m, tiles[0], tiles + 1, grad, c.sums[thread], c.grad_input ? out : nullptr, tiles + kMostLayers + 2);
  if (c.grad_input) give_rows(out, m.in_pad[0], rows, m.in[0], c.grad_input + from * m.in[0]);
}

Mlp packed(const MlpShape& shape) {
  return mlp_pack(shape, 0, (float*)ef_scratch(0, 2, sizeof(float) * mlp_floats(shape, 0)));
}

}  // namespace

// input [n, widths[0]] -> out [n, widths[layers]]
EF_API void EF_NAME(mlp)(const MlpShape* shape, const float* input, int64_t n, float* out) {
  const Mlp mlp = packed(*shape);
  Call call = {&mlp, input, nullptr, n, out, nullptr, {}};
  ef_run_dynamic((n + kTile - 1) / kTile, forward_tile, &call);
}

// grad [n, widths[layers]] -> grad_input [n, widths[0]] (left out where null), grads[l] [out, in] for each layer
EF_API void EF_NAME(mlp_backward)(const MlpShape* shape, const float* input, const float* grad, int64_t n, float* grad_input,
                                  float* const* grads) {
  const Mlp mlp = packed(*shape);
  Call call = {&mlp, input, grad, n, nullptr, grad_input, {}};
  const size_t bytes = sizeof(float) * mlp_grad_floats(mlp);
  for (int t = 0; t < ef_threads(); ++t) memset(call.sums[t] = (float*)ef_scratch(t, 1, bytes), 0, bytes);
  ef_run((n + kTile - 1) / kTile, backward_tile, &call);
  mlp_collect(mlp, call.sums, ef_threads(), grads);
}
