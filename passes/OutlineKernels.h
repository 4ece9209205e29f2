//===- OutlineKernels.h - one function for kernels of one structure -*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_PASSES_OUTLINEKERNELS_H
#define HEDDLE_PASSES_OUTLINEKERNELS_H

#include "dialects/hgnn/Hgnn.h"

#include "llvm/ADT/StringMap.h"

#include <functional>

namespace heddle::passes {

/// Says where a value lives, computes and moves nothing.
inline bool isView(mlir::Operation *op) { return llvm::isa<hgnn::PartialOp, hgnn::OwnOp>(op); }
inline bool isStep(mlir::Operation *op) {
  return llvm::isa<hgnn::OptimizerStepOp, hgnn::RowOptimizerStepOp>(op);
}

/// The kernels of a module. Symbols in them are abstract and hops count from the lowest: launches of
/// equal structure share one, whatever types, relations and partitions they are of.
class KernelTable {
public:
  /// `isMinor`: ops that a kernel is not called after, unless they are its last.
  explicit KernelTable(std::function<bool(mlir::Operation *)> isMinor)
      : isMinor(std::move(isMinor)) {}

  /// The kernel that makes of `inputs` what the ops of `body`, in order, do; a new one stands before
  /// `entry`. It yields the results of the last op. Views are left out.
  hgnn::KernelOp outline(llvm::ArrayRef<mlir::Operation *> body,
                         llvm::ArrayRef<mlir::Value> inputs, hgnn::EntryOp entry);
  size_t size() const { return byText.size(); }

private:
  std::function<bool(mlir::Operation *)> isMinor;
  llvm::StringMap<hgnn::KernelOp> byText;
  /// By structure, which is cheaper to write down than a kernel is to be made and printed.
  llvm::StringMap<hgnn::KernelOp> byKey;
};

} // namespace heddle::passes

#endif // HEDDLE_PASSES_OUTLINEKERNELS_H
