//===- Programs.h - layer and input programs come to life -------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_PASSES_PROGRAMS_H
#define HEDDLE_PASSES_PROGRAMS_H

#include "compiler/ParamNames.h"
#include "passes/ModelPhase.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/StringMap.h"

#include <map>
#include <tuple>
#include <vector>

namespace heddle::passes {

/// Makes the ops of message, update and input programs in one entry, with types inferred anew, and
/// the states that they name. `builder` stands where the next op belongs, and outlives this.
class ProgramBuilder {
public:
  /// `symbols`: of the module; states are added.
  ProgramBuilder(mlir::SymbolTable &symbols, const Model &model, hgnn::EntryKind kind,
                 mlir::OpBuilder &builder)
      : symbols(symbols), model(model), kind(kind), builder(builder) {}

  /// Clones a region's ops with the operands of `mapping`; returns what it yields. `ids` are those
  /// of the rows that tables of nodes are read for: in `message`, of the sources. `layer` is null
  /// for an input program. Errors (diagnostics at the op): what may not stand there, a yield of
  /// other values.
  llvm::FailureOr<llvm::SmallVector<mlir::Value>>
  instantiateAll(mlir::Region &region, mlir::IRMapping &mapping, mlir::Value ids,
                 const compiler::ParamOwner &owner, hgnn::LayerOp layer, bool message);
  /// The same of a region that yields one value.
  llvm::FailureOr<mlir::Value> instantiate(mlir::Region &region, mlir::IRMapping &mapping,
                                           mlir::Value ids, const compiler::ParamOwner &owner,
                                           hgnn::LayerOp layer, bool message) {
    auto values = instantiateAll(region, mapping, ids, owner, layer, message);
    return llvm::failed(values) ? llvm::FailureOr<mlir::Value>(llvm::failure())
                                : llvm::FailureOr<mlir::Value>(values->front());
  }
  /// The rows that the layer before `layer` left of the type of `ids`: of a state of role hidden,
  /// which is declared.
  mlir::Value hiddenRows(hgnn::LayerOp layer, mlir::Value ids);
  /// hidden.<layer>.<type>: the rows that a layer takes.
  static std::string hiddenName(int64_t layer, llvm::StringRef type);

  /// The width of what `message` yields, for any relation.
  llvm::FailureOr<int64_t> messageWidth(hgnn::LayerOp layer);

private:
  using Shape = llvm::SmallVector<int64_t>;

  llvm::FailureOr<mlir::Value> readTable(hgnn::LearnableOp op, mlir::Value ids,
                                         const compiler::ParamOwner &owner, hgnn::LayerOp layer);
  llvm::FailureOr<mlir::Value> readState(mlir::Location loc, const std::string &name,
                                         llvm::ArrayRef<int64_t> shape, llvm::StringRef init);
  hgnn::StateOp declareState(mlir::Location loc, llvm::StringRef name, hgnn::StateRole role,
                             llvm::ArrayRef<int64_t> shape, mlir::FlatSymbolRefAttr rowsType,
                             const compiler::Initializer &init, int64_t group);
  llvm::FailureOr<Shape> sizesOf(mlir::Operation *op, llvm::ArrayRef<mlir::Attribute> sizes,
                                 hgnn::LayerOp layer);
  llvm::FailureOr<Shape> shapeOf(hgnn::ParamOp param, hgnn::LayerOp layer) {
    return sizesOf(param, param.getShape().getValue(), layer);
  }

  llvm::FailureOr<mlir::Operation *> instantiateInMessage(mlir::Operation *op,
                                                          llvm::ArrayRef<mlir::Value> operands);
  llvm::FailureOr<mlir::Operation *> createOnce(mlir::Operation *op,
                                                llvm::ArrayRef<mlir::Value> operands);

  llvm::LogicalResult checkPositions(mlir::Operation *op, mlir::Value adjacency);

  mlir::SymbolTable &symbols;
  mlir::Operation *place = nullptr; ///< the first entry: states stand before it
  const Model &model;
  hgnn::EntryKind kind;
  mlir::OpBuilder &builder;
  llvm::StringMap<mlir::Value> reads; ///< by state
  llvm::DenseMap<std::pair<mlir::Value, mlir::StringAttr>, mlir::Value>
      tableReads; ///< by (ids, state)
  llvm::DenseSet<mlir::Value> ofRelation; ///< params that no two relations share
  /// What messages have made of rows that several of them read: by op, attributes and operands.
  std::map<std::tuple<const void *, const void *, std::vector<const void *>>, mlir::Operation *>
      made;
};

} // namespace heddle::passes

#endif // HEDDLE_PASSES_PROGRAMS_H
