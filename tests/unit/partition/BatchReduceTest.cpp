//===- BatchReduceTest.cpp - rows that depend on the whole batch -----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// HAN weighs relations by a mean over the destinations of the batch. Of whole root links any number
// of partitions gives the whole step; what would take a mean of a part is refused. The oracle is
// the model phase, which the interpreter runs without merges, and its derivative by dual numbers.
//
//===----------------------------------------------------------------------===//
#include "tests/unit/partition/Cut.h"

using namespace heddle::hgnn;

namespace heddle::test {
namespace {

class BatchReduce : public Cut {
protected:
  static ModelText han(int64_t layers, const std::string &more = {}) {
    ModelText model;
    model.encoder = "han";
    model.layers = layers;
    // A relation without an edge, a self relation, parallel ones; others for the second layer.
    model.more = R"(, "num_heads": 2, "relations": [["paper", "cites", "paper"],
                    ["author", "reviews", "paper"], ["author", "writes", "paper"],
                    ["topic", "mentions", "paper"], ["paper", "rev_writes", "author"]])" +
                 more;
    return model;
  }
  NumericArrays started(mlir::ModuleOp module) {
    NumericArrays states = interpret(module, input()).states;
    double next = 0.25;
    for (auto &[name, array] : states)
      if (name.find("bias") != std::string::npos)
        for (double &x : array.data)
          x = next = next > 2 ? -1 : next + 0.125;
    return states;
  }
};

TEST_F(BatchReduce, TheWholeStepIsTheModel) {
  for (const ModelText &model :
       {han(1), han(2),
        han(2, R"(, "dropout": 0.25, "attention_dropout": 0.25, "norm": "layer")")}) {
    SCOPED_TRACE(std::to_string(model.layers) + model.more);
    Module layers = this->layers(model), module = whole(model);
    InterpreterInput in = input();
    in.states = started(*module);
    InterpreterResult got = interpret(*module, in);
    expectNear(got.outputs, interpret(*layers, in).outputs, "lo", 1e-12); // loss, logits
    EXPECT_TRUE(got.outputs.count("grad:convs.0.q"));
    expectDerivative(*layers, in, got);
  }
}

TEST_F(BatchReduce, PartitionsOfWholeLinksGiveTheWholeStep) {
  for (const ModelText &model : {han(1), han(1, R"(, "dropout": 0.25, "norm": "layer")")}) {
    Module all = whole(model);
    InterpreterInput in = input();
    in.states = started(*all);
    InterpreterResult wanted = interpret(*all, in), eval = interpret(*all, in, "eval_step");
    for (int64_t p : {1, 2, 3, 4})
      for (const char *mode : {"replicated", "leader"}) {
        SCOPED_TRACE(std::string(mode) + " " + std::to_string(p));
        Module module = cut(model, p, mode);
        expectSameStep(interpret(*module, in), wanted);
        expectSameStep(interpret(*module, in, "eval_step"), eval);
      }
  }
}

// Evening out the loads cuts nothing; more partitions than links, blocks of the batch and rows that
// partitions do not all have are refused.
TEST_F(BatchReduce, WhatWouldTakeTheMeanOfAPartIsRefused) {
  ModelText model = han(1);
  Module even = metatree(model);
  run(*even, assign(3, "balance") + "," + communicate("replicated") + "," + train);
  InterpreterInput in = input();
  expectSameStep(interpret(*even, in), interpret(*whole(model), in));

  EXPECT_TRUE(refused(*metatree(model), assign(5)));
  EXPECT_NE(
      messages.find("is over all seeds of the batch, so its root link is not cut; there are 4 "
                    "pieces for 5 partitions: use at most 4"),
      std::string::npos)
      << messages;
  EXPECT_TRUE(refused(*metatree(model), split(2)));
  EXPECT_NE(messages.find("is one partition's block of it; use relation-aggregation-first (--order "
                          "raf) or one partition"),
            std::string::npos)
      << messages;
  EXPECT_TRUE(refused(*metatree(han(2)), assign(2)));
  EXPECT_NE(
      messages.find("with several partitions it stands in the last layer, or compile for one"),
      std::string::npos)
      << messages;
  EXPECT_FALSE(refused(*metatree(han(2)), assign(1))) << messages;
}

// Of one relation the weight is 1 whatever its mean, which is not taken: its link may be shared.
TEST_F(BatchReduce, OneRelationIsAttentionAlone) {
  ModelText model = han(1);
  model.more = R"(, "num_heads": 2, "relations": [["author", "writes", "paper"]])";
  Module tree = metatree(model);
  tree->walk([](BatchReduceOp op) { ADD_FAILURE() << "a mean that nothing reads"; });
  InterpreterInput in = input();
  InterpreterResult wanted = interpret(*whole(model), in);
  for (int64_t p : {2, 3})
    expectSameStep(interpret(*cut(model, p), in), wanted);
}

// Layer by layer over all nodes there is no batch.
TEST_F(BatchReduce, ThereIsNoLayerWiseInference) {
  auto entries = [&](const ModelText &model) {
    Module module = layers(model);
    run(*module, "hgnn-unroll{infer=true}");
    int64_t count = 0;
    for (auto entry : module->getOps<EntryOp>())
      count += entry.getKind() == EntryKind::Infer;
    return count;
  };
  EXPECT_EQ(entries(han(1)), 0);
  EXPECT_GT(entries(ModelText()), 0);
}

// A batch of other seeds gives a row another value: what coupling is.
TEST_F(BatchReduce, ARowDependsOnTheBatch) {
  Module module = whole(han(1));
  InterpreterInput in = input(), fewer = input();
  fewer.seeds.resize(3);
  fewer.states = in.states = started(*module);
  NumericArray all = interpret(*module, in).outputs.at("logits");
  NumericArray some = interpret(*module, fewer).outputs.at("logits");
  double apart = 0;
  for (size_t i = 0; i < some.data.size(); ++i)
    apart = std::max(apart, std::abs(all.data[i] - some.data[i]));
  EXPECT_GT(apart, 1e-6);
}

} // namespace
} // namespace heddle::test
