// Adam (Kingma and Ba, ICLR 2015) over one array, all in one pass: bound by memory, so parameters, gradients and both
// moments are read once and written once. Where `sparse`, what has a gradient of exactly zero is left alone, moments
// included, as Instant NGP does: rows of the table that no sample touched cost a look at their gradient only.
#include <math.h>

#include "isa.h"

namespace {

constexpr int64_t kBlock = 1 << 14;

struct Call {
  float* parameter;
  const float* grad;
  float *mean, *square;
  int64_t n;
  bool sparse;
  float rate, beta1, rest1, beta2, rest2, eps, correction2;
};

EF_INLINE vf vsqrt(vf x) {
#if defined(__clang__)
#if __has_builtin(__builtin_elementwise_sqrt)
  return __builtin_elementwise_sqrt(x);
#endif
#endif
  vf r;
  for (int i = 0; i < EF_VW; ++i) r[i] = __builtin_sqrtf(x[i]);
  return r;
}

void update(const Call& c, float* p, const float* g, float* m, float* v) {
  vf grad = load(g), mean = load(m), square = load(v), parameter = load(p);
  const vi touched = grad != 0.0f;
  if (c.sparse) {
    int64_t any = 0, lanes[EF_VW / 2];
    memcpy(lanes, &touched, sizeof lanes);
    for (int i = 0; i < EF_VW / 2; ++i) any |= lanes[i];
    if (!any) return;
  }
  const vf new_mean = mean * c.beta1 + grad * c.rest1;
  const vf new_square = square * c.beta2 + grad * grad * c.rest2;
  const vf step = new_mean * c.rate / (vsqrt(new_square) * c.correction2 + c.eps);
  if (c.sparse) {
    store(m, select(touched, new_mean, mean));
    store(v, select(touched, new_square, square));
    store(p, select(touched, parameter - step, parameter));
  } else {
    store(m, new_mean);
    store(v, new_square);
    store(p, parameter - step);
  }
}

void block(void* context, int64_t task, int) {
  const Call& c = *(const Call*)context;
  int64_t i = task * kBlock;
  const int64_t end = i + kBlock < c.n ? i + kBlock : c.n;
  for (; i + EF_VW <= end; i += EF_VW) update(c, c.parameter + i, c.grad + i, c.mean + i, c.square + i);
  if (i == end) return;
  float tail[4][EF_VW] = {};
  const size_t bytes = sizeof(float) * (end - i);
  memcpy(tail[0], c.parameter + i, bytes), memcpy(tail[1], c.grad + i, bytes);
  memcpy(tail[2], c.mean + i, bytes), memcpy(tail[3], c.square + i, bytes);
  update(c, tail[0], tail[1], tail[2], tail[3]);
  memcpy(c.parameter + i, tail[0], bytes), memcpy(c.mean + i, tail[2], bytes), memcpy(c.square + i, tail[3], bytes);
}

}  // namespace

// One step, counted from 1, over n numbers.
EF_API void EF_NAME(adam)(float* parameter, const float* grad, float* mean, float* square, int64_t n, double rate,
                          double beta1, double beta2, double eps, int64_t step, int sparse) {
  const double first = 1.0 - pow(beta1, (double)step), second = 1.0 - pow(beta2, (double)step);
  Call c = {parameter,
            grad,
            mean,
            square,
            n,
            sparse != 0,
            (float)(rate / first),
            (float)beta1,
            (float)(1.0 - beta1),
            (float)beta2,
            (float)(1.0 - beta2),
            (float)eps,
            (float)(1.0 / sqrt(second))};
  ef_run_dynamic((n + kBlock - 1) / kBlock, block, &c);
}
