// Where the nodes of a lattice of flow stand: node = place * per + first along each axis, time, row, column.
#pragma once
#include <stdint.h>

struct Lattice {
  int64_t times, rows, columns;
  float per[3], first[3];
};
