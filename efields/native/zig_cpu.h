// Included before src/cpu.cpp when the compiler is zig, whose run-time library answers no to every question about the
// processor (its compiler_rt/fmv.zig is "a conservative stub for now"): the same questions asked of CPUID.
#pragma once
#if defined(__x86_64__) || defined(_M_X64)
#include <cpuid.h>
#include <string.h>

static inline bool ef_cpu_supports(const char* feature) {
  unsigned a, b, c, d, b7, c7, d7, a71;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 27 & 1)) return false;  // bit 27: the system keeps wide registers
  unsigned kept, high;
  __asm__("xgetbv" : "=a"(kept), "=d"(high) : "c"(0));
  const bool ymm = (kept & 0x6) == 0x6, zmm = (kept & 0xe6) == 0xe6;
  const bool fma = c >> 12 & 1;
  if (!__get_cpuid_count(7, 0, &a, &b7, &c7, &d7)) return false;
  if (!__get_cpuid_count(7, 1, &a71, &b, &c, &d)) a71 = 0;
  const struct {
    const char* name;
    bool there;
  } known[] = {
      {"fma", ymm && fma},
      {"avx2", ymm && (b7 >> 5 & 1)},
      {"bmi2", (b7 >> 8 & 1) != 0},
      {"avx512f", zmm && (b7 >> 16 & 1)},
      {"avx512dq", zmm && (b7 >> 17 & 1)},
      {"avx512cd", zmm && (b7 >> 28 & 1)},
      {"avx512bw", zmm && (b7 >> 30 & 1)},
      {"avx512vl", zmm && (b7 >> 31 & 1)},
      {"avx512bf16", zmm && (a71 >> 5 & 1)},
  };
  for (const auto& one : known)
    if (!strcmp(one.name, feature)) return one.there;
  return false;
}

#define __builtin_cpu_init() ((void)0)
#define __builtin_cpu_supports(feature) ef_cpu_supports(feature)
#endif
