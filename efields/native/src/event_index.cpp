// Order the events of a stream by pixel, keeping their order in time: PixelIndex.build.
//
// A counting sort in two passes. The first deals the events, as records of 16 bytes, to about a thousand buckets of
// neighbouring pixels: few enough that the ends of all of them stay in the cache. The second sorts one bucket at a time
// by pixel, which fits the second level of the cache. Sorting straight to the pixels instead would miss the cache at
// every write. Each thread deals its own run of the stream behind those of the threads before it, and buckets are
// independent, so the order is that of a stable sort whatever the number of threads.
#include "events.h"

namespace {

constexpr int64_t kMostBuckets = 1024;
constexpr int64_t kFewEvents = 1 << 16;  // fewer for each thread are not worth waking one

struct Record {
  int64_t t;
  uint32_t pixel_on;  // pixel within the bucket, times two, plus one for ON
};

struct Index {
  const uint16_t *x, *y;
  const int64_t* t;
  const uint8_t* polarity;
  int64_t n, width, pixels;
  Record* records;
  int64_t *start, *t_us;
  int32_t* cum_pos;
  int shift;  // pixel >> shift is the bucket
  int64_t buckets, runs;
  int64_t *counts, *ons;      // [runs, buckets] events and ON events, then the place of the run's next event
  int64_t *begins, *on_sums;  // [buckets + 1] events and ON events before each bucket
};

EF_INLINE int64_t run_begin(const Index& c, int64_t run) { return c.n * run / c.runs; }
EF_INLINE int64_t pixel_of(const Index& c, int64_t i) { return c.y[i] * c.width + c.x[i]; }

void count_run(void* context, int64_t run, int) {
  const Index& c = *(const Index*)context;
  int64_t *counts = c.counts + run * c.buckets, *ons = c.ons + run * c.buckets;
  memset(counts, 0, sizeof(int64_t) * c.buckets), memset(ons, 0, sizeof(int64_t) * c.buckets);
  for (int64_t i = run_begin(c, run), end = run_begin(c, run + 1); i < end; ++i) {
    const int64_t bucket = pixel_of(c, i) >> c.shift;
    ++counts[bucket];
    ons[bucket] += c.polarity[i] != 0;
  }
}

void place_runs(const Index& c) {
  int64_t events = 0, on = 0;
  for (int64_t bucket = 0; bucket < c.buckets; ++bucket) {
    c.begins[bucket] = events, c.on_sums[bucket] = on;
    for (int64_t run = 0; run < c.runs; ++run) {
      int64_t& count = c.counts[run * c.buckets + bucket];
      const int64_t here = count;
      count = events;
      events += here, on += c.ons[run * c.buckets + bucket];
    }
  }
  c.begins[c.buckets] = events, c.on_sums[c.buckets] = on;
}

void deal_run(void* context, int64_t run, int) {
  const Index& c = *(const Index*)context;
  int64_t* next = c.counts + run * c.buckets;
  const int64_t within = ((int64_t)1 << c.shift) - 1;
  for (int64_t i = run_begin(c, run), end = run_begin(c, run + 1); i < end; ++i) {
    const int64_t pixel = pixel_of(c, i);
    const uint32_t pixel_on = (uint32_t)((pixel & within) << 1) | (c.polarity[i] != 0);
    c.records[next[pixel >> c.shift]++] = Record{c.t[i], pixel_on};
  }
}

void sort_bucket(void* context, int64_t bucket, int thread) {
  const Index& c = *(const Index*)context;
  const int64_t first_pixel = bucket << c.shift, width = (int64_t)1 << c.shift;
  const int64_t pixels = c.pixels - first_pixel < width ? c.pixels - first_pixel : width;
  const int64_t begin = c.begins[bucket], end = c.begins[bucket + 1];
  int64_t* next = (int64_t*)ef_scratch(thread, 8, sizeof(int64_t) * width);
  memset(next, 0, sizeof(int64_t) * width);
  for (int64_t i = begin; i < end; ++i) ++next[c.records[i].pixel_on >> 1];
  int64_t place = begin;
  for (int64_t pixel = 0; pixel < pixels; ++pixel) {
    const int64_t here = next[pixel];
    c.start[first_pixel + pixel] = next[pixel] = place;
    place += here;
  }
  for (int64_t i = begin; i < end; ++i) {
    const Record r = c.records[i];
    const int64_t at = next[r.pixel_on >> 1]++;
    c.t_us[at] = r.t;
    c.cum_pos[at + 1] = r.pixel_on & 1;
  }
  int32_t on = (int32_t)c.on_sums[bucket];
  for (int64_t at = begin; at < end; ++at) c.cum_pos[at + 1] = on += c.cum_pos[at + 1];
}

}  // namespace

// x, y, t, polarity [n] in the order of time, n < 2^31 -> start [pixels + 1], t_us [n] and cum_pos [n + 1];
// records is n times 16 bytes of room, given by the caller, who takes it back.
EF_API void EF_NAME(event_index)(const uint16_t* x, const uint16_t* y, const int64_t* t, const uint8_t* polarity, int64_t n,
                                 int64_t width, int64_t pixels, void* records, int64_t* start, int64_t* t_us,
                                 int32_t* cum_pos) {
  Index c = {x,    y,       t, polarity, n, width,   pixels,  (Record*)records, start,
             t_us, cum_pos, 0, 0,        0, nullptr, nullptr, nullptr,          nullptr};
  while ((pixels - 1) >> c.shift >= kMostBuckets) ++c.shift;
  c.buckets = ((pixels - 1) >> c.shift) + 1;
  c.runs = n / kFewEvents < 1 ? 1 : n / kFewEvents < ef_threads() ? n / kFewEvents : ef_threads();
  int64_t* room = (int64_t*)ef_scratch(0, 9, sizeof(int64_t) * (2 * c.runs * c.buckets + 2 * (c.buckets + 1)));
  c.counts = room, c.ons = room + c.runs * c.buckets;
  c.begins = c.ons + c.runs * c.buckets, c.on_sums = c.begins + c.buckets + 1;
  ef_run(c.runs, count_run, &c);
  place_runs(c);
  ef_run(c.runs, deal_run, &c);
  ef_run_dynamic(c.buckets, sort_bucket, &c);
  start[pixels] = n;
  cum_pos[0] = 0;
}
