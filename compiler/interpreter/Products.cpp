//===- Products.cpp - the reference semantics of products -----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/interpreter/Products.h"

#include "compiler/interpreter/Operands.h"

using namespace mlir;
using namespace heddle::hgnn;
using llvm::FailureOr;

namespace heddle::compiler {
namespace {

template <class T> class Products : Operands<T> {
public:
  Products(Operation *op, ArrayRef<RuntimeValue<T>> operands) : Operands<T>(op, operands) {}

  using Result = FailureOr<Tensor<T>>;
  Result run() {
    return llvm::TypeSwitch<Operation *, Result>(op)
        .template Case<LinearOp>(
            [&](LinearOp o) { return linear(tensor(0), tensor(1), o.getTranspose()); })
        .template Case<LinearGradWeightOp>([&](auto) { return linearGradWeight(); })
        .template Case<HeadLinearOp>(
            [&](HeadLinearOp o) { return headLinear(tensor(0), tensor(1), o.getTranspose()); })
        .template Case<LinearSumOp>([&](LinearSumOp o) { return linearSum(o); })
        .template Case<HeadLinearGradWeightOp>(
            [&](HeadLinearGradWeightOp o) { return headLinearGradWeight(o); })
        .template Case<SparseLinearOp>([&](auto) { return sparseLinear(); })
        .template Case<SparseLinearGradWeightOp>([&](auto) { return sparseLinearGradWeight(); });
  }

private:
  HEDDLE_USE_OPERANDS(T)

  Result linear(const Tensor<T> &input, const Tensor<T> &w, bool transpose);
  Result linearGradWeight();
  Result headLinear(const Tensor<T> &input, const Tensor<T> &w, bool transpose);
  Result linearSum(LinearSumOp op);
  Result headLinearGradWeight(HeadLinearGradWeightOp op);
  Result sparseLinear();
  Result sparseLinearGradWeight();
};

/// A param [m, k] as m rows of k.
template <class T> Tensor<T> asRows(const Tensor<T> &input) {
  Tensor<T> result = input;
  if (input.isParam()) {
    result.shape = {input.shape.empty() ? 1 : input.shape.back()};
    result.rows = int64_t(input.data.size()) / std::max<int64_t>(result.shape[0], 1);
  }
  return result;
}

/// What was made of a param's rows as a param again.
template <class T> Tensor<T> asParam(Tensor<T> result, const Tensor<T> &input) {
  if (!input.isParam())
    return result;
  if (input.shape.size() == 2)
    result.shape.insert(result.shape.begin(), result.rows);
  result.rows = -1;
  return result;
}

template <class T>
FailureOr<Tensor<T>> Products<T>::linear(const Tensor<T> &input, const Tensor<T> &w,
                                         bool transpose) {
  Tensor<T> x = asRows(input);
  if (failed(need(w.isParam() && w.shape.size() == 2, "the weight is not a matrix")))
    return failure();
  int64_t k = w.shape[transpose ? 1 : 0], n = w.shape[transpose ? 0 : 1];
  if (failed(need(x.width() == k, "rows of width " + Twine(x.width()) + " times a matrix of " +
                                      Twine(k) + " rows")))
    return failure();
  auto result = Tensor<T>::make(x.rows, {n});
  for (int64_t i = 0; i < x.rows; ++i)
    for (int64_t j = 0; j < n; ++j)
      for (int64_t p = 0; p < k; ++p)
        result.at(i, j) += x.at(i, p) * (transpose ? w.data[j * k + p] : w.data[p * n + j]);
  return asParam(result, input);
}

template <class T> FailureOr<Tensor<T>> Products<T>::linearGradWeight() {
  Tensor<T> x = asRows(tensor(0)), g = asRows(tensor(1));
  if (failed(needRows(g, x.rows, "the gradient")))
    return failure();
  auto result = Tensor<T>::param({x.width(), g.width()});
  for (int64_t i = 0; i < x.rows; ++i)
    for (int64_t p = 0; p < x.width(); ++p)
      for (int64_t j = 0; j < g.width(); ++j)
        result.data[p * g.width() + j] += x.at(i, p) * g.at(i, j);
  return result;
}

/// Head by head: a block of the matrix for each, or of its gradient.
template <class T>
FailureOr<Tensor<T>> Products<T>::headLinear(const Tensor<T> &input, const Tensor<T> &w,
                                             bool transpose) {
  const Tensor<T> x = asRows(input);
  if (failed(need(w.isParam() && w.shape.size() == 3, "the weight is no stack of matrices")))
    return failure();
  int64_t heads = w.shape[0], k = w.shape[transpose ? 2 : 1], n = w.shape[transpose ? 1 : 2];
  if (failed(need(x.width() == heads * k, "rows of width " + Twine(x.width()) + " are not " +
                                              Twine(heads) + " heads of " + Twine(k))))
    return failure();
  auto result = Tensor<T>::make(x.rows, {heads * n});
  for (int64_t i = 0; i < x.rows; ++i)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t j = 0; j < n; ++j)
        for (int64_t p = 0; p < k; ++p)
          result.at(i, h * n + j) +=
              x.at(i, h * k + p) * w.data[h * k * n + (transpose ? j * k + p : p * n + j)];
  return asParam(result, input);
}

template <class T> FailureOr<Tensor<T>> Products<T>::linearSum(LinearSumOp op) {
  Result sum = failure();
  const size_t terms = op.getInputs().size();
  for (size_t i = 0; i < terms; ++i) {
    const Tensor<T> &w = tensor(terms + i);
    Result product = w.shape.size() == 3 ? headLinear(tensor(i), w, op.getTranspose())
                                         : linear(tensor(i), w, op.getTranspose());
    if (failed(product))
      return failure();
    if (i == 0) {
      sum = std::move(product);
      continue;
    }
    if (failed(need(product->data.size() == sum->data.size(), "products of two shapes")))
      return failure();
    for (size_t p = 0; p < sum->data.size(); ++p)
      sum->data[p] += product->data[p];
  }
  return sum;
}

template <class T>
FailureOr<Tensor<T>> Products<T>::headLinearGradWeight(HeadLinearGradWeightOp op) {
  const Tensor<T> x = asRows(tensor(0)), g = asRows(tensor(1));
  int64_t heads = op.getHeads(), k = x.width() / heads, n = g.width() / heads;
  if (failed(needRows(g, x.rows, "the gradient")))
    return failure();
  auto result = Tensor<T>::param({heads, k, n});
  for (int64_t i = 0; i < x.rows; ++i)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t p = 0; p < k; ++p)
        for (int64_t j = 0; j < n; ++j)
          result.data[(h * k + p) * n + j] += x.at(i, h * k + p) * g.at(i, h * n + j);
  return result;
}

template <class T> FailureOr<Tensor<T>> Products<T>::sparseLinear() {
  const SparseRows &s = object<SparseRows>(0);
  const Tensor<T> &w = tensor(1);
  if (failed(need(w.isParam() && w.shape.size() == 2 && w.shape[0] == s.dim,
                  "the weight needs " + Twine(s.dim) + " rows")))
    return failure();
  int64_t n = w.shape[1];
  auto result = Tensor<T>::make(int64_t(s.rows.size()), {n});
  for (int64_t i = 0; i < result.rows; ++i)
    for (auto [column, value] : s.rows[i])
      for (int64_t j = 0; j < n; ++j)
        result.at(i, j) += T(value) * w.data[column * n + j];
  return result;
}

template <class T> FailureOr<Tensor<T>> Products<T>::sparseLinearGradWeight() {
  const SparseRows &s = object<SparseRows>(0);
  const Tensor<T> &g = tensor(1);
  if (failed(needRows(g, int64_t(s.rows.size()), "the gradient")))
    return failure();
  int64_t n = g.width();
  auto result = Tensor<T>::param({s.dim, n});
  for (int64_t i = 0; i < g.rows; ++i)
    for (auto [column, value] : s.rows[i])
      for (int64_t j = 0; j < n; ++j)
        result.data[column * n + j] += T(value) * g.at(i, j);
  return result;
}

} // namespace

template <class T>
FailureOr<Tensor<T>> computeProduct(Operation *op, ArrayRef<RuntimeValue<T>> operands) {
  return Products<T>(op, operands).run();
}

template FailureOr<Tensor<double>> computeProduct(Operation *, ArrayRef<RuntimeValue<double>>);
template FailureOr<Tensor<Dual>> computeProduct(Operation *, ArrayRef<RuntimeValue<Dual>>);

} // namespace heddle::compiler
