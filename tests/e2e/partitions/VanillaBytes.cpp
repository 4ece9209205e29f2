//===- VanillaBytes.cpp - what vanilla order sends, by formula -------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tests/e2e/partitions/VanillaBytes.h"

#include "compiler/Symbols.h"
#include "dialects/hgnn/Hgnn.h"

#include "mlir/IR/Builders.h"

#include <set>

using namespace heddle::hgnn;

namespace heddle::test {

/// "HOP:TYPE" of what ids are of.
static std::string vertexOf(mlir::Value ids) {
  DomainAttr domain = mlir::cast<IdsType>(ids.getType()).getDomain();
  return std::to_string(domain.getHop()) + ":" + domain.getSymbol().getValue().str();
}

void showFrontiers(mlir::ModuleOp cut) {
  mlir::OpBuilder builder(cut.getContext());
  cut.walk([&](RequestRowsOp op) {
    builder.setInsertionPointAfter(op);
    OutputOp::create(builder, op.getLoc(),
                     "frontier:" + vertexOf(op.getIds()) + ":" +
                         std::to_string(op->getParentOfType<EntryOp>().getPartition()),
                     op.getIds());
  });
}

namespace {

/// What a vertex of the layered DAG has fetched for its rows.
struct Vertex {
  std::string type;
  std::map<std::string, int64_t> dense; ///< widths
  std::set<std::string> sparse;
  std::map<std::string, int64_t> tables; ///< widths
};

} // namespace

absl::StatusOr<std::map<std::string, int64_t>>
vanillaBytes(mlir::ModuleOp metatree, const graph::GraphStore &store, bool train,
             int64_t partitions, int64_t seeds, const compiler::NumericArrays &outputs,
             const compiler::NumericArrays &wanted) {
  std::map<std::string, Vertex> vertices;
  for (auto entry : metatree.getOps<EntryOp>()) {
    if ((entry.getKind() == EntryKind::Train) != train)
      continue;
    entry.walk([&](mlir::Operation *op) {
      if (!mlir::isa<FetchDenseOp, FetchSparseOp, FetchRowsOp>(op))
        return;
      Vertex &vertex = vertices[vertexOf(op->getOperand(0))];
      vertex.type = compiler::unescapeName(
          mlir::cast<IdsType>(op->getOperand(0).getType()).getDomain().getSymbol().getValue());
      if (auto dense = mlir::dyn_cast<FetchDenseOp>(op))
        vertex.dense[dense.getFeature().str()] =
            mlir::cast<FeatType>(dense.getResult().getType()).getWidth();
      else if (auto sparse = mlir::dyn_cast<FetchSparseOp>(op))
        vertex.sparse.insert(sparse.getFeature().str());
      else if (auto rows = mlir::dyn_cast<FetchRowsOp>(op))
        vertex.tables[rows.getState().str()] =
            mlir::cast<FeatType>(rows.getResult().getType()).getWidth();
    });
  }

  std::map<std::string, int64_t> bytes;
  for (const auto &[name, vertex] : vertices) {
    int type = store.schema().nodeTypeId(vertex.type);
    int64_t nodes = store.schema().nodeTypes[size_t(type)].numNodes;
    bool features = !vertex.dense.empty() || !vertex.sparse.empty();
    for (int64_t k = 0; k < partitions; ++k) {
      auto ids = outputs.find("frontier:" + name + ":" + std::to_string(k));
      if (ids == outputs.end())
        return invalidArgument("partition " + std::to_string(k) + " asks for no rows of " + name);
      for (double number : ids->second.data) {
        int64_t id = int64_t(number);
        if (nodes * k / partitions <= id && id < nodes * (k + 1) / partitions)
          continue;
        bytes[features ? "remote_features" : "embedding_rows"] += 8;
        for (const auto &[feature, width] : vertex.dense)
          bytes["remote_features"] += 4 * width;
        for (const std::string &feature : vertex.sparse) {
          HEDDLE_ASSIGN_OR_RETURN(graph::SparseFeatureView view,
                                  store.sparseFeature(type, feature));
          bytes["remote_features"] += 4 + 8 * (view.indptr[id + 1] - view.indptr[id]);
        }
        for (const auto &[table, width] : vertex.tables)
          bytes["embedding_rows"] += 4 * width * (1 + wanted.count("grad:" + table));
      }
    }
  }

  int64_t dense = 0;
  for (auto state : metatree.getOps<StateOp>())
    if (auto grad = wanted.find("grad:" + state.getSymName().str());
        grad != wanted.end() && !state.getRowsType())
      dense += int64_t(grad->second.data.size());
  for (auto optimizer : metatree.getOps<OptimizerOp>())
    if (train && dense && optimizer.getGroup() == 0 &&
        optimizer.getMaxGradNorm().convertToDouble() >= 0)
      ++dense;
  bytes["dense_gradients"] = 2 * (partitions - 1) * 4 * dense;
  bytes["activations"] = 2 * (partitions - 1) * 4;
  if (!train)
    bytes["activations"] += (partitions - 1) * seeds * wanted.at("logits").shape.at(1) * 4;
  return bytes;
}

} // namespace heddle::test
