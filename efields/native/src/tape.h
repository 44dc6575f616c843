// Memory of one forward pass that its backward pass reads. See tape.cpp.
#pragma once
#include "pool.h"

struct Tape;

EF_API Tape* ef_tape_new();
EF_API void ef_tape_free(Tape* tape);
// Forget what the tape holds, keep its memory, and make room for `blocks` pointers.
EF_API void ef_tape_rewind(Tape* tape, int64_t blocks);
// Memory that lasts until the tape is rewound, aligned to 64 bytes; only `thread` may ask for it.
EF_API void* ef_tape_take(Tape* tape, int thread, size_t bytes);
// A pointer for each block of work.
EF_API void** ef_tape_blocks(Tape* tape);
EF_API int64_t ef_tape_count(Tape* tape);
