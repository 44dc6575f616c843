// Words of event files to events: EVT 3.0 and Event Stream, whose every word changes what the next one means.
//
// Callers hold the same decoders in numpy (efields/formats/evt/evt3.py, event_stream.py) and say there what the
// words are. One pass counts, so that columns are allocated once at their length; the other decodes. Both bound every
// write by the lengths that they are given. Nothing here is parallel: each word needs the state that the last one left.
#include "isa.h"

namespace {

struct Columns {
  uint16_t *x, *y;
  int64_t* t;
  uint8_t* polarity;
  int64_t n;
};

EF_INLINE void put(Columns& to, int64_t x, int64_t y, int64_t t, int64_t on) {
  to.x[to.n] = (uint16_t)(x < 0xffff ? x : 0xffff);
  to.y[to.n] = (uint16_t)y;
  to.t[to.n] = t;
  to.polarity[to.n++] = (uint8_t)on;
}

enum { kUnknown, kUnplaced, kUpper, kLower, kRow, kLoops, kBase, kBaseOn };  // places in the state of EVT 3.0
enum { kPlain = 1 << 0 | 1 << 2 | 1 << 6 | 1 << 7 | 1 << 14 | 1 << 15 };     // types of EVT 3.0 without branches
enum { kLoops2 = 3 };                                                        // in that of EVT 2.0, whose first are these
enum { kTime, kLeftOut };                                                    // in that of Event Stream

// Events in a word, in 16 bits all along, so that the compiler takes many words at once.
EF_INLINE uint16_t evt3_events(uint16_t word) {
  const uint16_t kind = word >> 12;
  const uint16_t kept = (uint16_t)((-(kind == 4) & 0xfff) | (-(kind == 5) & 0xff));
  uint16_t bits = (uint16_t)((word & kept) | (kind == 2));
  bits = (uint16_t)(bits - (bits >> 1 & 0x5555));
  bits = (uint16_t)((bits & 0x3333) + (bits >> 2 & 0x3333));
  bits = (uint16_t)((bits + (bits >> 4)) & 0x0f0f);
  return (uint16_t)((bits + (bits >> 8)) & 0x1f);
}

}  // namespace

// words [n] -> counts [2]: the events and the triggers in them.
EF_API void EF_NAME(evt3_count)(const uint16_t* words, int64_t n, int64_t* counts) {
  int64_t events = 0, triggers = 0;
  for (int64_t begin = 0; begin < n; begin += 4096) {
    const int some = (int)(n - begin < 4096 ? n - begin : 4096);
    uint16_t here = 0, edges = 0;  // at most 12 a word, so that they fit
    for (int i = 0; i < some; ++i) {
      here = (uint16_t)(here + evt3_events(words[begin + i]));
      edges = (uint16_t)(edges + (words[begin + i] >> 12 == 10));
    }
    events += here, triggers += edges;
  }
  counts[0] = events, counts[1] = triggers;
}

// words [n], state [8], carried on -> columns of one event more than evt3_count found, and of as many triggers; counts
// [2] are how many of them could be placed. Most words are rows, lower times and events, in an order that no processor
// can foretell: they go without branches, and each writes an event, which counts only behind a word of one.
EF_API void EF_NAME(evt3)(const uint16_t* words, int64_t n, int64_t* state, uint16_t* x, uint16_t* y, int64_t* t,
                          uint8_t* polarity, int64_t* trigger_t, uint8_t* rising, int64_t* counts) {
  int64_t upper = state[kUpper], lower = state[kLower], loops = state[kLoops], row = state[kRow], base = state[kBase];
  int64_t base_on = state[kBaseOn], unknown = 0, unplaced = 0, triggers = 0;
  int64_t start = loops << 24 | (upper < 0 ? 0 : upper) << 12, now = upper < 0 ? -1 : start | lower;
  Columns to = {x, y, t, polarity, 0};
  for (int64_t i = 0; i < n; ++i) {
    const int64_t word = words[i], payload = word & 0xfff, kind = word >> 12;
    if (kPlain >> kind & 1) {
      row = kind == 0 ? word & 0x7ff : row;
      lower = kind == 6 ? payload : lower;
      const int64_t event = kind == 2, placed = (upper | row) >= 0;
      now = upper < 0 ? -1 : start | lower;
      to.x[to.n] = (uint16_t)(word & 0x7ff), to.y[to.n] = (uint16_t)row;
      to.t[to.n] = now, to.polarity[to.n] = (uint8_t)(payload >> 11);
      to.n += event & placed, unplaced += event & !placed;
      continue;
    }
    switch (kind) {
      case 3: base = word & 0x7ff, base_on = payload >> 11; break;
      case 4:
      case 5: {
        uint32_t bits = (uint32_t)(kind == 4 ? payload : word & 0xff);
        if (now < 0 || row < 0) unplaced += __builtin_popcount(bits);
        else
          for (; bits; bits &= bits - 1) put(to, base + __builtin_ctz(bits), row, now, base_on);
        base += kind == 4 ? 12 : 8;
        break;
      }
      case 8:
        if (upper == payload) break;
        loops += upper - payload >= 1 << 11;
        upper = payload, lower = 0;
        now = start = loops << 24 | upper << 12;
        break;
      case 10:
        if (now < 0) ++unplaced;
        else trigger_t[triggers] = now, rising[triggers++] = word & 1;
        break;
      default: ++unknown;
    }
  }
  state[kUpper] = upper, state[kLower] = lower, state[kLoops] = loops, state[kRow] = row;
  state[kBase] = base < 0xffff ? base : 0xffff, state[kBaseOn] = base_on;
  state[kUnknown] += unknown, state[kUnplaced] += unplaced;
  counts[0] = to.n, counts[1] = triggers;
}

// words [n] of EVT 2.0 -> counts [2]: the events and the triggers in them.
EF_API void EF_NAME(evt2_count)(const uint32_t* words, int64_t n, int64_t* counts) {
  int64_t events = 0, triggers = 0;
  for (int64_t i = 0; i < n; ++i) events += words[i] >> 28 <= 1, triggers += words[i] >> 28 == 10;
  counts[0] = events, counts[1] = triggers;
}

// words [n], state [4], carried on -> columns of as many events and triggers as evt2_count found; counts [2] are how
// many of them could be placed.
EF_API void EF_NAME(evt2)(const uint32_t* words, int64_t n, int64_t* state, uint16_t* x, uint16_t* y, int64_t* t,
                          uint8_t* polarity, int64_t* trigger_t, uint8_t* rising, int64_t* counts) {
  int64_t upper = state[kUpper], loops = state[kLoops2], triggers = 0;
  int64_t now = upper < 0 ? -1 : loops << 34 | upper << 6;
  Columns to = {x, y, t, polarity, 0};
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t word = words[i];
    const uint32_t kind = word >> 28;
    if (kind <= 1) {
      if (now < 0) ++state[kUnplaced];
      else put(to, word >> 11 & 0x7ff, word & 0x7ff, now | (word >> 22 & 63), kind);
    } else if (kind == 8) {
      const int64_t next = word & 0xfffffff;
      loops += upper - next >= 1 << 27;
      upper = next, now = loops << 34 | upper << 6;
    } else if (kind == 10) {
      if (now < 0) ++state[kUnplaced];
      else trigger_t[triggers] = now | (word >> 22 & 63), rising[triggers++] = word & 1;
    } else if (kind < 14) {
      ++state[kUnknown];
    }
  }
  state[kUpper] = upper, state[kLoops2] = loops;
  counts[0] = to.n, counts[1] = triggers;
}

// bytes [n] of Event Stream 2, state [2], carried on -> columns with room for n / 5 events, y as stored; counts [2] are
// the events and the bytes that were used: all but the last event where it is not whole. Of an event's first byte the
// bits from `shift` up are time; a byte of `top` or more is an overflow instead.
EF_API void EF_NAME(event_stream)(const uint8_t* bytes, int64_t n, int atis, int64_t* state, uint16_t* x, uint16_t* y,
                                  int64_t* t, uint8_t* polarity, int64_t* counts) {
  const int shift = atis ? 2 : 1, top = atis ? 0xfc : 0xfe, step = atis ? 63 : 127;
  int64_t now = state[kTime], i = 0;
  Columns to = {x, y, t, polarity, 0};
  while (i < n) {
    const int first = bytes[i];
    if (first >= top) {
      now += (int64_t)step * (first - top);
      ++i;
      continue;
    }
    if (n - i < 5) break;
    now += first >> shift;
    if (atis && first & 1) ++state[kLeftOut];
    else put(to, bytes[i + 1] | bytes[i + 2] << 8, bytes[i + 3] | bytes[i + 4] << 8, now, first >> (shift - 1) & 1);
    i += 5;
  }
  state[kTime] = now;
  counts[0] = to.n, counts[1] = i;
}
