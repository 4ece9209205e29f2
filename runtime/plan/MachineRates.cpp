//===- MachineRates.cpp - what this machine moves and computes ----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/MachineRates.h"

#include "runtime/base/HugeMemory.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

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

constexpr int tile = 64; ///< rows and columns of the matrices of multiplyTiles

/// C = A * B of three tiles, two rows by 32 columns at a time: what a library does with tiles that
/// are in the cache.
inline __attribute__((always_inline)) void multiplyTiles(const float *a, const float *b, float *c) {
#pragma clang fp contract(fast)
  constexpr int lanes = 8, vectors = 4;
  for (int column = 0; column < tile; column += lanes * vectors)
    for (int row = 0; row < tile; row += 2) {
      Lanes sums[2][vectors] = {};
      for (int k = 0; k < tile; ++k)
        for (int v = 0; v < vectors; ++v) {
          Lanes right;
          std::memcpy(&right, b + k * tile + column + v * lanes, sizeof right);
          for (int r = 0; r < 2; ++r)
            sums[r][v] = sums[r][v] + (Lanes{} + a[(row + r) * tile + k]) * right;
        }
      for (int r = 0; r < 2; ++r)
        std::memcpy(c + (row + r) * tile + column, sums[r], sizeof sums[r]);
    }
}

constexpr int polynomialFlops = 12; ///< for each number
/// A polynomial of degree 6 of each number, no multiply-add fused, as generated kernels compute.
inline __attribute__((always_inline)) void evaluatePolynomial(const float *in, float *out, int n) {
#pragma clang fp contract(off)
  for (int i = 0; i < n; i += 8) {
    Lanes x, y = Lanes{} + 0.01f;
    std::memcpy(&x, in + i, sizeof x);
    for (int degree = 0; degree < polynomialFlops / 2; ++degree) {
      y = y * x;
      y = y + 0.5f;
    }
    std::memcpy(out + i, &y, sizeof y);
  }
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) void multiplyTilesWide(const float *a, const float *b,
                                                           float *c) {
  multiplyTiles(a, b, c);
}
__attribute__((target("avx2,fma"))) void evaluatePolynomialWide(const float *in, float *out,
                                                                int n) {
  evaluatePolynomial(in, out, n);
}
bool hasWide() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
#else
void multiplyTilesWide(const float *a, const float *b, float *c) { multiplyTiles(a, b, c); }
void evaluatePolynomialWide(const float *in, float *out, int n) { evaluatePolynomial(in, out, n); }
bool hasWide() { return true; }
#endif

/// Baseline code for old machines.
__attribute__((noinline)) void multiplyTilesNarrow(const float *a, const float *b, float *c) {
  multiplyTiles(a, b, c);
}
__attribute__((noinline)) void evaluatePolynomialNarrow(const float *in, float *out, int n) {
  evaluatePolynomial(in, out, n);
}

} // namespace

absl::StatusOr<MachineRates> parseMachineRates(const std::string &text) {
  std::vector<double> numbers;
  const char *at = text.c_str();
  for (bool more = true; more;) {
    char *end = nullptr;
    double number = std::strtod(at, &end);
    more = *end == ',';
    if (end == at || (*end && !more) || !std::isfinite(number) || number <= 0) {
      numbers.clear();
      break;
    }
    numbers.push_back(number);
    at = end + 1;
  }
  if (numbers.size() != 2 && numbers.size() != 4 && numbers.size() != 6)
    return invalidArgument(
        "--machine-rates: '" + text +
        "' is not GBps,GFLOPs; give two positive numbers, for example 12,150, or "
        "four: GB/s gathered, GFLOP/s of products, GB/s streamed, GFLOP/s of kernels, or "
        "six: GB/s between workers and us a message besides");
  MachineRates rates;
  rates.bytesPerSecond = numbers[0] * 1e9;
  rates.flopsPerSecond = numbers[1] * 1e9;
  if (numbers.size() >= 4) {
    rates.streamBytesPerSecond = numbers[2] * 1e9;
    rates.elementFlopsPerSecond = numbers[3] * 1e9;
  }
  if (numbers.size() == 6) {
    rates.linkBytesPerSecond = numbers[4] * 1e9;
    rates.messageSeconds = numbers[5] * 1e-6;
  }
  return rates;
}

MachineRates measureMachineRates(int threads, double seconds) {
  if (threads <= 0)
    threads = int(std::max(1u, std::thread::hardware_concurrency()));
  // Rows of 256 bytes out of 128 MiB, well past the caches of common machines; on large pages and
  // fetched ahead, as generated kernels gather.
  constexpr size_t rowFloats = 64, rows = size_t(1) << 19, numbers = rowFloats * rows;
  MachineRates rates;
  HugeMemory tableMemory, copyMemory;
  if (!tableMemory.reserve(numbers * sizeof(float)) || !copyMemory.reserve(numbers * sizeof(float)))
    return rates;
  float *table = static_cast<float *>(tableMemory.data());
  float *copy = static_cast<float *>(copyMemory.data());
  std::fill(table, table + numbers, 1.0f);
  std::fill(copy, copy + numbers, 0.0f);
  rates.bytesPerSecond = rate(threads, seconds / 4, [&](int t) {
    constexpr int batch = 1 << 15, ahead = 8;
    const float *next[ahead];
    uint64_t state =
        0x9E3779B97F4A7C15ull * uint64_t(t + 1) + uint64_t(Clock::now().time_since_epoch().count());
    auto draw = [&] {
      state = state * 6364136223846793005ull + 1442695040888963407ull;
      const float *row = table + (state >> 33) % rows * rowFloats;
      for (size_t line = 0; line < rowFloats; line += 16)
        __builtin_prefetch(row + line);
      return row;
    };
    for (const float *&row : next)
      row = draw();
    float sums[rowFloats] = {};
    for (int i = 0; i < batch; ++i) {
      const float *row = std::exchange(next[i % ahead], draw());
      for (size_t c = 0; c < rowFloats; ++c)
        sums[c] += row[c];
    }
    float all = 0;
    for (float sum : sums)
      all += sum;
    sink.store(all, std::memory_order_relaxed);
    return double(batch) * rowFloats * sizeof(float);
  });
  // Each thread copies its share, piece by piece; read and written bytes count.
  const size_t share = numbers / size_t(threads), piece = std::min(share, size_t(1) << 18);
  std::vector<size_t> places(size_t(threads), 0);
  rates.streamBytesPerSecond = rate(threads, seconds / 4, [&](int t) {
    size_t &place = places[size_t(t)];
    size_t first = size_t(t) * share + place;
    std::memcpy(copy + first, table + first, piece * sizeof(float));
    sink.store(copy[first], std::memory_order_relaxed);
    place = place + 2 * piece <= share ? place + piece : 0;
    return 2.0 * double(piece) * sizeof(float);
  });
  bool wide = hasWide();
  constexpr int repeats = 64;
  rates.flopsPerSecond = rate(threads, seconds / 4, [&](int) {
    std::vector<float> a(tile * tile, 0.5f), b(tile * tile, 0.25f), c(tile * tile);
    for (int i = 0; i < repeats; ++i) {
      a[size_t(i)] = sink.load(std::memory_order_relaxed);
      (wide ? multiplyTilesWide : multiplyTilesNarrow)(a.data(), b.data(), c.data());
      sink.store(c[size_t(i)] * 1e-6f, std::memory_order_relaxed);
    }
    return 2.0 * tile * tile * tile * repeats;
  });
  rates.elementFlopsPerSecond = rate(threads, seconds / 4, [&](int) {
    constexpr int count = 2048;
    std::vector<float> in(count, 0.5f), out(count);
    for (int i = 0; i < repeats; ++i) {
      in[size_t(i)] = sink.load(std::memory_order_relaxed);
      (wide ? evaluatePolynomialWide : evaluatePolynomialNarrow)(in.data(), out.data(), count);
      sink.store(out[size_t(i)] * 1e-6f, std::memory_order_relaxed);
    }
    return double(polynomialFlops) * count * repeats;
  });
  return rates;
}

} // namespace heddle::plan
