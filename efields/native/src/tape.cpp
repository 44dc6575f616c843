// Tapes hand out memory by moving a mark, for each thread in chunks of its own, and keep it from step to step: a training
// step would otherwise spend a good part of its time in page faults of fresh memory.
#include "tape.h"

#include <new>
#include <vector>

namespace {

constexpr size_t kChunk = size_t(4) << 20;

struct Chunk {
  char* memory;
  size_t bytes;
};

struct Shelf {
  std::vector<Chunk> chunks;
  size_t chunk = 0, used = 0;
};

}  // namespace

struct Tape {
  std::vector<Shelf> shelves;
  std::vector<void*> blocks;
};

EF_API Tape* ef_tape_new() { return new Tape; }

EF_API void ef_tape_free(Tape* tape) {
  for (Shelf& shelf : tape->shelves)
    for (Chunk& chunk : shelf.chunks) ::operator delete(chunk.memory, std::align_val_t(64));
  delete tape;
}

EF_API void ef_tape_rewind(Tape* tape, int64_t blocks) {
  if (tape->shelves.size() < (size_t)ef_threads()) tape->shelves.resize(ef_threads());
  for (Shelf& shelf : tape->shelves) shelf.chunk = shelf.used = 0;
  tape->blocks.assign(blocks, nullptr);
}

EF_API void* ef_tape_take(Tape* tape, int thread, size_t bytes) {
  Shelf& shelf = tape->shelves[thread];
  bytes = (bytes + 63) / 64 * 64;
  while (shelf.chunk < shelf.chunks.size() && shelf.used + bytes > shelf.chunks[shelf.chunk].bytes) {
    ++shelf.chunk;
    shelf.used = 0;
  }
  if (shelf.chunk == shelf.chunks.size()) {
    const size_t size = bytes > kChunk ? bytes : kChunk;
    shelf.chunks.push_back({(char*)::operator new(size, std::align_val_t(64)), size});
  }
  void* memory = shelf.chunks[shelf.chunk].memory + shelf.used;
  shelf.used += bytes;
  return memory;
}

EF_API void** ef_tape_blocks(Tape* tape) { return tape->blocks.data(); }
EF_API int64_t ef_tape_count(Tape* tape) { return (int64_t)tape->blocks.size(); }
