// Look up windows of time at pixels in an event index, and draw those that a training step compares.
//
// A training step asks a few hundred, which are not worth waking a thread: a single block runs in the caller, without the
// pool, so that batches can be drawn while other kernels run.
#include "events.h"

namespace {

constexpr int64_t kBlock = 8192;

void in_blocks(int64_t n, ef_task block, void* context) {
  if (n > kBlock) ef_run_dynamic((n + kBlock - 1) / kBlock, block, context);
  else if (n > 0) block(context, 0, 0);
}

EF_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

struct Places {
  const EventIndex* index;
  const int64_t *pixel, *t;
  int64_t n;
  int64_t* place;
};

void places_block(void* context, int64_t block, int) {
  const Places& c = *(const Places*)context;
  const int64_t end = least((block + 1) * kBlock, c.n);
  for (int64_t i = block * kBlock; i < end; i += kChunk)
    places_after(*c.index, c.pixel + i, c.t + i, least(kChunk, end - i), c.place + i);
}

struct Windows {
  const EventIndex* index;
  const int64_t *pixel, *t0, *t1;
  int64_t n;
  int32_t *n_pos, *n_neg;
};

// The counts of ON and OFF events between two places.
EF_INLINE void count(const EventIndex& index, int64_t from, int64_t to, int32_t* n_pos, int32_t* n_neg) {
  const int64_t on = index.cum_pos[to] - index.cum_pos[from];
  *n_pos = (int32_t)on;
  *n_neg = (int32_t)(to - from - on);
}

void windows_block(void* context, int64_t block, int) {
  const Windows& c = *(const Windows*)context;
  const int64_t end = least((block + 1) * kBlock, c.n);
  int64_t from[kChunk], to[kChunk];
  for (int64_t at = block * kBlock; at < end; at += kChunk) {
    const int64_t n = least(kChunk, end - at);
    places_after(*c.index, c.pixel + at, c.t0 + at, n, from), places_after(*c.index, c.pixel + at, c.t1 + at, n, to);
    for (int64_t i = 0; i < n; ++i)
      count(*c.index, from[i], to[i] < from[i] ? from[i] : to[i], c.n_pos + at + i, c.n_neg + at + i);
  }
}

struct Drawn {
  const EventIndex* index;
  const uint16_t *x, *y;
  const int64_t* t;
  int64_t width;
  const int64_t *last, *length, *inside;
  const uint8_t* anywhere;
  int64_t n;
  int at_events;
  int64_t *pixel, *t0, *t1;
  int32_t *n_pos, *n_neg;
  uint8_t* starts_at_event;
};

// Ask for what the next function reads.
void ask_stream(const Drawn& c, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) {
    __builtin_prefetch(c.t + c.last[i]), __builtin_prefetch(c.t + c.last[i] - c.length[i]);
    __builtin_prefetch(c.t + c.inside[i]), __builtin_prefetch(c.x + c.inside[i]), __builtin_prefetch(c.y + c.inside[i]);
  }
}

// Times and pixels of windows [begin, end), from the stream.
void times_and_pixels(const Drawn& c, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) {
    const int64_t t1 = c.t[c.last[i]], before = c.t[c.last[i] - c.length[i]];
    // Many events can share one microsecond; a window is at least that long, and holds the event that lends its pixel.
    c.t0[i] = least(before, t1 - 1), c.t1[i] = t1;
    if (c.anywhere[i]) continue;
    const int64_t inside = c.t[c.inside[i]] > c.t0[i] ? c.inside[i] : c.last[i];
    c.pixel[i] = c.y[inside] * c.width + c.x[inside];
  }
}

void drawn_block(void* context, int64_t block, int) {
  const Drawn& c = *(const Drawn*)context;
  const EventIndex& index = *c.index;
  const int64_t end = least((block + 1) * kBlock, c.n);
  int64_t from[kChunk], to[kChunk];
  ask_stream(c, block * kBlock, least(block * kBlock + kChunk, end));
  for (int64_t at = block * kBlock; at < end; at += kChunk) {
    const int64_t n = least(kChunk, end - at);
    times_and_pixels(c, at, at + n);
    ask_stream(c, at + n, least(at + n + kChunk, end));
    places_after(index, c.pixel + at, c.t0 + at, n, from), places_after(index, c.pixel + at, c.t1 + at, n, to);
    for (int64_t k = 0; k < n; ++k) {
      const int64_t i = at + k;
      count(index, from[k], to[k], c.n_pos + i, c.n_neg + i);
      // Moved to the pixel's last events up to either end, a window holds the same events.
      const bool moved = c.at_events && from[k] > index.start[c.pixel[i]] && index.t_us[to[k] - 1] > index.t_us[from[k] - 1];
      if (moved) c.t0[i] = index.t_us[from[k] - 1], c.t1[i] = index.t_us[to[k] - 1];
      c.starts_at_event[i] = moved;
    }
  }
}

}  // namespace

// pixel, t [n] -> place [n]: behind the pixel's last event with time <= t.
EF_API void EF_NAME(event_places)(const EventIndex* index, const int64_t* pixel, const int64_t* t, int64_t n,
                                  int64_t* place) {
  Places c = {index, pixel, t, n, place};
  in_blocks(n, places_block, &c);
}

// pixel, t0, t1 [n] -> n_pos, n_neg [n]: ON and OFF events in (t0, t1], none where t1 <= t0.
EF_API void EF_NAME(event_windows)(const EventIndex* index, const int64_t* pixel, const int64_t* t0, const int64_t* t1,
                                   int64_t n, int32_t* n_pos, int32_t* n_neg) {
  Windows c = {index, pixel, t0, t1, n, n_pos, n_neg};
  in_blocks(n, windows_block, &c);
}

// draw_count_windows of efields/events/draws.py once its random numbers are drawn. Places in the stream, all [n]: the
// window's `last` event, its `length` in events, the event `inside` that lends its pixel where it is not `anywhere`;
// pixel holds the pixels of those that are -> pixel, t0, t1, n_pos, n_neg, starts_at_event [n].
EF_API void EF_NAME(event_drawn_windows)(const EventIndex* index, const uint16_t* x, const uint16_t* y, const int64_t* t,
                                         int64_t width, const int64_t* last, const int64_t* length, const int64_t* inside,
                                         const uint8_t* anywhere, int64_t n, int at_events, int64_t* pixel, int64_t* t0,
                                         int64_t* t1, int32_t* n_pos, int32_t* n_neg, uint8_t* starts_at_event) {
  Drawn c = {index, x,         y,     t,  width, last,  length, inside,         anywhere,
             n,     at_events, pixel, t0, t1,    n_pos, n_neg,  starts_at_event};
  in_blocks(n, drawn_block, &c);
}

// draw_silent once a start is drawn, a pixel and a time. The end is at most the last microsecond before the pixel's next
// event, `latest` (the stream's last event), or `longest` after the start. Starts that leave room for an end more than
// `dead` later are kept, in order
// -> pixel, t0, t1_first, t1_last (where the end may lie, both included) [the number in kept].
EF_API void EF_NAME(event_silence)(const EventIndex* index, const int64_t* pixel, const int64_t* t, int64_t n, int64_t dead,
                                   int64_t latest, int64_t longest, int64_t* kept_pixel, int64_t* t0, int64_t* t1_first,
                                   int64_t* t1_last, int64_t* kept) {
  int64_t out = 0;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t here = pixel[i], begin = t[i];
    const int64_t next = place_after(*index, here, begin);
    int64_t end = least(latest, longest < latest - begin ? begin + longest : latest);
    if (next < index->start[here + 1]) end = least(end, index->t_us[next] - 1);
    if (end <= begin + dead) continue;
    kept_pixel[out] = here, t0[out] = begin, t1_first[out] = begin + dead + 1, t1_last[out] = end;
    ++out;
  }
  *kept = out;
}
