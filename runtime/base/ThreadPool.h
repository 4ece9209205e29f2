//===- ThreadPool.h - a fixed pool for short parallel loops ------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_BASE_THREADPOOL_H
#define HEDDLE_RUNTIME_BASE_THREADPOOL_H

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

namespace heddle {

/// A reference to a callable (task, thread); it does not own it.
class TaskRef {
public:
  TaskRef() = default;
  template <class Fn, class = std::enable_if_t<!std::is_same_v<std::decay_t<Fn>, TaskRef>>>
  TaskRef(Fn &&fn)
      : object_(const_cast<void *>(static_cast<const void *>(&fn))),
        call_([](void *object, int64_t task, int thread) {
          (*static_cast<std::remove_reference_t<Fn> *>(object))(task, thread);
        }) {}
  void operator()(int64_t task, int thread) const { call_(object_, task, thread); }

private:
  friend class ThreadPool;
  using Call = void (*)(void *, int64_t, int);
  void *object_ = nullptr;
  Call call_ = nullptr;
};

/// `threads` threads, the caller of parallelFor among them (it is thread 0). Tasks are handed out by
/// an atomic counter; waiting spins for some microseconds and then sleeps in the kernel, so that
/// many small loops in a row are cheap and an idle pool costs nothing. One caller at a time; no
/// nesting. Nothing is allocated per call.
class ThreadPool {
public:
  /// `name` (at most 12 bytes) and the number of each thread name the threads. `threadStart` runs
  /// once on each thread of the pool but the caller's. Throws std::system_error where the system
  /// starts no more threads.
  explicit ThreadPool(int threads, const std::string &name = "heddle",
                      void (*threadStart)() = nullptr);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  /// Calls fn(task, thread) once for each task in [0, tasks), on any thread in [0, threads()), and
  /// returns when all are done. tasks < 2^31.
  void parallelFor(int64_t tasks, TaskRef fn);

private:
  void stop();
  void work(int thread);
  /// Takes tasks of the current job until none are left.
  void drain(int thread);

  // state_: generation of the job << 32 | next task. A closed job has next task = closedTask, so
  // that a late worker can never take a task of a job whose function it has not read.
  static constexpr uint32_t closedTask = 0xFFFFFFFFu;
  alignas(64) std::atomic<uint64_t> state_{closedTask};
  alignas(64) std::atomic<uint32_t> done_{0};
  alignas(64) std::atomic<uint32_t> epoch_{0}; ///< workers sleep on it
  std::atomic<uint32_t> count_{0};
  std::atomic<void *> object_{nullptr};
  std::atomic<TaskRef::Call> call_{nullptr};
  std::atomic<bool> stop_{false};
  int spins_ = 0;
  std::vector<std::thread> workers_;
};

/// Cores this process may run on, at least 1.
int availableCores();

} // namespace heddle

#endif // HEDDLE_RUNTIME_BASE_THREADPOOL_H
