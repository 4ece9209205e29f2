//===- Lockstep.h - the entries of all partitions together ------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Inside of runPartitions: merges and exchanges are in Partitions.cpp, what goes to keepers of rows
// and back in SpreadRows.cpp.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_INTERPRETER_LOCKSTEP_H
#define HEDDLE_COMPILER_INTERPRETER_LOCKSTEP_H

#include "compiler/interpreter/EntryRunner.h"

#include <set>

namespace heddle::compiler {

/// Bytes on the wire of a number, of an id and of the length of a sparse row.
constexpr int64_t numberBytes = 4, idBytes = 8, countBytes = 4;

/// One partition and where it is.
template <class T> struct Partition {
  Partition(hgnn::EntryOp entry, const Batch &batch, const NumericArrays &direction)
      : entry(entry), states(batch.input, direction), runner(batch, states, outputs),
        next(entry.getBody().front().begin()), end(entry.getBody().front().end()) {}
  hgnn::EntryOp entry;
  States<T> states;
  Outputs<T> outputs;
  EntryRunner<T> runner;
  mlir::Block::iterator next, end;

  hgnn::Collective waitsAt() {
    return next == end ? hgnn::Collective() : llvm::dyn_cast<hgnn::Collective>(*next);
  }
};

/// The rows of a type with `nodes` nodes that keeper k of `q` has: [first(k), first(k + 1)).
struct Spread {
  int64_t nodes = 0, q = 1;
  int64_t first(int64_t k) const { return nodes * k / q; }
  int64_t keeperOf(int64_t row) const {
    for (int64_t k = 0;; ++k)
      if (row < first(k + 1))
        return k;
  }
};

template <class T> class Lockstep {
public:
  Lockstep(llvm::ArrayRef<hgnn::EntryOp> entries, const Batch &batch,
           const NumericArrays &direction)
      : batch(batch) {
    for (hgnn::EntryOp entry : entries)
      partitions.push_back(std::make_unique<Partition<T>>(entry, batch, direction));
  }
  mlir::LogicalResult run();
  llvm::FailureOr<Outputs<T>> outputs();
  llvm::FailureOr<NumericArrays> states();
  std::map<std::string, int64_t> bytes;

private:
  using Ops = llvm::ArrayRef<mlir::Operation *>; ///< one collective, by participant
  using Participants = llvm::ArrayRef<int64_t>;
  mlir::LogicalResult meet(Ops ops, Participants participants);
  mlir::LogicalResult mergeAll(Ops ops, Participants participants);
  mlir::LogicalResult mergeTo(Ops ops, Participants participants);
  mlir::LogicalResult broadcast(Ops ops, Participants participants);
  mlir::LogicalResult exchangeRows(Ops ops, Participants participants);
  void send(mlir::Operation *op, int64_t count) {
    bytes[stringifyTraffic(llvm::cast<hgnn::Collective>(op).getTrafficClass()).str()] += count;
  }
  llvm::FailureOr<llvm::SmallVector<Tensor<T>>> terms(Ops ops, Participants participants);

  // SpreadRows.cpp
  mlir::LogicalResult spreadStates();
  llvm::FailureOr<Spread> spreadOf(mlir::Operation *op, int64_t keepers);
  std::shared_ptr<const Ids> idsOf(int64_t participant, mlir::Value ids) const {
    return std::get<std::shared_ptr<const Ids>>(partitions[participant]->runner.lookup(ids));
  }
  mlir::LogicalResult gatherBlocks(Ops ops, Participants participants);
  mlir::LogicalResult requestRows(Ops ops, Participants participants);
  mlir::LogicalResult fetchRemoteFeatures(Ops ops, Participants participants);
  mlir::LogicalResult fetchRemoteRows(Ops ops, Participants participants);
  mlir::LogicalResult pushRows(Ops ops, Participants participants);
  /// A value of which each partition has its rows: those of all, one behind the other.
  static llvm::FailureOr<RuntimeValue<T>> append(mlir::Operation *op, const RuntimeValue<T> &front,
                                                 const RuntimeValue<T> &back);
  /// The table after the step, from the partitions that keep its rows.
  llvm::FailureOr<NumericArray> assemble(hgnn::StateOp state, llvm::ArrayRef<NumericArrays> copies);

  const Batch &batch;
  std::set<std::pair<const void *, std::vector<int64_t>>> idsSent; ///< frontiers, to whom
  std::vector<std::unique_ptr<Partition<T>>> partitions;
};

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_INTERPRETER_LOCKSTEP_H
