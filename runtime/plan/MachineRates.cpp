//===- MachineRates.cpp - what this machine moves and computes ----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/MachineRates.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <thread>

namespace heddle::plan {
namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Runs `work` (which returns units done) on every thread again and again until the time is up;
/// units per second in all.
double rate(int threads, double seconds, const std::function<double(int thread)> &work) {
  std::vector<double> done(threads, 0);
  std::vector<std::thread> pool;
  Clock::time_point start = Clock::now();
  for (int t = 0; t < threads; ++t)
    pool.emplace_back([&, t] {
      do
        done[t] += work(t);
      while (secondsSince(start) < seconds);
    });
  for (std::thread &thread : pool)
    thread.join();
  double elapsed = secondsSince(start), units = 0;
  for (double d : done)
    units += d;
  return units / elapsed;
}

/// Results end here, so that no loop is optimised away.
std::atomic<float> sink{0};

typedef float Lanes __attribute__((vector_size(32)));

/// 2 * 8 lanes * 10 accumulators * rounds floating-point operations. `start` keeps the compiler from
/// computing the result once for all calls.
inline __attribute__((always_inline)) float multiplyAdd(int rounds, float start) {
  Lanes sums[10];
  for (int a = 0; a < 10; ++a)
    sums[a] = Lanes{} + (start + float(a));
  Lanes x = Lanes{} + 0.999f, y = Lanes{} + 1e-3f;
  for (int r = 0; r < rounds; ++r)
    for (Lanes &sum : sums) {
#pragma clang fp contract(fast)
      sum = sum * x + y;
    }
  Lanes all = sums[0];
  for (int a = 1; a < 10; ++a)
    all += sums[a];
  float result = 0;
  for (int lane = 0; lane < 8; ++lane)
    result += all[lane];
  return result;
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) float multiplyAddFused(int rounds, float start) {
  return multiplyAdd(rounds, start);
}
bool hasFma() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
#else
float multiplyAddFused(int rounds, float start) { return multiplyAdd(rounds, start); }
bool hasFma() { return true; }
#endif

} // namespace

absl::StatusOr<MachineRates> parseMachineRates(const std::string &text) {
  auto bad = [&] {
    return invalidArgument("--machine-rates: '" + text +
                           "' is not GBps,GFLOPs; give two positive numbers, for example 12,150");
  };
  const char *at = text.c_str();
  char *end = nullptr;
  double gigabytes = std::strtod(at, &end);
  if (end == at || *end != ',')
    return bad();
  at = end + 1;
  double gigaflops = std::strtod(at, &end);
  if (end == at || *end != 0 || !std::isfinite(gigabytes) || !std::isfinite(gigaflops) ||
      gigabytes <= 0 || gigaflops <= 0)
    return bad();
  return MachineRates{gigabytes * 1e9, gigaflops * 1e9};
}

MachineRates measureMachineRates(int threads, double seconds) {
  if (threads <= 0)
    threads = std::max(1u, std::thread::hardware_concurrency());
  // Rows of 256 bytes out of 128 MiB, well past the caches of common machines.
  constexpr size_t rowFloats = 64, rows = size_t(1) << 19;
  std::vector<float> table(rowFloats * rows, 1.0f);
  MachineRates rates;
  rates.bytesPerSecond = rate(threads, seconds / 2, [&](int t) {
    constexpr int batch = 1 << 15;
    uint64_t state = 0x9E3779B97F4A7C15ull * uint64_t(t + 1) +
                     uint64_t(Clock::now().time_since_epoch().count());
    float sums[rowFloats] = {};
    for (int i = 0; i < batch; ++i) {
      state = state * 6364136223846793005ull + 1442695040888963407ull;
      const float *row = table.data() + (state >> 33) % rows * rowFloats;
      for (size_t c = 0; c < rowFloats; ++c)
        sums[c] += row[c];
    }
    float all = 0;
    for (float sum : sums)
      all += sum;
    sink.store(all, std::memory_order_relaxed);
    return double(batch) * rowFloats * sizeof(float);
  });
  bool fused = hasFma();
  rates.flopsPerSecond = rate(threads, seconds / 2, [&](int) {
    constexpr int rounds = 1 << 16;
    float start = sink.load(std::memory_order_relaxed);
    sink.store(fused ? multiplyAddFused(rounds, start) : multiplyAdd(rounds, start),
               std::memory_order_relaxed);
    return 2.0 * 8 * 10 * rounds;
  });
  return rates;
}

} // namespace heddle::plan
