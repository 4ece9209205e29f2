//===- Batch.h - sampling and fetching, the obvious way ----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_INTERPRETER_BATCH_H
#define HEDDLE_COMPILER_INTERPRETER_BATCH_H

#include "compiler/interpreter/Interpreter.h"
#include "compiler/interpreter/Values.h"
#include "dialects/hgnn/Hgnn.h"

namespace heddle::compiler {

/// The module's schema ops resolved in the graph, and the step's input. Functions report what is
/// wrong at `op`.
class Batch {
public:
  Batch(mlir::ModuleOp module, const InterpreterInput &input) : module(module), input(input) {}

  mlir::ModuleOp module;
  const InterpreterInput &input;

  /// The canonical id of a node type or relation of the module, by symbol.
  llvm::FailureOr<int> nodeTypeId(mlir::Operation *op, llvm::StringRef symbol) const;
  llvm::FailureOr<int> relationId(mlir::Operation *op, llvm::StringRef symbol) const;
  llvm::FailureOr<int64_t> numNodes(mlir::Operation *op, llvm::StringRef symbol) const;

  /// The seeds as rows(0, type).
  llvm::FailureOr<std::shared_ptr<const Ids>> seeds(mlir::Operation *op, llvm::StringRef type) const;
  /// The sampled in-edges of `ids` over a relation, of those of one block of the rows if there are
  /// several; sources are not numbered yet.
  llvm::FailureOr<std::shared_ptr<Adjacency>> sample(mlir::Operation *op, const Ids &ids,
                                                     llvm::StringRef relation, int64_t fanout,
                                                     int64_t block = 0, int64_t blocks = 1) const;
  /// Where each block of the seeds begins, and where the last ends: as hgnn.seed_block says, by the
  /// samples of the block's entry.
  llvm::FailureOr<std::vector<int64_t>> cutSeeds(hgnn::SeedBlockOp op, const Ids &seeds) const;
  /// The rows of (hop, type): `previous` (or null) and the sources of `samples`, whose source rows are
  /// numbered here.
  llvm::FailureOr<std::shared_ptr<const Ids>>
  frontier(mlir::Operation *op, int64_t hop, llvm::StringRef type, const Ids *previous,
           llvm::ArrayRef<std::shared_ptr<Adjacency>> samples) const;
  static std::shared_ptr<const Link> link(const Ids &previous, const Ids &next);

  /// Feature rows in float precision.
  llvm::FailureOr<Tensor<double>> denseRows(mlir::Operation *op, const Ids &ids,
                                            llvm::StringRef feature) const;
  /// Rows of a dense feature of a relation's edges, in float precision: `edges` are positions in
  /// its canonical order, also where it is the view of another relation.
  llvm::FailureOr<Tensor<double>> edgeRows(mlir::Operation *op, llvm::StringRef relation,
                                           llvm::ArrayRef<int64_t> edges,
                                           llvm::StringRef feature) const;
  llvm::FailureOr<std::shared_ptr<const SparseRows>> sparseRows(mlir::Operation *op, const Ids &ids,
                                                                llvm::StringRef feature) const;
  llvm::FailureOr<std::shared_ptr<const Labels>> labels(mlir::Operation *op, const Ids &ids,
                                                        llvm::StringRef label) const;
  /// 1 / number of seeds with a label of the module's task, 0 if there are none.
  llvm::FailureOr<double> invLabelCount(mlir::Operation *op) const;

private:
  llvm::LogicalResult needGraph(mlir::Operation *op) const;
};

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_INTERPRETER_BATCH_H
