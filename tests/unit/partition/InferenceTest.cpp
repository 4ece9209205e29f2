//===- InferenceTest.cpp - layer by layer against the whole step -----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tests/unit/partition/Cut.h"

#include <numeric>

using namespace heddle::hgnn;

namespace heddle::test {
namespace {

/// Runs the entries of inference over all nodes, `batch` rows at a time, and gives the last layer's
/// rows of the target type. What lies between layers goes into `states`.
std::vector<double> inferAll(mlir::ModuleOp module, const graph::GraphStore &store, InterpreterInput in,
                             int64_t batch) {
  std::vector<double> rows;
  for (auto entry : module.getOps<EntryOp>()) {
    if (entry.getKind() != EntryKind::Infer)
      continue;
    std::string type;
    entry.walk([&](SeedsOp op) {
      type = mlir::cast<IdsType>(op.getIds().getType()).getDomain().getSymbol().getValue().str();
    });
    const int64_t nodes = store.schema().nodeTypes[size_t(store.schema().nodeTypeId(type))].numNodes;
    rows.clear();
    int64_t width = 0;
    for (int64_t first = 0; first < nodes; first += batch) {
      in.seeds.resize(size_t(std::min(batch, nodes - first)));
      std::iota(in.seeds.begin(), in.seeds.end(), first);
      auto result = compiler::interpret(module, entry.getSymName(), in);
      EXPECT_TRUE(llvm::succeeded(result)) << entry.getSymName().str();
      if (!llvm::succeeded(result))
        return {};
      const NumericArray &part = result->outputs.at("logits");
      width = part.shape.at(1);
      rows.insert(rows.end(), part.data.begin(), part.data.end());
    }
    NumericArray hidden;
    hidden.shape = {nodes, width};
    hidden.data = rows;
    in.states["hidden." + std::to_string(int64_t(entry.getLayer()) + 1) + "." + type] = hidden;
  }
  return rows;
}

TEST_F(Cut, LayersOverAllNodesAreTheWholeStep) {
  for (int64_t layers : {1, 2, 3})
    for (bool self : {true, false})
      for (Combine combine : {Combine::Sum, Combine::Mean, Combine::Max, Combine::Softmax}) {
        ModelText model;
        model.layers = layers;
        model.selfLoop = self;
        model.combine = combine;
        SCOPED_TRACE(stringifyCombine(combine).str() + " " + std::to_string(layers) +
                     (self ? " self" : ""));
        Module module = this->layers(model);
        run(*module, "hgnn-unroll{infer=true},hgnn-verify-phase{phase=metatree}");
        InterpreterInput in = input();
        in.seeds.resize(40); // every paper; half of them are isolated
        std::iota(in.seeds.begin(), in.seeds.end(), int64_t(0));
        InterpreterResult wanted = interpret(*module, in, "eval_step");
        for (int64_t batch : {7, 1000}) {
          NumericArray got{{40, 3}, inferAll(*module, *store, in, batch)};
          expectNear({{"logits", got}}, wanted.outputs, "logits", 1e-12);
        }
        // And as kernels.
        run(*module, "hgnn-differentiate,hgnn-fuse,hgnn-verify-phase{phase=kernels}");
        NumericArray got{{40, 3}, inferAll(*module, *store, in, 16)};
        expectNear({{"logits", got}}, wanted.outputs, "logits", 1e-12);
      }
}

} // namespace
} // namespace heddle::test
