//===- VerifyPhase.cpp - the normal form of each phase ---------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "passes/Passes.h"

namespace heddle::passes {
#define GEN_PASS_DEF_VERIFYPHASEPASS
#include "passes/Passes.h.inc"
} // namespace heddle::passes

using namespace mlir;
using namespace heddle::hgnn;

namespace {

struct VerifyPhasePass : heddle::passes::impl::VerifyPhasePassBase<VerifyPhasePass> {
  using VerifyPhasePassBase::VerifyPhasePassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    std::string name = phase;
    auto refuse = [&](Operation *op, StringRef why) {
      op->emitOpError("may not occur in the ") << name << " phase: " << why;
      signalPassFailure();
      return WalkResult::interrupt();
    };
    if (name != "model" && name != "metatree" && name != "training" && name != "kernels") {
      module.emitError("unknown phase '") << name << "'; known: model, metatree, training, kernels";
      return signalPassFailure();
    }
    module.walk([&](Operation *op) -> WalkResult {
      if (name == "model") {
        if (isa<EntryOp, StateOp, KernelOp>(op))
          return refuse(op, "run hgnn-unroll on what comes before it");
        return WalkResult::advance();
      }
      if (isa<InputOp, LayerOp, ParamOp, FeatureOp, LearnableOp, BroadcastDstOp>(op))
        return refuse(op, "hgnn-unroll instantiates layer and input programs");
      for (Value result : op->getResults())
        if (auto type = dyn_cast<FeatType>(result.getType()); type && type.isGeneric())
          return refuse(op, "a generic type is left");
      if (name == "metatree" && isa<OptimizerStepOp, RowOptimizerStepOp, UnaryGradOp>(op))
        return refuse(op, "gradients come with hgnn-differentiate");
      if (name != "kernels" && isa<KernelOp, LaunchOp>(op))
        return refuse(op, "kernels come with hgnn-fuse");
      if (name == "kernels" && isa_and_nonnull<EntryOp>(op->getParentOp()) &&
          !isa<SeedsOp, SampleOp, FrontierOp, FetchDenseOp, FetchSparseOp, FetchLabelsOp, FetchRowsOp,
               ReadOp, ScalarOp, ReshapeOp, LinearOp, LinearGradWeightOp, LaunchOp, OutputOp>(op))
        return refuse(op, "hgnn-fuse puts it into a kernel");
      return WalkResult::advance();
    });
  }
};

} // namespace
