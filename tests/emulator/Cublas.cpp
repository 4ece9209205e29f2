//===- Cublas.cpp - libcublas.so for an emulated device --------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Products as they are defined, a column at a time.
//
//===----------------------------------------------------------------------===//
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <vector>

namespace heddle::emulator {
struct Stream;
}
using heddle::emulator::Stream;

extern "C" int heddleEmulatorGive(Stream *stream, const char *function, uint64_t flops,
                                  const std::function<int()> &work);
extern "C" void *heddleEmulatorMemory(uint64_t address, uint64_t bytes, const char *what);

namespace {

constexpr int ok = 0, invalidValue = 7, executionFailed = 13;

struct Handle {
  Stream *stream = nullptr;
  bool tf32 = false;
};

/// To 10 bits behind the point; of two that are as near the even one.
float toTf32(float x) {
  uint32_t bits = std::bit_cast<uint32_t>(x);
  if (std::isfinite(x))
    bits = (bits + 0xfff + (bits >> 13 & 1)) & ~uint32_t(0x1fff);
  return std::bit_cast<float>(bits);
}

struct Product {
  bool transA, transB;
  int m, n, k, lda, ldb, ldc;
  float alpha, beta;
  bool tf32;

  bool valid() const {
    return m >= 0 && n >= 0 && k >= 0 && lda >= (transA ? k : m) && ldb >= (transB ? n : k) &&
           ldc >= m;
  }
  uint64_t flops(int count) const { return 2 * uint64_t(m) * uint64_t(n) * uint64_t(k) * uint64_t(count); }
  /// Elements from the first of a matrix with `rows` in a column to the last.
  static int64_t extent(int64_t rows, int64_t columns, int64_t ld) {
    return rows > 0 && columns > 0 ? (columns - 1) * ld + rows : 0;
  }

  int run(uint64_t a, uint64_t b, uint64_t c) const {
    if (m == 0 || n == 0)
      return ok;
    auto matrix = [](uint64_t address, int64_t numbers, const char *what) {
      return static_cast<float *>(
          address % 4 ? nullptr : heddleEmulatorMemory(address, uint64_t(numbers) * 4, what));
    };
    const int64_t ofA = transA ? extent(k, m, lda) : extent(m, k, lda),
                  ofB = transB ? extent(n, k, ldb) : extent(k, n, ldb);
    const float *x = k ? matrix(a, ofA, "A of a product") : nullptr,
                *y = k ? matrix(b, ofB, "B of a product") : nullptr;
    float *z = matrix(c, extent(m, n, ldc), "C of a product");
    if (!z || (k && (!x || !y)))
      return executionFailed;
    std::vector<float> column(static_cast<size_t>(m));
    for (int64_t j = 0; j < n; ++j) {
      std::fill(column.begin(), column.end(), 0.0f);
      for (int64_t p = 0; p < k; ++p) {
        auto input = [&](float number) { return tf32 ? toTf32(number) : number; };
        const float factor = input(transB ? y[p * ldb + j] : y[j * ldb + p]);
        for (int64_t i = 0; i < m; ++i)
          column[size_t(i)] += input(transA ? x[i * lda + p] : x[p * lda + i]) * factor;
      }
      // What C held is not looked at where it counts nothing.
      for (int64_t i = 0; i < m; ++i)
        z[j * ldc + i] = alpha * column[size_t(i)] + (beta == 0 ? 0 : beta * z[j * ldc + i]);
    }
    return ok;
  }
};

} // namespace

extern "C" {

int cublasCreate_v2(Handle **handle) {
  *handle = new Handle;
  return ok;
}
int cublasDestroy_v2(Handle *handle) {
  delete handle;
  return ok;
}
int cublasSetMathMode(Handle *handle, int mode) {
  if (mode != 0 && mode != 3)
    return invalidValue;
  handle->tf32 = mode == 3;
  return ok;
}
int cublasSetStream_v2(Handle *handle, Stream *stream) {
  handle->stream = stream;
  return ok;
}
int cublasSgemmStridedBatched(Handle *handle, int transA, int transB, int m, int n, int k,
                              const float *alpha, const float *a, int lda, long long strideA,
                              const float *b, int ldb, long long strideB, const float *beta,
                              float *c, int ldc, long long strideC, int count) {
  const Product product{transA != 0, transB != 0, m,      n,     k,           lda,
                        ldb,         ldc,         *alpha, *beta, handle->tf32};
  if (!product.valid() || count < 0)
    return invalidValue;
  auto at = [](const float *first, long long stride, int i) {
    return reinterpret_cast<uint64_t>(first) + uint64_t(stride * i) * 4;
  };
  return heddleEmulatorGive(handle->stream, __func__, product.flops(count), [=] {
    for (int i = 0; i < count; ++i)
      if (int error = product.run(at(a, strideA, i), at(b, strideB, i), at(c, strideC, i)))
        return error;
    return ok;
  });
}
int cublasSgemmBatched(Handle *handle, int transA, int transB, int m, int n, int k,
                       const float *alpha, const float *const *a, int lda, const float *const *b,
                       int ldb, const float *beta, float *const *c, int ldc, int count) {
  const Product product{transA != 0, transB != 0, m,      n,     k,           lda,
                        ldb,         ldc,         *alpha, *beta, handle->tf32};
  if (!product.valid() || count < 0)
    return invalidValue;
  return heddleEmulatorGive(handle->stream, __func__, product.flops(count), [=] {
    auto list = [&](const void *address) {
      return static_cast<const uint64_t *>(heddleEmulatorMemory(
          reinterpret_cast<uint64_t>(address), uint64_t(count) * 8, "a list of matrices"));
    };
    const uint64_t *as = list(a), *bs = list(b), *cs = list(c);
    if (!as || !bs || !cs)
      return executionFailed;
    for (int i = 0; i < count; ++i)
      if (int error = product.run(as[i], bs[i], cs[i]))
        return error;
    return ok;
  });
}

} // extern "C"
