//===- AttentionTest.cpp - attention over edges, cut into partitions -------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// R-GAT has a softmax in each relation, whose values are summed; HGT one over the edges of all
// relations, whose terms are merged over partitions. The oracle is the whole step, and for it the
// model phase, which the interpreter runs without merges of relations, and its derivative by dual
// numbers.
//
//===----------------------------------------------------------------------===//
#include "tests/unit/partition/Cut.h"

using namespace heddle::hgnn;

namespace heddle::test {
namespace {

constexpr int64_t children = 6; ///< about, cites, mentions, reviews, writes, self

class AttentionCut : public Cut {
protected:
  static std::vector<ModelText> models() {
    std::vector<ModelText> models(13);
    for (ModelText &model : models)
      model.more = R"(, "num_heads": 2)";
    models[0].encoder = models[1].encoder = "rgat";
    models[1].selfLoop = false;
    models[1].more += R"(, "attention_dropout": 0.25, "dropout": 0.25)";
    for (int i = 2; i < 7; ++i)
      models[i].encoder = "hgt";
    models[3].more = R"(, "num_heads": 4, "dropout": 0.25, "norm": "layer")";
    models[4].more = R"(, "num_heads": 1)";
    models[5].more += R"(, "hgt_softmax": "relation")";
    // One relation into the papers: what follows the attention is of that relation alone, biases too.
    models[6].more +=
        R"(, "relations": [["author", "writes", "paper"], ["paper", "rev_writes", "author"]])";
    // Own rows go into the softmax and into a residual.
    for (int i = 7; i < 10; ++i)
      models[i].encoder = "simplehgn";
    models[7].more += R"(, "attention_dropout": 0.25, "dropout": 0.25, "edge_dim": 3)";
    models[8].selfLoop = false;
    models[9].more += models[6].more.substr(models[6].more.find(", \"relations"));
    models[10].encoder = HEDDLE_SOURCE_DIR "/examples/layers/gatv2.mlir";
    models[10].more =
        R"(, "args": {"num_heads": 2, "slope": 0.1, "attention_dropout": 0.25, "dropout": 0.25})";
    models[11].encoder = HEDDLE_SOURCE_DIR "/examples/layers/gated_rgcn.mlir";
    models[11].more = R"(, "args": {"dropout": 0.25})";
    models[12].encoder = "rsage";
    models[12].more = R"(, "dropout": 0.25)";
    return models;
  }
  /// Priors and skips that are not all alike, biases that are not 0.
  NumericArrays started(mlir::ModuleOp module, double scale = 1) {
    NumericArrays states = interpret(module, input()).states;
    double next = 0.25;
    for (auto &[name, array] : states) {
      bool moved =
          name.find("bias") != std::string::npos || name.find("skip") != std::string::npos ||
          name.find("p_rel") != std::string::npos || name.find("_emb") != std::string::npos;
      for (double &x : array.data)
        x = moved ? next = next > 2 ? -1 : next + 0.125 : x;
      if (name.find("att_") != std::string::npos || name.find("p_rel") != std::string::npos)
        for (double &x : array.data)
          x *= scale;
    }
    return states;
  }
  static std::string nameOf(const ModelText &model) { return model.encoder + model.more; }
};

TEST_F(AttentionCut, TheWholeStepIsTheModel) {
  for (const ModelText &model : models())
    for (double scale : {1.0, 1e4}) {
      SCOPED_TRACE(nameOf(model) + " " + std::to_string(scale));
      Module layers = this->layers(model), module = whole(model);
      InterpreterInput in = input();
      in.states = started(*module, scale);
      InterpreterResult got = interpret(*module, in), wanted = interpret(*layers, in);
      expectNear(got.outputs, wanted.outputs, "lo", 1e-12); // loss, logits
      if (scale != 1)
        continue;
      expectDerivative(*layers, in, got);
    }
}

TEST_F(AttentionCut, PartitionsGiveTheWholeStep) {
  for (const ModelText &model : models()) {
    Module all = whole(model);
    InterpreterInput in = input();
    in.states = started(*all);
    InterpreterResult wanted = interpret(*all, in), eval = interpret(*all, in, "eval_step");
    int64_t links = model.encoder == "rgat" && !model.selfLoop ? children - 1 : children;
    for (int64_t p : {int64_t(1), int64_t(2), int64_t(3), links, int64_t(9)})
      for (const char *mode : {"replicated", "leader"}) {
        SCOPED_TRACE(nameOf(model) + " " + mode + " " + std::to_string(p));
        Module module = cut(model, p, mode);
        expectSameStep(interpret(*module, in), wanted);
        expectSameStep(interpret(*module, in, "eval_step"), eval);
      }
    SCOPED_TRACE(nameOf(model));
    expectVanillaIsWhole(model, in, wanted, eval);
  }
}

// Terms travel as they are: a head has its own largest score and sum.
TEST_F(AttentionCut, BytesOfTermsHaveTwoNumbersForEachHead) {
  const int64_t seeds = int64_t(input().seeds.size());
  ModelText model = models()[2]; // hgt, 2 heads of 2; own rows travel beside the terms
  for (int64_t p : {2, 3}) {
    Module module = cut(model, p);
    EXPECT_EQ(interpret(*module, input()).bytes["activations"],
              2 * (p - 1) * seeds * (4 + 2 * 2 + 4) * 4);
  }
}

// Projections of a node type are made once for all relations that read it, and of own rows before
// they are restricted.
TEST_F(AttentionCut, ProjectionsOfATypeAreMadeOnce) {
  ModelText model = models()[2];
  model.layers = 1;
  Module module = metatree(model);
  std::map<std::string, int> products;
  module->walk([&](LinearOp op) {
    if (op->getParentOfType<EntryOp>().getKind() == EntryKind::Train)
      ++products[op.getWeight().getDefiningOp<ReadOp>().getState().str()];
  });
  for (const char *name : {"k_lin_dict.author", "v_lin_dict.author", "k_lin_dict.paper",
                           "q_lin_dict.paper", "a_lin_dict.paper"})
    EXPECT_EQ(products["convs.0." + std::string(name) + ".weight"], 1) << name;
}

// The mean of a softmax for each partition.
TEST_F(AttentionCut, AWrongNumberOfHeadsIsNoticed) {
  ModelText model = models()[2];
  InterpreterResult wanted = interpret(*whole(model), input());
  Module wrong = cut(model, 2);
  // One head of the same width: (4 + 4) numbers hold 6 of a value.
  wrong->walk([](MergeAllOp op) {
    if (op.getMerge() == Merge::Softmax)
      op.setMerge(MergeRule(Merge::Softmax, 1));
  });
  EXPECT_GT(difference(interpret(*wrong, input()).outputs, wanted.outputs, "logits"), 1e-4);
}

} // namespace
} // namespace heddle::test
