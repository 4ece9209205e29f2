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

/// Creates `op` anew with concrete operands; its result types are inferred again.
llvm::FailureOr<mlir::Operation *> recreate(mlir::OpBuilder &builder, mlir::Operation *op,
                                            llvm::ArrayRef<mlir::Value> operands);

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
  /// `relation`: of a message, for widths of its edge features; may be null.
  llvm::FailureOr<Shape> sizesOf(mlir::Operation *op, llvm::ArrayRef<mlir::Attribute> sizes,
                                 hgnn::LayerOp layer, hgnn::RelationOp relation);
  llvm::FailureOr<Shape> shapeOf(hgnn::ParamOp param, hgnn::LayerOp layer,
                                 hgnn::RelationOp relation) {
    return sizesOf(param, param.getShape().getValue(), layer, relation);
  }
  /// Rows of a feature of the edges of `adjacency`, or what stands for them.
  llvm::FailureOr<mlir::Value> edgeRows(hgnn::EdgeFeatureOp op, mlir::Value adjacency);

  llvm::FailureOr<mlir::Operation *> instantiateInMessage(mlir::Operation *op,
                                                          llvm::ArrayRef<mlir::Value> operands);
  llvm::FailureOr<mlir::Operation *> createOnce(mlir::Operation *op,
                                                llvm::ArrayRef<mlir::Value> operands);

  llvm::FailureOr<mlir::Value> foldZeroEdges(mlir::Operation *op,
                                             llvm::ArrayRef<mlir::Value> operands);
  void dropUnread(llvm::ArrayRef<mlir::Value> params);

  llvm::LogicalResult checkPositions(mlir::Operation *op, mlir::Value adjacency);

  mlir::SymbolTable &symbols;
  mlir::Operation *place = nullptr; ///< the first entry: states stand before it
  const Model &model;
  hgnn::EntryKind kind;
  mlir::OpBuilder &builder;
  llvm::StringMap<mlir::Value> reads; ///< by state
  llvm::DenseMap<std::pair<mlir::Value, mlir::StringAttr>, mlir::Value>
      tableReads; ///< by (ids, state)
  llvm::DenseMap<std::pair<mlir::Value, mlir::StringAttr>, mlir::Value>
      edgeReads; ///< by (adjacency, feature)
  llvm::DenseSet<mlir::Value> ofRelation; ///< params that no two relations share
  /// What messages have made of rows that several of them read: by op, attributes and operands.
  std::map<std::tuple<const void *, const void *, std::vector<const void *>>, mlir::Operation *>
      made;
};

} // namespace heddle::passes

#endif // HEDDLE_PASSES_PROGRAMS_H
