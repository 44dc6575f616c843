// The events of a recording ordered by pixel, then time (PixelIndex of efields/events/intervals.py), and the search in it.
#pragma once
#include "isa.h"

struct EventIndex {
  const int64_t* start;    // [pixels + 1] place of each pixel's first event
  const int64_t* t_us;     // [n] times in the order of the index
  const int32_t* cum_pos;  // [n + 1] number of ON events before each place
  int64_t pixels, n;
};

// Place behind the pixel's last event with time <= t. Halves without branches, within the pixel's own events: a few
// steps over a few cache lines, where a search over all events would take twenty. Pixels off the sensor have no events.
EF_INLINE int64_t place_after(const EventIndex& index, int64_t pixel, int64_t t) {
  if (pixel < 0) return 0;
  if (pixel >= index.pixels) return index.n;
  const int64_t* at = index.t_us + index.start[pixel];
  int64_t count = index.start[pixel + 1] - index.start[pixel];
  while (count > 1) {
    const int64_t half = count / 2;
    at += half & -(int64_t)(at[half - 1] <= t);  // a branch would be mispredicted every second time
    count -= half;
  }
  return at - index.t_us + (count == 1 && *at <= t);
}

// The same for up to kChunk pixels and times. Each read misses the cache, so many searches go on together, step by step,
// and what they read is asked for ahead.
enum { kChunk = 64 };
EF_INLINE void places_after(const EventIndex& index, const int64_t* pixel, const int64_t* t, int64_t n, int64_t* place) {
  int64_t left[kChunk], end[kChunk], most = 0;
  for (int64_t i = 0; i < n; ++i)
    if (pixel[i] >= 0 && pixel[i] < index.pixels) __builtin_prefetch(index.start + pixel[i]);
  for (int64_t i = 0; i < n; ++i) {
    const bool inside = pixel[i] >= 0 && pixel[i] < index.pixels;
    place[i] = inside ? index.start[pixel[i]] : pixel[i] < 0 ? 0 : index.n;
    end[i] = inside ? index.start[pixel[i] + 1] : place[i];
    left[i] = end[i] - place[i];
    most = left[i] > most ? left[i] : most;
    for (int64_t quarter = 1; quarter < 4; ++quarter) __builtin_prefetch(index.t_us + place[i] + left[i] * quarter / 4);
  }
  for (; most > 1; most -= most / 2) {
    for (int64_t i = 0; i < n; ++i) {
      const int64_t half = left[i] / 2;  // 0 where the search is over; then any event may be looked at
      place[i] += half & -(int64_t)(index.t_us[half ? place[i] + half - 1 : 0] <= t[i]);
      left[i] -= half;
    }
  }
  for (int64_t i = 0; i < n; ++i) {
    if (place[i] < end[i]) place[i] += index.t_us[place[i]] <= t[i];
    __builtin_prefetch(index.cum_pos + place[i]);
  }
}
