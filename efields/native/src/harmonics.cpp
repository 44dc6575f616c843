// Spherical harmonics of many directions, and back. Rows of 3 go in, rows of degree^2 come out; the work is a few
// multiplications a direction, bound by memory, so blocks of rows are all that is needed to be fast.
#include "harmonics.h"

namespace {

constexpr int64_t kBlock = 4096;

struct Call {
  const float *direction, *grad;  // grad: of the harmonics; null on the way there
  int64_t n;
  int degree;
  float* out;
};

void block(void* context, int64_t task, int) {
  const Call& c = *(const Call*)context;
  const int64_t end = (task + 1) * kBlock < c.n ? (task + 1) * kBlock : c.n;
  for (int64_t i = task * kBlock; i < end; ++i) {
    const float* d = c.direction + 3 * i;
    const int64_t row = i * c.degree * c.degree;
    if (c.grad) harmonics_backward(d[0], d[1], d[2], c.degree, c.grad + row, c.out + 3 * i);
    else harmonics(d[0], d[1], d[2], c.degree, c.out + row);
  }
}

}  // namespace

// direction [n, 3] -> out [n, degree * degree], degree 1 to 4
EF_API void EF_NAME(spherical_harmonics)(const float* direction, int64_t n, int degree, float* out) {
  Call c = {direction, nullptr, n, degree, out};
  ef_run_dynamic((n + kBlock - 1) / kBlock, block, &c);
}

// direction [n, 3] and the gradient of its harmonics [n, degree * degree] -> gradient of the direction [n, 3]
EF_API void EF_NAME(spherical_harmonics_backward)(const float* direction, const float* grad, int64_t n, int degree,
                                                  float* grad_direction) {
  Call c = {direction, grad, n, degree, grad_direction};
  ef_run_dynamic((n + kBlock - 1) / kBlock, block, &c);
}
