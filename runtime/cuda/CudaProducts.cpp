//===- CudaProducts.cpp - dense products of a step on a GPU -----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/CudaQueue.h"

namespace heddle::cuda {

// cuBLAS has matrices by columns: ours, by rows, are their transposes, and C^T = B^T A^T.

absl::Status CudaQueue::runProducts(const Op &op, uint32_t stream) const {
  if (op.gemm->gemm == plan::GemmKind::RowsParam && op.domain > INT32_MAX)
    return internalError("op '" + op.op->name + "': more than 2^31 rows");
  for (size_t p = op.firstProduct; p < op.endProduct; ++p) {
    const Product &product = products_[p];
    int status = product.attrs->gemm == plan::GemmKind::RowsParam
                     ? multiplyRows(product, op.domain, stream)
                     : multiplyChunks(product, op.domain, stream);
    if (status)
      return session_.blasLibrary().check(status, "op '" + op.op->name + "'");
  }
  return absl::OkStatus();
}

int CudaQueue::multiplyRows(const Product &product, int64_t rows, uint32_t stream) const {
  const plan::GemmAttrsT &g = *product.attrs;
  const int m = int(rows), n = int(g.n), k = int(g.k), heads = int(g.heads);
  const float one = 1, old = g.accumulate ? 1 : 0;
  return session_.blasLibrary().cublasSgemmStridedBatched(
      session_.blas(stream), g.transpose_b ? blasTranspose : blasNoTranspose, blasNoTranspose, n, m,
      k, &one, floats(product.b), g.transpose_b ? k : n, int64_t(k) * n, floats(product.a),
      heads * k, k, &old, floats(product.c), heads * n, n, heads);
}

int CudaQueue::multiplyChunks(const Product &product, int64_t domain, uint32_t stream) const {
  const plan::GemmAttrsT &g = *product.attrs;
  const int n = int(g.n), k = int(g.k), heads = int(g.heads);
  const int64_t rows = g.chunk_rows, whole = domain / rows, rest = domain - whole * rows;
  const float one = 1, none = 0;
  auto products = [&](int64_t first, int64_t number, int64_t chunkRows) {
    return session_.blasLibrary().cublasSgemmStridedBatched(
        session_.blas(stream), blasNoTranspose, blasTranspose, n, k, int(chunkRows), &one,
        floats(product.b) + first * rows * n, n, rows * n, floats(product.a) + first * rows * k, k,
        rows * k, &none, floats(product.c) + first * k * n, n, int64_t(k) * n, int(number));
  };
  int status = 0;
  if (heads == 1) {
    if (whole > 0)
      status = products(0, whole, rows);
    if (rest > 0 && !status)
      status = products(whole, 1, rest);
    return status;
  }
  const int64_t count = (whole + (rest > 0)) * heads;
  auto lists = reinterpret_cast<const float *const *>(
      argumentMemory_.data() + (argumentBuffers_.size() + product.batch) * sizeof(DevicePointer));
  auto many = [&](int64_t first, int64_t number, int64_t chunkRows) {
    return session_.blasLibrary().cublasSgemmBatched(
        session_.blas(stream), blasNoTranspose, blasTranspose, n, k, int(chunkRows), &one,
        lists + first, heads * n, lists + count + first, heads * k, &none,
        const_cast<float *const *>(lists + 2 * count + first), n, int(number));
  };
  if (whole > 0)
    status = many(0, whole * heads, rows);
  if (rest > 0 && !status)
    status = many(whole * heads, heads, rest);
  return status;
}

void CudaQueue::listMatrices(Product &product, int64_t domain) {
  const plan::GemmAttrsT &g = *product.attrs;
  if (g.gemm != plan::GemmKind::ParamGrad || g.heads == 1)
    return;
  const int64_t n = g.n, k = g.k, heads = g.heads, rows = g.chunk_rows;
  const int64_t chunks = (domain + rows - 1) / rows;
  product.batch = batches_.size();
  auto list = [&](int32_t buffer, int64_t chunkNumbers, int64_t headNumbers) {
    for (int64_t chunk = 0; chunk < chunks; ++chunk)
      for (int64_t head = 0; head < heads; ++head)
        batches_.push_back(pointer(buffer) +
                           uint64_t(chunk * chunkNumbers + head * headNumbers) * sizeof(float));
  };
  list(product.b, rows * heads * n, n);
  list(product.a, rows * heads * k, k);
  list(product.c, heads * k * n, k * n);
}

} // namespace heddle::cuda
