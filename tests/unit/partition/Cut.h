//===- Cut.h - a small citation graph, whole and cut -------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_UNIT_PARTITION_CUT_H
#define HEDDLE_TESTS_UNIT_PARTITION_CUT_H

#include "compiler/frontend/BuildModel.h"
#include "compiler/interpreter/Interpreter.h"
#include "passes/Passes.h"
#include "runtime/graph/GraphBuilder.h"
#include "runtime/graph/GraphStore.h"
#include "tests/unit/support/Combine.h"
#include "tests/unit/support/TestSupport.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace heddle::test {

using compiler::InterpreterInput;
using compiler::InterpreterResult;
using compiler::NumericArray;
using compiler::NumericArrays;
using Module = mlir::OwningOpRef<mlir::ModuleOp>;

/// What a test's model is.
struct ModelText {
  int64_t layers = 2, fanout = -1;
  bool selfLoop = true;
  std::string optimizer = "sgd";
  hgnn::Combine combine = hgnn::Combine::Sum;
  double scoreScale = 1; ///< of softmax
  std::string encoder = "rgcn";
  std::string more = {}; ///< more keys of the model, each after a comma
};

/// Papers (the target), authors, institutions and topics. Into papers: cites (a self relation),
/// writes and its parallel reviews, about, and mentions, which has no edge. Half of the nodes are
/// isolated.
class Cut : public ::testing::Test {
protected:
  Cut()
      : handler(&context, [this](mlir::Diagnostic &diagnostic) {
          if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error)
            messages += diagnostic.str() + "\n";
        }) {
    static const bool registered = (passes::registerHeddlePasses(), true);
    (void)registered;
    context.loadDialect<hgnn::HgnnDialect>();
    context.disableMultithreading();
    buildGraph();
  }

  void buildGraph() {
    auto builder = valueOf(graph::GraphBuilder::create({directory / "g", false, 1 << 20, {}}));
    std::map<std::string, std::pair<int, int64_t>> types;
    for (auto [name, nodes] : std::vector<std::pair<std::string, int64_t>>{
             {"author", 30}, {"institution", 6}, {"paper", 40}, {"topic", 8}})
      types[name] = {valueOf(builder->addNodeType(name, nodes)), nodes};
    int feature = valueOf(builder->addDenseFeature(types["paper"].first, "x", "float32", 3));
    std::mt19937_64 random(5);
    std::vector<float> rows(40 * 3);
    for (float &x : rows)
      x = float(double(random() >> 11) * 0x1p-53 - 0.5);
    EXPECT_TRUE(builder->appendDenseRows(feature, rows.data(), 40).ok());
    std::vector<int32_t> classes(40);
    std::vector<int64_t> train;
    for (int64_t i = 0; i < 40; ++i) {
      classes[i] = int32_t(random() % 3);
      if (i % 2 == 0)
        train.push_back(i);
    }
    int label = valueOf(builder->addLabel(types["paper"].first, "y", {"a", "b", "c"}, classes));
    EXPECT_TRUE(builder->addSplit(label, "main", train, {1, 3}, {5}).ok());
    for (auto [source, name, destination, edges] :
         std::vector<std::tuple<std::string, std::string, std::string, int64_t>>{
             {"author", "at", "institution", 20},
             {"author", "reviews", "paper", 25},
             {"author", "writes", "paper", 60},
             {"institution", "rev_at", "author", 20},
             {"paper", "cites", "paper", 70},
             {"paper", "rev_about", "topic", 40},
             {"paper", "rev_writes", "author", 60},
             {"topic", "about", "paper", 40},
             {"topic", "mentions", "paper", 0}}) {
      int relation = valueOf(builder->addRelation(source, name, destination));
      std::vector<int64_t> from, to;
      for (int64_t i = 0; i < edges; ++i) { // the first half of each type only
        from.push_back(int64_t(random() % uint64_t(types[source].second / 2)));
        to.push_back(int64_t(random() % uint64_t(types[destination].second / 2)));
      }
      EXPECT_TRUE(builder->addEdges(relation, from.data(), to.data(), edges).ok());
    }
    EXPECT_TRUE(builder->finish().status().ok());
    store = valueOf(graph::GraphStore::open(directory / "g"));
  }

  void run(mlir::ModuleOp module, const std::string &passes) {
    mlir::PassManager manager(&context);
    ASSERT_TRUE(llvm::succeeded(mlir::parsePassPipeline(passes, manager, llvm::errs())));
    ASSERT_TRUE(llvm::succeeded(manager.run(module))) << messages;
  }
  /// The model phase.
  Module layers(const ModelText &model) {
    std::string fanout;
    for (int64_t i = 0; i < model.layers; ++i)
      fanout += (i ? ", " : "") + std::to_string(model.fanout);
    spec::ModelSpec spec = valueOf(spec::parseModelSpec(
        R"({"version": "1.0", "task": {"target_ntype": "paper", "label": "y"},
            "model": {"encoder": ")" +
            model.encoder + R"(", "hidden_size": 4, "activation": )" +
            (model.encoder == "hgt"    ? R"("gelu")"
             : model.encoder[0] == '/' ? "null"
                                       : R"("tanh")") +
            model.more + R"(, "num_layers": )" + std::to_string(model.layers) +
            R"(, "use_self_loop": )" + (model.selfLoop ? "true" : "false") +
            R"(}, "sampling": {"fanout": [)" + fanout +
            R"(]}, "train": {"batch_size": 12, "optimizer": {"name": ")" + model.optimizer +
            R"(", "lr": 0.1}, "sparse_optimizer": {"name": "adam", "lr": 0.1}}})",
        "model.json"));
    spec = valueOf(spec::resolve(spec, store->schema())).spec;
    Module module = compiler::buildModel(context, spec, store->schema());
    EXPECT_TRUE(module) << messages;
    if (model.encoder == "rgcn")
      setCombine(*module, model.combine, model.scoreScale);
    return module;
  }
  Module metatree(const ModelText &model) {
    Module module = layers(model);
    run(*module, "hgnn-unroll");
    return module;
  }
  Module whole(const ModelText &model) {
    Module module = metatree(model);
    run(*module, "hgnn-differentiate");
    return module;
  }
  static std::string assign(int64_t partitions, const std::string &split = "needed") {
    return "hgnn-relation-aggregation-first,hgnn-assign-partitions{partitions=" +
           std::to_string(partitions) + " split=" + split + "}";
  }
  static std::string communicate(const std::string &mode) {
    return "hgnn-insert-communication{mode=" + mode + "},hgnn-verify-phase{phase=partitioned}";
  }
  static constexpr const char *train = "hgnn-differentiate,hgnn-verify-phase{phase=training}";
  Module cut(const ModelText &model, int64_t partitions, const std::string &mode = "replicated") {
    Module module = metatree(model);
    run(*module, assign(partitions) + "," + communicate(mode) + "," + train);
    return module;
  }

  static std::string split(int64_t partitions) {
    return "hgnn-data-parallel{partitions=" + std::to_string(partitions) +
           "},hgnn-verify-phase{phase=partitioned}";
  }
  /// The step in vanilla order.
  Module vanilla(const ModelText &model, int64_t partitions) {
    Module module = metatree(model);
    run(*module, split(partitions) + "," + train);
    return module;
  }

  InterpreterInput input(uint32_t step = 0, const NumericArrays &states = {}) {
    InterpreterInput in;
    in.graph = store.get();
    in.seeds = {0, 2, 4, 6, 8, 12, 18, 22, 38}; // from 20 on: isolated
    in.seed = 9;
    in.step = step;
    in.states = states;
    return in;
  }
  InterpreterResult interpret(mlir::ModuleOp module, const InterpreterInput &in,
                              const char *entry = "train_step") {
    auto result = compiler::interpret(module, entry, in);
    EXPECT_TRUE(llvm::succeeded(result)) << messages;
    return llvm::succeeded(result) ? *result : InterpreterResult();
  }

  /// Every array of `wanted` with that prefix, normwise.
  void expectNear(const NumericArrays &got, const NumericArrays &wanted, const std::string &prefix,
                  double limit) {
    for (const auto &[name, array] : wanted) {
      if (name.rfind(prefix, 0) != 0)
        continue;
      auto found = got.find(name);
      ASSERT_NE(found, got.end()) << name;
      ASSERT_EQ(found->second.shape, array.shape) << name;
      double error = 0, norm = 1e-3;
      for (size_t i = 0; i < array.data.size(); ++i) {
        error = std::hypot(error, found->second.data[i] - array.data[i]);
        norm = std::hypot(norm, array.data[i]);
      }
      EXPECT_LE(error, limit * norm) << name;
    }
  }
  /// The largest normwise difference of the arrays of `wanted` with that prefix.
  static double difference(const NumericArrays &got, const NumericArrays &wanted,
                           const std::string &prefix) {
    double largest = 0;
    for (const auto &[name, array] : wanted) {
      auto found = got.find(name);
      if (name.rfind(prefix, 0) != 0)
        continue;
      if (found == got.end() || found->second.shape != array.shape)
        return std::numeric_limits<double>::infinity();
      double error = 0, norm = 1e-3;
      for (size_t i = 0; i < array.data.size(); ++i) {
        error = std::hypot(error, found->second.data[i] - array.data[i]);
        norm = std::hypot(norm, array.data[i]);
      }
      largest = std::max(largest, std::isfinite(error) ? error / norm
                                                       : std::numeric_limits<double>::infinity());
    }
    return largest;
  }
  /// Whether a pipeline refuses the module; what it says is in `messages`.
  bool refused(mlir::ModuleOp module, const std::string &passes) {
    mlir::PassManager manager(&context);
    messages.clear();
    return llvm::succeeded(mlir::parsePassPipeline(passes, manager, llvm::errs())) &&
           llvm::failed(manager.run(module));
  }
  void expectSameStep(const InterpreterResult &got, const InterpreterResult &wanted) {
    expectNear(got.outputs, wanted.outputs, "", 1e-12);
    expectNear(got.states, wanted.states, "", 1e-11);
  }
  /// The gradients of `got`, along a random direction of all states but the rows of tables, are the
  /// derivative of the model phase by dual numbers.
  void expectDerivative(mlir::ModuleOp layers, const InterpreterInput &in,
                        const InterpreterResult &got) {
    NumericArrays direction;
    std::mt19937_64 random(3);
    for (const auto &[name, array] : in.states)
      if (got.outputs.count("grad:" + name) && name.rfind("embeddings", 0) != 0) {
        direction[name] = array;
        for (double &x : direction[name].data)
          x = 2 * double(random() >> 11) * 0x1p-53 - 1;
      }
    auto exact = compiler::directionalDerivative(layers, "train_step", in, direction);
    ASSERT_TRUE(llvm::succeeded(exact)) << messages;
    double along = 0;
    for (const auto &[name, array] : direction)
      for (size_t i = 0; i < array.data.size(); ++i)
        along += array.data[i] * got.outputs.at("grad:" + name).data[i];
    EXPECT_NEAR(along, *exact, 1e-10 * (1 + std::abs(*exact)));
  }
  /// Split over any number of partitions, more than there are seeds included; nobody reads logits of
  /// training there.
  void expectVanillaIsWhole(const ModelText &model, const InterpreterInput &in,
                            InterpreterResult wanted, const InterpreterResult &eval) {
    wanted.outputs.erase("logits");
    for (int64_t p : {1, 2, 3, 9, 12}) {
      SCOPED_TRACE("vanilla " + std::to_string(p));
      Module module = vanilla(model, p);
      expectSameStep(interpret(*module, in), wanted);
      expectSameStep(interpret(*module, in, "eval_step"), eval);
    }
  }

  TemporaryDirectory directory;
  mlir::MLIRContext context;
  std::string messages;
  mlir::ScopedDiagnosticHandler handler;
  std::shared_ptr<graph::GraphStore> store;
};

} // namespace heddle::test

#endif // HEDDLE_TESTS_UNIT_PARTITION_CUT_H
