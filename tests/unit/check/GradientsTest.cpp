//===- GradientsTest.cpp - a wrong gradient is found -----------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/check/Gradients.h"
#include "compiler/check/SmallGraph.h"
#include "compiler/driver/Compile.h"
#include "compiler/driver/Diagnostics.h"
#include "compiler/frontend/BuildModel.h"
#include "tests/unit/support/TestSupport.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/MLIRContext.h"

#include <gtest/gtest.h>

namespace heddle::test {
namespace {

using Module = mlir::OwningOpRef<mlir::ModuleOp>;

class Gradients : public ::testing::Test {
protected:
  void SetUp() override {
    compiler::prepareContext(context);
    graph::GraphSchema like =
        valueOf(graph::readGraphSchema(HEDDLE_SOURCE_DIR "/tests/lit/Inputs"));
    store = valueOf(compiler::makeSmallGraph(like, directory / "small", 1));
    spec::ModelSpec spec = valueOf(spec::parseModelSpec(R"({"version": "1.0",
        "task": {"target_ntype": "paper", "label": "field"}, "inputs": {"author": {"learnable": true}},
        "model": {"encoder": "rgcn", "num_layers": 2, "hidden_size": 4},
        "sampling": {"fanout": [2, 2]},
        "train": {"batch_size": "all", "optimizer": {"name": "sgd", "lr": 1},
                  "sparse_optimizer": {"name": "sgd", "lr": 1}}})",
                                                        "model.json"));
    spec = valueOf(spec::resolve(spec, store->schema())).spec;
    forward = compiler::buildModel(context, spec, store->schema());
    ASSERT_TRUE(compiler::runPhases(*forward, "model", "metatree", {}, {}).ok());
    step = Module(forward->clone());
    ASSERT_TRUE(compiler::runPhases(*step, "metatree", "training", {}, {}).ok());
    input.graph = store.get();
    input.seeds = {0, 1, 2, 3};
    auto started = compiler::interpret(*forward, "train_step", input);
    ASSERT_TRUE(llvm::succeeded(started));
    input.states = started->states;
  }

  TemporaryDirectory directory;
  mlir::MLIRContext context;
  std::unique_ptr<graph::GraphStore> store;
  Module forward, step;
  compiler::InterpreterInput input;
};

TEST_F(Gradients, AgreeForEveryParameterAndTable) {
  auto checks = compiler::checkGradients(*forward, *step, input);
  ASSERT_TRUE(llvm::succeeded(checks));
  EXPECT_EQ(checks->size(), input.states.size());
  double largest = 0;
  for (const compiler::GradientCheck &check : *checks) {
    EXPECT_TRUE(check.ok) << check.parameter << " " << check.finite << " " << check.computed;
    largest = std::max(largest, check.norm);
  }
  EXPECT_GT(largest, 1e-3);
}

// Of one parameter's gradient a thousandth is missing.
TEST_F(Gradients, AWrongOneIsNamedWithAnEntry) {
  step->walk([&](hgnn::OptimizerStepOp op) {
    if (op.getState() != "convs.1.root")
      return;
    mlir::OpBuilder builder(op);
    op->setOperand(0, hgnn::ScaleOp::create(builder, op.getLoc(), op->getOperand(0),
                                            builder.getF64FloatAttr(0.999)));
  });
  auto checks = compiler::checkGradients(*forward, *step, input);
  ASSERT_TRUE(llvm::succeeded(checks));
  for (const compiler::GradientCheck &check : *checks) {
    EXPECT_EQ(check.ok, check.parameter != "convs.1.root") << check.parameter;
    if (check.ok)
      continue;
    ASSERT_EQ(check.entry.size(), 2u);
    EXPECT_NEAR(check.entryComputed, 0.999 * check.entryFinite, 1e-7);
    EXPECT_NE(check.entryFinite, 0);
  }
}

// A small graph has the kinds of the graph that it is like, and is the same every time.
TEST_F(Gradients, TheSmallGraphHasTheKindsOfTheLarge) {
  const graph::GraphSchema &schema = store->schema();
  EXPECT_EQ(schema.nodeTypes.size(), 4u); // a type without nodes has some here
  EXPECT_EQ(schema.relations.size(), 5u); // so has a relation without edges
  for (const graph::RelationSchema &relation : schema.relations)
    EXPECT_GT(relation.numEdges, 0) << relation.triple();
  for (const graph::NodeTypeSchema &type : schema.nodeTypes)
    EXPECT_LT(type.numNodes, 9);
  auto again = valueOf(compiler::makeSmallGraph(
      valueOf(graph::readGraphSchema(HEDDLE_SOURCE_DIR "/tests/lit/Inputs")), directory / "again",
      1));
  EXPECT_EQ(again->schema().dataFingerprint, schema.dataFingerprint);
}

} // namespace
} // namespace heddle::test
