//===- KernelCost.cpp - estimated flops and bytes of a kernel --------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "compiler/codegen/KernelCost.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/TypeSwitch.h"

#include <map>

using namespace mlir;
using namespace heddle;
using namespace heddle::compiler;
using hgnn::FeatType;

namespace {

class CostWalk {
public:
  explicit CostWalk(const KernelCount &loop) : loop(loop) {}

  void charge(const KernelCount &count, double flops, double bytes) {
    KernelCost &cost = costs[{int(count.kind), count.index, count.constant}];
    cost.count = count;
    cost.flops += flops;
    cost.bytes += bytes;
  }

  /// `count`: how often a row of `value` is evaluated.
  void visit(Value value, const KernelCount &count) {
    if (!seen.insert(value).second)
      return;
    auto feat = dyn_cast<FeatType>(value.getType());
    double width = feat ? double(feat.getWidth()) : 0;
    Operation *op = value.getDefiningOp();
    if (!op) {
      if (feat && !(feat.getDomain().isParam() && loop.kind != CountKind::Constant))
        charge(count, 0, perCount(feat, count) * 4);
      return;
    }
    auto number = [](Value operand) {
      auto argument = dyn_cast<BlockArgument>(operand);
      return argument ? int(argument.getArgNumber()) : -1;
    };
    auto move = [&](Value input, const KernelCount &at, double flops, double indexBytes) {
      charge(at, flops, indexBytes);
      visit(input, at);
    };
    llvm::TypeSwitch<Operation *>(op)
        .Case<hgnn::ReduceDstOp, hgnn::ReduceSrcOp>([&](auto reduce) {
          charge(count, 0, 4);
          double flops = width;
          if constexpr (std::is_same_v<decltype(reduce), hgnn::ReduceDstOp>)
            flops *= flopsPerNumberOfEdge(reduce);
          move(reduce.getInput(), {CountKind::AdjEdges, number(reduce.getAdj())}, flops, 4);
        })
        .Case([&](hgnn::ExpandOp expand) {
          charge(count, width, 4);
          visit(expand.getInput(), {CountKind::AdjActive, number(expand.getAdj())});
        })
        .Case([&](hgnn::SparseLinearOp product) {
          charge(count, 0, 4);
          charge({CountKind::SparseNnz, number(product.getInput())}, 2 * width, 8 + 4 * width);
        })
        .Case<hgnn::GatherSrcOp, hgnn::GatherDstOp, hgnn::RestrictOp, hgnn::SelfGatherOp,
              hgnn::SelfScatterOp>([&](Operation *) { move(op->getOperand(0), count, 0, 4); })
        .Case<hgnn::OnesOp>([](auto) {}) // what says where the rows are is not read
        .Case([&](hgnn::BroadcastRowsOp broadcast) { visit(broadcast.getInput(), count); })
        .Default([&](Operation *) {
          charge(count, flopsPerNumber(op) * (feat ? perCount(feat, count) : 0), 0);
          for (Value operand : op->getOperands())
            visit(operand, count);
        });
  }

  std::vector<KernelCost> take() {
    std::vector<KernelCost> list;
    for (auto &[key, cost] : costs)
      list.push_back(cost);
    return list;
  }

private:
  KernelCount loop;
  std::map<std::tuple<int, int, int64_t>, KernelCost> costs;
  llvm::DenseSet<Value> seen;

  /// Numbers of a value per unit of the count; a loop over a param counts its numbers or rows.
  static double perCount(FeatType type, const KernelCount &count) {
    if (!type.getDomain().isParam() || count.kind != CountKind::Constant || count.constant < 1)
      return double(type.getWidth());
    return double(type.getWidth()) / double(count.constant);
  }

  /// A sum; a comparison of what takes part; or a product and a weight for each head, made twice.
  static double flopsPerNumberOfEdge(hgnn::ReduceDstOp op) {
    hgnn::MergeRule merge = op.getMerge();
    if (merge == hgnn::Merge::Softmax)
      return 2 + 60 * double(merge.heads) / double(cast<FeatType>(op.getType()).getWidth());
    return merge == hgnn::Merge::Sum ? 1 : 4;
  }

  static double flopsPerNumber(Operation *op) {
    if (isa<hgnn::AddOp, hgnn::ClipFactorOp>(op))
      return double(op->getNumOperands()) - 1;
    if (isa<hgnn::UnaryOp, hgnn::UnaryGradOp>(op))
      return 8;
    if (isa<hgnn::DropoutOp>(op))
      return 30;
    if (isa<hgnn::LayerNormOp, hgnn::LayerNormXhatOp, hgnn::LayerNormGradOp>(op))
      return 10;
    if (isa<hgnn::SoftmaxXentGradOp, hgnn::SigmoidXentGradOp>(op))
      return 30;
    if (isa<hgnn::SoftmaxXentOp, hgnn::SigmoidXentOp>(op))
      return 30 * double(cast<FeatType>(op->getOperand(0).getType()).getWidth());
    if (auto dot = dyn_cast<hgnn::RowDotOp>(op))
      return 2 * double(cast<FeatType>(dot.getLhs().getType()).getWidth()) / double(dot.getHeads());
    if (auto grad = dyn_cast<hgnn::TermGradOp>(op); grad && grad.getInputs().size() == 3)
      return 2 * double(cast<FeatType>(grad.getInputs()[2].getType()).getWidth()) /
                 double(grad.getMerge().heads) +
             30;
    if (isa<hgnn::SumSquaresOp>(op))
      return 2 * double(cast<FeatType>(op->getOperand(0).getType()).getWidth());
    // Comparisons of numbers and relations, or sums with a weight for each row.
    if (auto combine = dyn_cast<hgnn::CombineOp>(op)) {
      double terms = double(op->getNumOperands());
      if (combine.getMerge() != hgnn::Merge::Softmax)
        return 4 * terms;
      return terms * (2 + 30 / double(cast<FeatType>(op->getResult(0).getType()).getWidth()));
    }
    if (isa<hgnn::CombinedOp, hgnn::CombinedGradOp, hgnn::TermGradOp>(op))
      return 2;
    if (isa<hgnn::TermOp>(op))
      return 0;
    if (isa<hgnn::ReshapeOp, hgnn::SliceOp, hgnn::PadOp, hgnn::ConcatOp, hgnn::ZerosOp>(op))
      return 0;
    return 1;
  }
};

} // namespace

std::vector<KernelCost> heddle::compiler::estimateCosts(hgnn::KernelOp kernel,
                                                        const KernelSignature &signature) {
  Block &body = kernel.getBody().front();
  const KernelCount &loop = signature.domain;
  CostWalk walk(loop);
  if (isa<hgnn::OptimizerStepOp, hgnn::RowOptimizerStepOp>(body.front())) {
    bool rows = isa<hgnn::RowOptimizerStepOp>(body.front());
    size_t states = 1;
    if (auto moments = body.front().getAttrOfType<ArrayAttr>("moments"))
      states += moments.size() - (rows && moments.size() == 3);
    double width =
        rows ? double(cast<FeatType>(body.front().getOperand(0).getType()).getWidth()) : 1;
    walk.charge(loop, 12 * width, (4 + 8 * double(states)) * width + (rows ? 16 : 0));
    return walk.take();
  }
  for (auto [number, value] : llvm::enumerate(cast<hgnn::YieldOp>(body.back()).getValues())) {
    auto type = dyn_cast<FeatType>(value.getType());
    if (!type)
      continue;
    Operation *op = value.getDefiningOp();
    KernelCount count = loop;
    if (auto product = dyn_cast_or_null<hgnn::SparseLinearGradWeightOp>(op)) {
      auto sparse = dyn_cast<BlockArgument>(product.getInput());
      double width = double(cast<FeatType>(product.getGrad().getType()).getWidth());
      count = {CountKind::SparseNnz, sparse ? int(sparse.getArgNumber()) : -1};
      walk.charge(loop, 0, 4 * width + 4);
      walk.charge(count, 2 * width, 8);
      walk.visit(product.getGrad(), count);
      continue;
    }
    if (type.getDomain().isEdges() && loop.kind == CountKind::AdjActive)
      count = {CountKind::AdjEdges, loop.index};
    bool partial = number < signature.outputs.size() && signature.outputs[number].partial;
    if (!partial) // partial sums stay in the cache
      walk.charge(count, 0,
                  4 * double(type.getWidth()) /
                      (count.kind == CountKind::Constant && count.constant > 0
                           ? double(count.constant)
                           : 1));
    walk.visit(value, count);
  }
  return walk.take();
}
