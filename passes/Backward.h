//===- Backward.h - the reverse walk over one entry --------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_PASSES_BACKWARD_H
#define HEDDLE_PASSES_BACKWARD_H

#include "dialects/hgnn/Hgnn.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/MapVector.h"

#include <map>

namespace heddle::passes {

/// Appends the gradient of an entry's loss to everything that it reads. An op is visited after all
/// of its users, so its result's contributions are complete: they are added once, in program order
/// of the users. The loss is divided by the global count of labelled seeds, so gradients are only
/// ever summed.
class Backward {
public:
  explicit Backward(hgnn::EntryOp entry) : builder(entry.getContext()), entry(entry) {}

  /// The output "loss"; null if the entry has none.
  mlir::Value loss() const;
  /// Finds the values that depend on a state, or on a merge in `activeMerges` (collective ids).
  void findActive(const std::set<int64_t> &activeMerges = {});
  bool isActive(mlir::Value value) const { return active.contains(value); }

  /// The merges to a leader whose gradient it sends back, with the id of its broadcast. The
  /// leader's walk fills it, from `nextId` on; those of the others read it.
  using Broadcasts = std::map<int64_t, int64_t>;
  /// Walks from `loss` (null where another partition has it).
  mlir::LogicalResult run(mlir::Value loss, Broadcasts &broadcasts, int64_t &nextId);

  /// hgnn.read, fetch_rows and fetch_remote_rows with the gradient of what they read, from the last to the first.
  llvm::MapVector<mlir::Operation *, mlir::Value> gradients;
  mlir::OpBuilder builder; ///< at the end of the entry

private:
  mlir::FailureOr<mlir::Value> total(mlir::Value value, mlir::Operation *op);
  mlir::LogicalResult fromLoss(mlir::Operation *op);
  mlir::LogicalResult throughLeader(hgnn::MergeToOp op, Broadcasts &broadcasts, int64_t &nextId);
  mlir::LogicalResult through(mlir::Operation *op, mlir::Value grad,
                              llvm::ArrayRef<mlir::Operation *> forward);

  hgnn::EntryOp entry;
  llvm::DenseSet<mlir::Value> active;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<mlir::Value>> contributions;
};

/// Makes optimizer steps, with the moments and scalars that they need.
class StepBuilder {
public:
  /// The module's optimizers by group; a second one of a group is an error.
  static mlir::FailureOr<llvm::DenseMap<int64_t, hgnn::OptimizerOp>>
  optimizersOf(mlir::ModuleOp module);

  /// Steps go where `builder` stands, in `entry`. `symbols`: of the module; moments are added.
  StepBuilder(mlir::SymbolTable &symbols, hgnn::EntryOp entry, mlir::OpBuilder &builder,
              const llvm::DenseMap<int64_t, hgnn::OptimizerOp> &optimizers)
      : symbols(symbols), entry(entry), builder(builder), optimizers(optimizers) {}

  /// The bound of the norm of all dense gradients; null without one.
  hgnn::OptimizerOp clipping() const;
  /// One step of `state`; `ids` are the rows of a table, else null. Nothing for a state without an
  /// optimizer. Moments are made at the first step of a state and keep its partitions.
  void step(mlir::Location loc, hgnn::StateOp state, mlir::Value grad, mlir::Value ids,
            mlir::Value clip);

private:
  mlir::Value scalar(mlir::Location loc, hgnn::ScalarKind kind, int64_t group);
  mlir::FlatSymbolRefAttr moment(hgnn::StateOp state, llvm::StringRef suffix, hgnn::StateRole role);

  mlir::SymbolTable &symbols;
  hgnn::EntryOp entry;
  mlir::Operation *place = nullptr; ///< where new states go before
  mlir::OpBuilder &builder;
  const llvm::DenseMap<int64_t, hgnn::OptimizerOp> &optimizers;
  std::map<std::pair<int, int64_t>, mlir::Value> scalars;
};

/// Backward and steps of the training entries of all partitions, in order: gradients of states that
/// several partitions have are exchanged before the step. Returns how many states have a gradient.
mlir::FailureOr<int64_t>
differentiatePartitions(mlir::ModuleOp module, mlir::SymbolTable &symbols,
                        llvm::ArrayRef<hgnn::EntryOp> entries,
                        const llvm::DenseMap<int64_t, hgnn::OptimizerOp> &optimizers);

} // namespace heddle::passes

#endif // HEDDLE_PASSES_BACKWARD_H
