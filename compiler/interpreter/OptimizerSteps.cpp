//===- OptimizerSteps.cpp - updates of parameters and tables --------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/interpreter/Programs.h"

using namespace mlir;
using namespace heddle::hgnn;
using llvm::FailureOr;

namespace heddle::compiler {

FailureOr<OptimizerOp> optimizerOf(Operation *op, const Batch &batch, int64_t group) {
  for (auto optimizer : ModuleOp(batch.module).getOps<OptimizerOp>())
    if (int64_t(optimizer.getGroup()) == group)
      return optimizer;
  return op->emitError("there is no hgnn.optimizer of group ") << group;
}

/// The numbers of a rule, and what the step gives it.
template <class T> struct Rule {
  OptimizerKind kind;
  double beta1, beta2, eps, weightDecay, momentum;
  T lr, correction1, correction2;

  /// Updates one number w and its moments (null where the rule has none) by its gradient.
  void update(T &w, T g, T *m, T *v) const {
    if (kind == OptimizerKind::AdamW)
      w -= lr * T(weightDecay) * w;
    else
      g += T(weightDecay) * w;
    if (kind == OptimizerKind::Sgd) {
      if (m)
        g = *m = T(momentum) * *m + g;
      w -= lr * g;
      return;
    }
    *m = T(beta1) * *m + T(1 - beta1) * g;
    *v = T(beta2) * *v + T(1 - beta2) * g * g;
    w -= lr / correction1 * *m / (sqrt(*v / correction2) + T(eps));
  }
};

template <class T>
LogicalResult optimizerStep(Operation *op, ArrayRef<RuntimeValue<T>> operands,
                            ArrayRef<StringRef> names, const Batch &batch, States<T> &states) {
  auto row = dyn_cast<RowOptimizerStepOp>(op);
  auto dense = dyn_cast<OptimizerStepOp>(op);
  auto optimizer = optimizerOf(op, batch, int64_t(row ? row.getGroup() : dense.getGroup()));
  if (failed(optimizer))
    return failure();
  size_t numScalars = (row ? row.getScalars() : dense.getScalars()).size();
  size_t firstScalar = row ? 2 : 1;
  auto tensor = [&](size_t i) -> const Tensor<T> & { return std::get<Tensor<T>>(operands[i]); };

  Rule<T> rule;
  rule.kind = optimizer->getKind();
  rule.beta1 = optimizer->getBeta1().convertToDouble();
  rule.beta2 = optimizer->getBeta2().convertToDouble();
  rule.eps = optimizer->getEps().convertToDouble();
  rule.weightDecay = row ? 0 : optimizer->getWeightDecay().convertToDouble();
  rule.momentum = optimizer->getMomentum().convertToDouble();
  bool adam = rule.kind != OptimizerKind::Sgd;
  size_t wantedScalars = adam && !row ? 3 : 1;
  size_t wantedMoments = adam ? (row ? 3 : 2) : (!row && rule.momentum != 0 ? 1 : 0);
  if (numScalars != wantedScalars || names.size() != 1 + wantedMoments)
    return op->emitError("the rule of its group needs ")
           << wantedScalars << " scalars and " << wantedMoments << " moments, got " << numScalars
           << " and " << names.size() - 1;
  rule.lr = tensor(firstScalar).data[0];
  if (adam && !row) {
    rule.correction1 = tensor(firstScalar + 1).data[0];
    rule.correction2 = tensor(firstScalar + 2).data[0];
  }
  T clip = operands.size() > firstScalar + numScalars ? tensor(firstScalar + numScalars).data[0] : T(1);

  SmallVector<Tensor<T> *> arrays;
  for (StringRef name : names) {
    arrays.push_back(states.next(op, name));
    if (!arrays.back())
      return failure();
  }
  Tensor<T> &w = *arrays[0];
  const Tensor<T> &g = tensor(0);
  auto moment = [&](size_t i, size_t element) {
    return wantedMoments > i ? &arrays[1 + i]->data[element] : nullptr;
  };
  if (dense) {
    if (g.data.size() != w.data.size())
      return op->emitError("the gradient has ") << g.data.size() << " numbers, the state "
                                                << w.data.size();
    for (size_t i = 0; i < w.data.size(); ++i)
      rule.update(w.data[i], g.data[i] * clip, moment(0, i), moment(1, i));
    return success();
  }
  const Ids &ids = *std::get<std::shared_ptr<const Ids>>(operands[1]);
  int64_t width = w.width();
  if (g.rows != ids.size() || g.width() != width)
    return op->emitError("the gradient does not fit the rows");
  for (int64_t i = 0; i < ids.size(); ++i) {
    if (adam) {
      T &steps = arrays[3]->data[ids.ids[i]];
      steps += T(1);
      rule.correction1 = T(1 - std::pow(rule.beta1, valueOf(steps)));
      rule.correction2 = T(1 - std::pow(rule.beta2, valueOf(steps)));
    }
    for (int64_t j = 0; j < width; ++j) {
      size_t element = size_t(ids.ids[i] * width + j);
      rule.update(w.data[element], g.at(i, j) * clip, moment(0, element), moment(1, element));
    }
  }
  return success();
}

template LogicalResult optimizerStep(Operation *, ArrayRef<RuntimeValue<double>>, ArrayRef<StringRef>,
                                     const Batch &, States<double> &);
template LogicalResult optimizerStep(Operation *, ArrayRef<RuntimeValue<Dual>>, ArrayRef<StringRef>,
                                     const Batch &, States<Dual> &);

} // namespace heddle::compiler
