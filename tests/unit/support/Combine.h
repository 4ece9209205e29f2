//===- Combine.h - another cross-relation combine for a model ----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_UNIT_SUPPORT_COMBINE_H
#define HEDDLE_TESTS_UNIT_SUPPORT_COMBINE_H

#include "dialects/hgnn/Hgnn.h"

#include "mlir/IR/Builders.h"

namespace heddle::test {

/// Gives all layers of a module of the model phase that combine. For softmax a message yields,
/// beside its rows, a score: their product with a vector of the relation's own, "attention", times
/// `scale`.
inline void setCombine(mlir::ModuleOp module, hgnn::Combine combine, double scale = 1) {
  using namespace hgnn;
  for (auto layer : module.getOps<LayerOp>()) {
    layer.setCombine(combine);
    if (combine != Combine::Softmax)
      continue;
    auto yield = mlir::cast<YieldOp>(layer.getMessage().front().back());
    mlir::OpBuilder builder(yield);
    mlir::Location loc = yield.getLoc();
    mlir::Value rows = yield.getValues().front();
    auto type = FeatType::get(DomainAttr::param(module.getContext()), {mlir::ShapedType::kDynamic});
    auto shape = builder.getArrayAttr({builder.getStringAttr("out"), builder.getI64IntegerAttr(1)});
    mlir::Value vector =
        ParamOp::create(builder, loc, type, "attention", Scope::Relation, shape, "xavier_uniform");
    mlir::Value score = LinearOp::create(builder, loc, rows, vector, /*transpose=*/false);
    score = ScaleOp::create(builder, loc, score, builder.getF64FloatAttr(scale));
    yield.getValuesMutable().append(score);
  }
}

} // namespace heddle::test

#endif // HEDDLE_TESTS_UNIT_SUPPORT_COMBINE_H
