//===- Gemm.cpp - dense products by oneDNN on fixed tiles --------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/Gemm.h"

#include "oneapi/dnnl/dnnl.h"

#include <algorithm>
#include <dlfcn.h>
#include <sys/mman.h>
#include <utility>
#include <vector>

namespace heddle::exec {

namespace {
/// The OpenMP runtime comes with the library; nothing else here needs it at link time.
struct OpenMp {
  void (*set)(int) = reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "omp_set_num_threads"));
  int (*get)() = reinterpret_cast<int (*)()>(dlsym(RTLD_DEFAULT, "omp_get_max_threads"));
};
const OpenMp &openMp() {
  static const OpenMp functions;
  return functions;
}
} // namespace

int useOneBlasThread() {
  const OpenMp &omp = openMp();
  int before = omp.get ? omp.get() : 1;
  if (omp.set)
    omp.set(1);
  return before;
}

void restoreBlasThreads(int before) {
  if (openMp().set)
    openMp().set(before);
}

absl::Status prepareGemm() {
  // As measured: under 7 MiB, all of it for the first products.
  constexpr size_t room = size_t(16) << 20;
  void *there = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (there == MAP_FAILED)
    return absl::ResourceExhaustedError("the system has no 16 MiB for the code of dense products; "
                                        "use a machine (or a limit: ulimit -a) "
                                        "with more memory");
  munmap(there, room);
  bool good = true;
  const int before = useOneBlasThread();
  for (int n : {1, 16}) // products by vectors have code of their own
    for (const auto &[a, b] : {std::pair('N', 'N'), std::pair('N', 'T'), std::pair('T', 'N')}) {
      const float x[256] = {}, y[256] = {};
      float z[256];
      good &= dnnl_sgemm(a, b, 16, n, 16, 1.0f, x, 16, y, 16, 0.0f, z, 16) == dnnl_success;
    }
  restoreBlasThreads(before);
  return good ? absl::OkStatus()
              : internalError("oneDNN does not multiply matrices on this machine");
}

bool gemmRows(const plan::GemmAttrsT &attrs, const float *a, const float *b, float *c,
              int64_t begin, int64_t end) {
  const int64_t k = attrs.k, n = attrs.n, heads = attrs.heads;
  bool good = true;
  for (int64_t row = begin; row < end; row += gemmTileRows) {
    int64_t rows = std::min(gemmTileRows, end - row);
    for (int64_t h = 0; h < heads; ++h)
      good &= dnnl_sgemm('N', attrs.transpose_b ? 'T' : 'N', rows, n, k, 1.0f,
                         a + (row * heads + h) * k, heads * k, b + h * k * n,
                         attrs.transpose_b ? k : n, attrs.accumulate ? 1.0f : 0.0f,
                         c + (row * heads + h) * n, heads * n) == dnnl_success;
  }
  return good;
}

bool gemmChunk(const plan::GemmAttrsT &attrs, const float *a, const float *b, float *c, int64_t m,
               int64_t chunk) {
  const int64_t k = attrs.k, n = attrs.n, heads = attrs.heads;
  const int64_t first = chunk * int64_t(attrs.chunk_rows);
  int64_t rows = std::min<int64_t>(attrs.chunk_rows, m - first);
  bool good = true;
  for (int64_t h = 0; h < heads; ++h)
    good &= dnnl_sgemm('T', 'N', k, n, rows, 1.0f, a + (first * heads + h) * k, heads * k,
                       b + (first * heads + h) * n, heads * n, 0.0f,
                       c + (chunk * heads + h) * k * n, n) == dnnl_success;
  return good;
}

bool warmGemm(const plan::GemmAttrsT &attrs) {
  const size_t k = attrs.k, n = attrs.n, rows = 16, heads = attrs.heads;
  std::vector<float> a(rows * k * heads), b(std::max(k, rows) * n * heads),
      c(std::max(k, rows) * n * heads);
  int before = useOneBlasThread();
  const bool good = attrs.gemm == plan::GemmKind::RowsParam
                        ? gemmRows(attrs, a.data(), b.data(), c.data(), 0, rows)
                        : gemmChunk(attrs, a.data(), b.data(), c.data(),
                                    std::min<int64_t>(rows, attrs.chunk_rows), 0);
  restoreBlasThreads(before);
  return good;
}

} // namespace heddle::exec
