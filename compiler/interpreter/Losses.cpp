//===- Losses.cpp - the reference semantics of losses ---------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/interpreter/Losses.h"

#include "compiler/interpreter/NumberFunctions.h"
#include "compiler/interpreter/Operands.h"

using namespace mlir;
using namespace heddle::hgnn;
using llvm::FailureOr;

namespace heddle::compiler {
namespace {

template <class T> class Losses : Operands<T> {
public:
  Losses(Operation *op, ArrayRef<RuntimeValue<T>> operands) : Operands<T>(op, operands) {}

  using Result = FailureOr<Tensor<T>>;
  Result softmax(const std::optional<ArrayRef<double>> &weights, bool gradient);
  Result sigmoid(const std::optional<ArrayRef<double>> &weights, bool gradient);

private:
  HEDDLE_USE_OPERANDS(T)
};

template <class T>
FailureOr<Tensor<T>> Losses<T>::softmax(const std::optional<ArrayRef<double>> &weights,
                                           bool gradient) {
  const Tensor<T> &z = tensor(0);
  const Labels &labels = object<Labels>(1);
  int64_t classes = z.width();
  if (failed(needRows(z, int64_t(labels.classes.size()), "the logits")) ||
      (gradient && failed(needRows(tensor(2), z.rows, "the gradient"))))
    return failure();
  auto result = Tensor<T>::make(z.rows, gradient ? z.shape : std::vector<int64_t>{1});
  for (int64_t row = 0; row < z.rows; ++row) {
    int64_t label = labels.classes[row];
    if (label < 0)
      continue;
    if (failed(need(label < classes, "label " + Twine(label) + " has no logit")))
      return failure();
    T largest = z.at(row, 0), sum(0);
    for (int64_t j = 1; j < classes; ++j)
      if (valueOf(z.at(row, j)) > valueOf(largest))
        largest = z.at(row, j);
    for (int64_t j = 0; j < classes; ++j)
      sum += exp(z.at(row, j) - largest);
    T weight = weights ? T((*weights)[label]) : T(1);
    if (!gradient)
      result.at(row, 0) = weight * (log(sum) + largest - z.at(row, label));
    for (int64_t j = 0; gradient && j < classes; ++j)
      result.at(row, j) = weight * tensor(2).at(row, 0) *
                          (exp(z.at(row, j) - largest) / sum - T(j == label ? 1 : 0));
  }
  return result;
}

template <class T>
FailureOr<Tensor<T>> Losses<T>::sigmoid(const std::optional<ArrayRef<double>> &weights,
                                           bool gradient) {
  const Tensor<T> &z = tensor(0);
  const Labels &labels = object<Labels>(1);
  int64_t classes = z.width();
  if (failed(needRows(z, int64_t(labels.multi.size()), "the logits")) ||
      failed(need(labels.numClasses == classes, "a logit per class is needed")) ||
      (gradient && failed(needRows(tensor(2), z.rows, "the gradient"))))
    return failure();
  auto result = Tensor<T>::make(z.rows, gradient ? z.shape : std::vector<int64_t>{1});
  for (int64_t row = 0; row < z.rows; ++row) {
    if (labels.multi[row].empty())
      continue;
    T sum(0);
    for (int64_t j = 0; j < classes; ++j) {
      T x = z.at(row, j), y(labels.multi[row][j]), w = weights ? T((*weights)[j]) : T(1);
      if (gradient)
        result.at(row, j) = tensor(2).at(row, 0) / T(double(classes)) *
                            ((T(1) - y) * sigmoidOf(x) - w * y * sigmoidOf(-x));
      else
        sum += w * y * softplus(-x) + (T(1) - y) * softplus(x);
    }
    if (!gradient)
      result.at(row, 0) = sum / T(double(classes));
  }
  return result;
}

} // namespace

template <class T>
FailureOr<Tensor<T>> computeLoss(Operation *op, ArrayRef<RuntimeValue<T>> operands) {
  Losses<T> losses(op, operands);
  using Result = FailureOr<Tensor<T>>;
  return llvm::TypeSwitch<Operation *, Result>(op)
      .template Case<SoftmaxXentOp, SoftmaxXentGradOp>([&](auto o) {
        return losses.softmax(o.getClassWeights(), isa<SoftmaxXentGradOp>(op));
      })
      .template Case<SigmoidXentOp, SigmoidXentGradOp>([&](auto o) {
        return losses.sigmoid(o.getClassWeights(), isa<SigmoidXentGradOp>(op));
      });
}

template <class T>
FailureOr<Tensor<T>> rowLosses(Operation *at, const Tensor<T> &logits,
                               std::shared_ptr<const Labels> labels,
                               std::optional<ArrayRef<double>> classWeights) {
  SmallVector<RuntimeValue<T>> operands = {logits, labels};
  Losses<T> losses(at, operands);
  return labels->classes.empty() ? losses.sigmoid(classWeights, false)
                                 : losses.softmax(classWeights, false);
}

template FailureOr<Tensor<double>> computeLoss(Operation *, ArrayRef<RuntimeValue<double>>);
template FailureOr<Tensor<Dual>> computeLoss(Operation *, ArrayRef<RuntimeValue<Dual>>);
template FailureOr<Tensor<double>> rowLosses(Operation *, const Tensor<double> &,
                                             std::shared_ptr<const Labels>,
                                             std::optional<ArrayRef<double>>);
template FailureOr<Tensor<Dual>> rowLosses(Operation *, const Tensor<Dual> &,
                                           std::shared_ptr<const Labels>,
                                           std::optional<ArrayRef<double>>);

} // namespace heddle::compiler
