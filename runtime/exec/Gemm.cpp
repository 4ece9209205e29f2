//===- Gemm.cpp - dense products by oneDNN on fixed tiles --------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/Gemm.h"

#include "runtime/plan/Products.h"

#include "oneapi/dnnl/dnnl.h"

#include <algorithm>
#include <dlfcn.h>
#include <set>
#include <sys/mman.h>
#include <tuple>
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

/// Makes the library write its code for `attrs`: which it is depends, by rules of the library's
/// own, on the rows too.
static bool writeCode(const plan::GemmAttrsT &attrs) {
  const size_t k = attrs.k, n = attrs.n, heads = attrs.heads, most = gemmTileRows;
  const bool byRows = attrs.gemm == plan::GemmKind::RowsParam;
  const std::vector<float> a(most * k * heads), b((byRows ? k : most) * n * heads);
  std::vector<float> c((byRows ? most : k) * n * heads);
  bool good = true;
  for (size_t rows : {size_t(1), size_t(2), size_t(16), size_t(64), most})
    good &= byRows ? gemmRows(attrs, a.data(), b.data(), c.data(), 0, int64_t(rows))
                   : gemmChunk(attrs, a.data(), b.data(), c.data(),
                               std::min<int64_t>(int64_t(rows), attrs.chunk_rows), 0);
  return good;
}

absl::Status prepareGemm(const plan::PlanT &plan) {
  // As measured: under 18 MiB of code, of which little is ever touched.
  constexpr size_t room = size_t(24) << 20;
  std::set<std::tuple<plan::GemmKind, uint32_t, uint32_t, uint32_t, bool, bool>> seen;
  for (const auto &entry : plan.entries)
    for (const auto &op : entry->ops)
      for (const plan::Product &product : plan::productsOf(*op)) {
        const plan::GemmAttrsT &g = *product.attrs;
        if (seen.empty()) {
          void *there =
              mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
          if (there == MAP_FAILED)
            return absl::ResourceExhaustedError(
                "the system has no 24 MiB for the code of dense products; use a machine (or a "
                "limit: ulimit -a) with more memory");
          munmap(there, room);
        }
        if (!seen.emplace(g.gemm, g.k, g.n, g.heads, g.transpose_b, g.accumulate).second)
          continue;
        const int before = useOneBlasThread();
        const bool good = writeCode(g);
        restoreBlasThreads(before);
        if (!good)
          return absl::ResourceExhaustedError(
              "the system has no memory for the copies that dense products make; use a machine "
              "(or a limit: ulimit -a) with more memory");
      }
  return absl::OkStatus();
}

} // namespace heddle::exec
