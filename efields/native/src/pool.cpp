// A small thread pool of our own, because torch brings an OpenMP runtime whose threads would fight with a second one, and
// a compiler from PyPI brings none. Workers wait actively for a moment, then sleep: a training step asks for threads
// about ten times within a few milliseconds, and a sleeping thread takes long to wake.
#include "pool.h"

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <new>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif
#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#define EF_RELAX() _mm_pause()
#else
#define EF_RELAX() std::this_thread::yield()
#endif

namespace {

constexpr int kMostThreads = 256;
constexpr int kActiveWait = 20000;  // turns of waiting actively: a few hundred microseconds

struct Job {
  ef_task task = nullptr;
  void* context = nullptr;
  int64_t count = 0;
  bool dynamic = false;
  int processor = -1;  // of the thread that asked
};

struct Pool {
  std::mutex running;  // one job at a time, whoever asks
  std::mutex mutex;
  std::condition_variable wake;
  std::thread workers[kMostThreads];
  int threads = 1;
  Job job;
  std::atomic<uint64_t> generation{0};
  std::atomic<int64_t> next{0};
  std::atomic<int> busy{0};
  std::atomic<bool> stop{false};
};

// Leaked on purpose: at exit, workers may outlive every destructor.
Pool* pool = new Pool;

struct Scratch {
  void* memory = nullptr;
  size_t bytes = 0;
};
Scratch scratch[kMostThreads][EF_SCRATCH_SLOTS];

void work(Pool& p, int thread, int threads) {
  const Job job = p.job;
  if (job.dynamic) {
    for (int64_t i; (i = p.next.fetch_add(1, std::memory_order_relaxed)) < job.count;) job.task(job.context, i, thread);
  } else {
    for (int64_t i = thread; i < job.count; i += threads) job.task(job.context, i, thread);
  }
}

int here() {
#if defined(__linux__)
  return sched_getcpu();
#else
  return -1;
#endif
}

// Linux likes to wake a thread on the processor of the one that wakes it, and may leave both there for seconds, taking
// turns while another processor idles: a worker that finds itself beside its caller moves away.
void move_away_from(int processor) {
#if defined(__linux__)
  if (processor < 0 || processor != sched_getcpu()) return;
  cpu_set_t allowed, others;
  if (sched_getaffinity(0, sizeof allowed, &allowed)) return;
  others = allowed;
  CPU_CLR(processor, &others);
  if (CPU_COUNT(&others) == 0 || sched_setaffinity(0, sizeof others, &others)) return;
  sched_setaffinity(0, sizeof allowed, &allowed);
#else
  (void)processor;
#endif
}

void worker(Pool* p, int thread, int threads, uint64_t seen) {
  for (;;) {
    int turns = 0;
    while (p->generation.load(std::memory_order_acquire) == seen && !p->stop.load(std::memory_order_acquire)) {
      if (++turns < kActiveWait) {
        EF_RELAX();
        continue;
      }
      std::unique_lock<std::mutex> lock(p->mutex);
      p->wake.wait(lock, [&] { return p->generation.load() != seen || p->stop.load(); });
    }
    if (p->stop.load()) return;
    seen = p->generation.load(std::memory_order_acquire);
    move_away_from(p->job.processor);
    work(*p, thread, threads);
    p->busy.fetch_sub(1, std::memory_order_release);
  }
}

void run(int64_t count, ef_task task, void* context, bool dynamic) {
  Pool& p = *pool;
  std::lock_guard<std::mutex> one_at_a_time(p.running);
  p.job = Job{task, context, count, dynamic, here()};
  p.next.store(0);
  const int threads = p.threads;
  if (threads > 1 && count > 1) {
    p.busy.store(threads - 1);
    {
      std::lock_guard<std::mutex> lock(p.mutex);
      p.generation.fetch_add(1, std::memory_order_release);
    }
    p.wake.notify_all();
    work(p, 0, threads);
    int turns = 0;
    while (p.busy.load(std::memory_order_acquire) > 0) {
      if (++turns < kActiveWait) EF_RELAX();
      else std::this_thread::yield();
    }
  } else {
    work(p, 0, 1);
  }
}

}  // namespace

EF_API int ef_threads() { return pool->threads; }

EF_API void ef_set_threads(int count) {
  Pool& p = *pool;
  std::lock_guard<std::mutex> one_at_a_time(p.running);
  count = count < 1 ? 1 : count > kMostThreads ? kMostThreads : count;
  if (count == p.threads) return;
  {
    std::lock_guard<std::mutex> lock(p.mutex);
    p.stop.store(true);
  }
  p.wake.notify_all();
  for (int i = 1; i < p.threads; ++i) p.workers[i].join();
  p.stop.store(false);
  p.threads = count;
  for (int i = 1; i < count; ++i) p.workers[i] = std::thread(worker, pool, i, count, p.generation.load());
}

EF_API void ef_run(int64_t count, ef_task task, void* context) { run(count, task, context, false); }
EF_API void ef_run_dynamic(int64_t count, ef_task task, void* context) { run(count, task, context, true); }

EF_API void* ef_scratch(int thread, int slot, size_t bytes) {
  Scratch& s = scratch[thread][slot];
  if (s.bytes < bytes) {
    ::operator delete(s.memory, std::align_val_t(64));
    s.bytes = bytes + bytes / 2;
    s.memory = ::operator new(s.bytes, std::align_val_t(64));
  }
  return s.memory;
}
