// The one thread pool of all kernels, and the scratch memory of its threads. See pool.cpp.
#pragma once
#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define EF_API extern "C" __declspec(dllexport)
#else
#define EF_API extern "C" __attribute__((visibility("default")))
#endif

typedef void (*ef_task)(void* context, int64_t task, int thread);

// Threads that share the work, the caller included.
EF_API int ef_threads();
// Set that number; must not be called while kernels run.
EF_API void ef_set_threads(int count);
// Run tasks 0 .. count - 1 and wait. Task i is done by thread i % ef_threads(): the same split every time, so that sums
// kept for each thread come out the same every time.
EF_API void ef_run(int64_t count, ef_task task, void* context);
// The same with tasks taken in turn by whoever is free: for tasks whose results do not depend on who does them.
EF_API void ef_run_dynamic(int64_t count, ef_task task, void* context);
// Memory of `thread` that lasts until its next call for the same slot; aligned to 64 bytes; grows, never shrinks.
enum { EF_SCRATCH_SLOTS = 16 };
EF_API void* ef_scratch(int thread, int slot, size_t bytes);
