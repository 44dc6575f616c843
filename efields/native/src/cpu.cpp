// Which instruction sets this processor and its operating system offer, and which sources the library was made from.
#include "pool.h"

// Index into the sets of build.py: 0 the baseline (SSE2 or NEON), 1 AVX2 with FMA, 2 AVX-512 (F, BW, DQ, VL), 3 AVX-512
// with bf16 dot products.
EF_API int ef_best_isa() {
#if defined(__x86_64__) || defined(_M_X64)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi2")) return 0;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512dq") ||
      !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512cd"))
    return 1;
  return __builtin_cpu_supports("avx512bf16") ? 3 : 2;
#else
  return 0;
#endif
}

EF_API const char* ef_key() { return EF_KEY; }
