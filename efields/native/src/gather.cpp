// How fast rows of 16 bytes are read from random places of a table, and added to there: the ceilings of encoding points in
// a hash grid and of its gradient (efields/bench/ceilings.py). Only measurements call these.
#include "isa.h"

namespace {

constexpr int64_t kBlock = 1 << 14;  // rows of a task, a multiple of EF_VW

typedef float row_of_four __attribute__((vector_size(16)));

struct Call {
  float* table;
  uint32_t rows, mask;
  float* sums;  // [tasks][4]
};

// Places of EF_VW rows: a hash of their numbers, computed in registers so that the table has the cache for itself.
EF_INLINE void random_rows(const Call& c, uint32_t first, uint32_t* place) {
  vu number;
  for (int i = 0; i < EF_VW; ++i) number[i] = first + (uint32_t)i;
  vu h = number * 2654435761u;
  h = (h ^ (h >> 15)) * 2246822519u;
  h = (h ^ (h >> 13)) & c.mask;
  h -= (vu)(h >= c.rows) & c.rows;
  memcpy(place, &h, sizeof h);
}

void gather_block(void* context, int64_t task, int) {
  const Call& c = *(const Call*)context;
  row_of_four sums[4] = {};
  for (int64_t at = task * kBlock; at < (task + 1) * kBlock; at += EF_VW) {
    uint32_t place[EF_VW];
    random_rows(c, (uint32_t)at, place);
    for (int i = 0; i < EF_VW; ++i) {
      row_of_four row;
      memcpy(&row, c.table + (int64_t)place[i] * 4, sizeof row);
      sums[i % 4] += row;
    }
  }
  const row_of_four sum = sums[0] + sums[1] + sums[2] + sums[3];
  memcpy(c.sums + task * 4, &sum, sizeof sum);
}

void scatter_block(void* context, int64_t task, int thread) {
  const Call& c = *(const Call*)context;
  float* table = c.table + (int64_t)thread * c.rows * 4;
  const row_of_four one = {1.0f, 1.0f, 1.0f, 1.0f};
  for (int64_t at = task * kBlock; at < (task + 1) * kBlock; at += EF_VW) {
    uint32_t place[EF_VW];
    random_rows(c, (uint32_t)at, place);
    for (int i = 0; i < EF_VW; ++i) {
      row_of_four row;
      memcpy(&row, table + (int64_t)place[i] * 4, sizeof row);
      row += one;
      memcpy(table + (int64_t)place[i] * 4, &row, sizeof row);
    }
  }
}

uint32_t mask_above(uint32_t rows) {
  uint32_t mask = 1;
  while (mask < rows) mask <<= 1;
  return mask - 1;
}

}  // namespace

// table [rows, 4], tasks of 2^14 rows each -> sums [tasks, 4]
EF_API void EF_NAME(gather_rate)(float* table, int64_t rows, int64_t tasks, float* sums) {
  Call c = {table, (uint32_t)rows, mask_above((uint32_t)rows), sums};
  ef_run_dynamic(tasks, gather_block, &c);
}

// table [threads, rows, 4]: each thread adds one to rows of its own, as each owns a level of the grid in the backward pass
EF_API void EF_NAME(scatter_rate)(float* table, int64_t rows, int64_t tasks) {
  Call c = {table, (uint32_t)rows, mask_above((uint32_t)rows), nullptr};
  ef_run(tasks, scatter_block, &c);
}
