// Small perceptrons without biases on tiles of samples: forward, gradient of the input, gradient of the weights.
//
// Layout: a tile holds kTile samples, one row each, rows padded to kPad columns. A block of samples times a block of
// columns is kept in registers while the inner dimension goes by: every step loads a few weights as vectors, broadcasts
// one activation a sample, and multiplies all with all. All three products have this form, so nothing is transposed but
// the weights, once. A tile and the weights stay in the second-level cache; hidden layers never leave it.
//
// With EF_BF16 the products take bfloat16 pairs and add up in float32 (vdpbf16ps): twice the multiplications an
// instruction, 8 bits of mantissa in the factors.
#pragma once
#include "isa.h"
#ifdef EF_BF16
#include <immintrin.h>
#endif

static constexpr int kFew = 4;  // outputs up to which a layer is done by dot products: padding would cost more
static constexpr int kTile = 64, kPad = 16, kMostLayers = 8, kMostWidth = 256;

struct MlpShape {
  int32_t layers;                     // number of weight matrices
  int32_t widths[kMostLayers + 1];    // inputs, hidden units ..., outputs
  const float* weights[kMostLayers];  // [out, in] each, as torch has them
};

// Weights in the two orders that the products read, padded with zeros.
struct Mlp {
  int layers, skip;                               // `skip` leading input columns have no weights
  int in[kMostLayers], out[kMostLayers];          // true widths (in[0] with skip)
  int in_pad[kMostLayers], out_pad[kMostLayers];  // padded widths
  float* forward[kMostLayers];                    // [in_pad][out_pad]
  float* backward[kMostLayers];                   // [out_pad][in_pad]
  float* last;  // [out][in_pad] of the last layer, in float32, where it has at most kFew outputs
};

EF_INLINE int pad(int n) { return (n + kPad - 1) / kPad * kPad; }

EF_INLINE size_t mlp_floats(const MlpShape& shape, int skip) {
  size_t floats = 0;
  for (int l = 0; l < shape.layers; ++l)
    floats += 2 * (size_t)pad(shape.widths[l] + (l ? 0 : skip)) * pad(shape.widths[l + 1]);
  return floats + (size_t)kFew * pad(shape.widths[shape.layers - 1] + (shape.layers > 1 ? 0 : skip));
}

#ifdef EF_BF16
EF_INLINE uint16_t to_bf16(float x) {
  uint32_t u;
  memcpy(&u, &x, 4);
  return (uint16_t)((u + 0x7fff + ((u >> 16) & 1)) >> 16);
}
// Element (k, j) of a [k][j] factor with rows of `columns`: pairs of k lie side by side.
EF_INLINE void put(float* packed, int k, int j, int columns, float w) {
  ((uint16_t*)packed)[((k / 2) * columns + j) * 2 + k % 2] = to_bf16(w);
}
#else
EF_INLINE void put(float* packed, int k, int j, int columns, float w) { packed[k * columns + j] = w; }
#endif

// Pack `shape` into `memory` (mlp_floats floats).
EF_NOINLINE Mlp mlp_pack(const MlpShape& shape, int skip, float* memory) {
  Mlp mlp;
  mlp.layers = shape.layers;
  mlp.skip = skip;
  memset(memory, 0, sizeof(float) * mlp_floats(shape, skip));
  for (int l = 0; l < shape.layers; ++l) {
    const int lead = l ? 0 : skip, in = mlp.in[l] = shape.widths[l] + lead, out = mlp.out[l] = shape.widths[l + 1];
    const int in_pad = mlp.in_pad[l] = pad(in), out_pad = mlp.out_pad[l] = pad(out);
    mlp.forward[l] = memory;
    mlp.backward[l] = memory + (size_t)in_pad * out_pad;
    memory += 2 * (size_t)in_pad * out_pad;
    for (int o = 0; o < out; ++o)
      for (int k = lead; k < in; ++k) {
        const float w = shape.weights[l][o * (in - lead) + k - lead];
        put(mlp.forward[l], k, o, out_pad, w);
        put(mlp.backward[l], o, k, in_pad, w);
        if (l + 1 == mlp.layers && out <= kFew) memory[o * in_pad + k] = w;
      }
  }
  mlp.last = mlp.out[mlp.layers - 1] <= kFew ? memory : nullptr;
  return mlp;
}

enum Epilogue { kLinear, kRelu, kMask };

#if EF_VW == 16
enum { kSamples = 4, kVectors = 4 };
#else
enum { kSamples = 4, kVectors = 2 };
#endif

template <int V, Epilogue E>
EF_INLINE void finish(const vf (&sum)[kSamples][V], const float* mask, float* y, int ld) {
  for (int s = 0; s < kSamples; ++s)
    for (int v = 0; v < V; ++v) {
      vf r = sum[s][v];
      if (E == kRelu) r = vmax(r, vf{});
      if (E == kMask) r = select(load(mask + s * ld + v * EF_VW) > 0.0f, r, vf{});
      store(y + s * ld + v * EF_VW, r);
    }
}

#ifdef EF_BF16
typedef uint16_t half;
// Rows of float32 as bfloat16, `columns` (a multiple of 16) each.
EF_INLINE void narrow(const float* x, int ld, int rows, int columns, half* out) {
  for (int s = 0; s < rows; ++s)
    for (int k = 0; k < columns; k += 16)
      _mm256_storeu_si256((__m256i*)(out + s * columns + k), (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(x + s * ld + k)));
}
template <int V, Epilogue E>
EF_INLINE void product_block(const half* x, int k_pad, int k, const float* w, int columns, const float* mask, float* y,
                             int ld) {
  vf sum[kSamples][V] = {};
  const uint32_t* pairs = (const uint32_t*)w;
  for (int i = 0; i < k; i += 2) {
    __m512i factor[V];
    for (int v = 0; v < V; ++v) factor[v] = _mm512_loadu_si512(pairs + (i / 2) * columns + v * 16);
    for (int s = 0; s < kSamples; ++s) {
      int32_t pair;
      memcpy(&pair, x + s * k_pad + i, 4);
      const __m512bh a = (__m512bh)_mm512_set1_epi32(pair);
      for (int v = 0; v < V; ++v) sum[s][v] = (vf)_mm512_dpbf16_ps((__m512)sum[s][v], (__m512bh)factor[v], a);
    }
  }
  finish<V, E>(sum, mask, y, ld);
}
typedef half element;
#else
template <int V, Epilogue E>
EF_INLINE void product_block(const float* x, int k_pad, int k, const float* w, int columns, const float* mask, float* y,
                             int ld) {
  vf sum[kSamples][V] = {};
  for (int i = 0; i < k; ++i) {
    vf factor[V];
    for (int v = 0; v < V; ++v) factor[v] = load(w + i * columns + v * EF_VW);
    for (int s = 0; s < kSamples; ++s) {
      const float a = x[s * k_pad + i];
      for (int v = 0; v < V; ++v) sum[s][v] += factor[v] * a;
    }
  }
  finish<V, E>(sum, mask, y, ld);
}
typedef float element;
#endif

// y[s][j] = sum over i < k of x[s][i] * w[i][j], for kTile samples and `columns` (padded) columns; rows of x are k_pad long,
// rows of y and mask `columns`. kMask keeps y only where mask > 0.
template <Epilogue E>
EF_NOINLINE void product(const float* x, int k_pad, int k, const float* w, int columns, const float* mask, float* y) {
#ifdef EF_BF16
  half narrowed[kTile * kMostWidth];
  narrow(x, k_pad, kTile, k_pad, narrowed);
  const half* rows = narrowed;
#else
  const float* rows = x;
#endif
  for (int s = 0; s < kTile; s += kSamples) {
    const element* xs = rows + s * k_pad;
    const float* ms = E == kMask ? mask + s * columns : nullptr;
    float* ys = y + s * columns;
    int j = 0;
    for (; j + kVectors * EF_VW <= columns; j += kVectors * EF_VW)
      product_block<kVectors, E>(xs, k_pad, k, w + j, columns, ms ? ms + j : nullptr, ys + j, columns);
    for (; j + EF_VW <= columns; j += EF_VW)
      product_block<1, E>(xs, k_pad, k, w + j, columns, ms ? ms + j : nullptr, ys + j, columns);
  }
}

// A layer of few outputs: y[s][o] = sum over k of x[s][k] * w[o][k]; rows of y are `columns` long, their rest untouched.
EF_NOINLINE void few_outputs(const float* x, int k_pad, const float* w, int out, int columns, float* y) {
  for (int s = 0; s < kTile; ++s)
    for (int o = 0; o < out; ++o) {
      vf sum = {};
      for (int k = 0; k < k_pad; k += EF_VW) sum += load(x + s * k_pad + k) * load(w + o * k_pad + k);
      y[s * columns + o] = total(sum);
    }
}

// a[o][j] += sum over the tile's samples of g[s][o] * x[s][j]; o < out (a multiple of 4 is computed), j < columns.
#ifdef EF_BF16
// Two rows as one row of pairs: the bfloat16 of the first below that of the second.
EF_INLINE void pair_rows(const float* x, int columns, int rows, uint32_t* out) {
  for (int s = 0; s < rows; s += 2)
    for (int k = 0; k < columns; k += 16) {
      const __m256i low = (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(x + s * columns + k));
      const __m256i high = (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(x + (s + 1) * columns + k));
      const __m512i pairs = _mm512_or_si512(_mm512_cvtepu16_epi32(low), _mm512_slli_epi32(_mm512_cvtepu16_epi32(high), 16));
      _mm512_storeu_si512(out + (s / 2) * columns + k, pairs);
    }
}
typedef uint32_t outer_element;
enum { kOuterRows = kTile / 2 };
#else
typedef float outer_element;
enum { kOuterRows = kTile };
#endif

template <int V>
EF_INLINE void outer_block(const outer_element* g, int g_ld, const outer_element* x, int columns, float* a) {
  vf sum[4][V];
  for (int o = 0; o < 4; ++o)
    for (int v = 0; v < V; ++v) sum[o][v] = load(a + o * columns + v * EF_VW);
  for (int s = 0; s < kOuterRows; ++s) {
#ifdef EF_BF16
    __m512bh row[V];
    for (int v = 0; v < V; ++v) row[v] = (__m512bh)_mm512_loadu_si512(x + s * columns + v * EF_VW);
    for (int o = 0; o < 4; ++o) {
      const __m512bh b = (__m512bh)_mm512_set1_epi32((int32_t)g[s * g_ld + o]);
      for (int v = 0; v < V; ++v) sum[o][v] = (vf)_mm512_dpbf16_ps((__m512)sum[o][v], row[v], b);
    }
#else
    vf row[V];
    for (int v = 0; v < V; ++v) row[v] = load(x + s * columns + v * EF_VW);
    for (int o = 0; o < 4; ++o) {
      const float b = g[s * g_ld + o];
      for (int v = 0; v < V; ++v) sum[o][v] += row[v] * b;
    }
#endif
  }
  for (int o = 0; o < 4; ++o)
    for (int v = 0; v < V; ++v) store(a + o * columns + v * EF_VW, sum[o][v]);
}

EF_NOINLINE void outer(const float* g, int g_ld, int out, const float* x, int columns, float* a) {
#ifdef EF_BF16
  uint32_t g_pairs[kOuterRows * kMostWidth], x_pairs[kOuterRows * kMostWidth];
  pair_rows(g, g_ld, kTile, g_pairs);
  pair_rows(x, columns, kTile, x_pairs);
#else
  const float *g_pairs = g, *x_pairs = x;
#endif
  for (int o = 0; o < out; o += 4) {
    int j = 0;
    for (; j + kVectors * EF_VW <= columns; j += kVectors * EF_VW)
      outer_block<kVectors>(g_pairs + o, g_ld, x_pairs + j, columns, a + o * columns + j);
    for (; j + EF_VW <= columns; j += EF_VW) outer_block<1>(g_pairs + o, g_ld, x_pairs + j, columns, a + o * columns + j);
  }
}

// Forward through a whole perceptron. hidden[l] receives layer l's output ([kTile][out_pad]); the last is linear.
EF_INLINE void mlp_forward(const Mlp& mlp, const float* input, float* const* outputs) {
  const float* x = input;
  for (int l = 0; l < mlp.layers; ++l) {
    if (l + 1 < mlp.layers)
      product<kRelu>(x, mlp.in_pad[l], mlp.in[l] + (mlp.in[l] & 1), mlp.forward[l], mlp.out_pad[l], nullptr, outputs[l]);
    else if (mlp.last) few_outputs(x, mlp.in_pad[l], mlp.last, mlp.out[l], mlp.out_pad[l], outputs[l]);
    else
      product<kLinear>(x, mlp.in_pad[l], mlp.in[l] + (mlp.in[l] & 1), mlp.forward[l], mlp.out_pad[l], nullptr, outputs[l]);
    x = outputs[l];
  }
}

// Floats of the weight gradients of a perceptron: [out rounded up to 4][in_pad] for each layer.
EF_INLINE size_t mlp_grad_floats(const Mlp& mlp) {
  size_t floats = 0;
  for (int l = 0; l < mlp.layers; ++l) floats += (size_t)((mlp.out[l] + 3) / 4 * 4) * mlp.in_pad[l];
  return floats;
}

// Backward: `grad` [kTile][out_pad of the last layer] comes in, its padding zero; weight gradients are added to `sums`;
// the gradient of the input goes to grad_input ([kTile][in_pad[0]]; not computed where null). `outputs` are those of
// mlp_forward; `work` holds two tiles of kMostWidth.
EF_INLINE void mlp_backward(const Mlp& mlp, const float* input, float* const* outputs, const float* grad, float* sums,
                            float* grad_input, float* const* work) {
  size_t at = mlp_grad_floats(mlp);
  for (int l = mlp.layers - 1; l >= 0; --l) {
    const float* x = l ? outputs[l - 1] : input;
    at -= (size_t)((mlp.out[l] + 3) / 4 * 4) * mlp.in_pad[l];
    outer(grad, mlp.out_pad[l], mlp.out[l], x, mlp.in_pad[l], sums + at);
    const int k = mlp.out[l] + (mlp.out[l] & 1);
    if (l) {
      float* next = work[l & 1];
      product<kMask>(grad, mlp.out_pad[l], k, mlp.backward[l], mlp.in_pad[l], x, next);
      grad = next;
    } else if (grad_input) {
      product<kLinear>(grad, mlp.out_pad[0], k, mlp.backward[0], mlp.in_pad[0], nullptr, grad_input);
    }
  }
}

// Sum of the threads' weight gradients into torch's [out, in] matrices.
EF_INLINE void mlp_collect(const Mlp& mlp, const float* const* sums, int threads, float* const* grads) {
  size_t at = 0;
  for (int l = 0; l < mlp.layers; ++l) {
    const int lead = l ? 0 : mlp.skip;
    for (int o = 0; o < mlp.out[l]; ++o)
      for (int k = lead; k < mlp.in[l]; ++k) {
        float total = 0.0f;
        for (int t = 0; t < threads; ++t) total += sums[t][at + (size_t)o * mlp.in_pad[l] + k];
        grads[l][o * (mlp.in[l] - lead) + k - lead] = total;
      }
    at += (size_t)((mlp.out[l] + 3) / 4 * 4) * mlp.in_pad[l];
  }
}
