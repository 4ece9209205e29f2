//===- VanillaTest.cpp - vanilla order against the whole step --------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Tests name the invariants of relation-aggregation-first that vanilla order has too. Random graphs
// and models are in tests/e2e/partitions.
//
//===----------------------------------------------------------------------===//
#include "tests/unit/partition/Cut.h"

#include <set>

using namespace heddle::hgnn;

namespace heddle::test {
namespace {

/// Training shows no logits: nobody reads them.
InterpreterResult withoutLogits(InterpreterResult result) {
  result.outputs.erase("logits");
  return result;
}

// Outputs and summed gradients are those of the whole for any number of blocks, also where there
// are more partitions than seeds, so that some have none.
TEST_F(Cut, Vanilla_Invariants1And2_AnyBlocksAreTheWhole) {
  for (bool self : {true, false})
    for (int64_t fanout : {-1, 2}) {
      ModelText model;
      model.selfLoop = self;
      model.fanout = fanout;
      InterpreterResult wanted = withoutLogits(interpret(*whole(model), input()));
      for (int64_t p : {1, 2, 3, 9, 12}) {
        SCOPED_TRACE(std::to_string(p) + (self ? " self " : " ") + std::to_string(fanout));
        Module module = vanilla(model, p);
        InterpreterResult got = interpret(*module, input());
        EXPECT_FALSE(got.outputs.count("logits"));
        expectSameStep(got, wanted);
      }
    }
}

TEST_F(Cut, Vanilla_Invariant1_LogitsOfEvaluationAreGathered) {
  Module one = whole({});
  InterpreterResult wanted = interpret(*one, input(), "eval_step");
  for (int64_t p : {1, 2, 4, 12})
    expectSameStep(interpret(*vanilla({}, p), input(), "eval_step"), wanted);
}

TEST_F(Cut, Vanilla_Invariant6_BatchesWithoutSeeds) {
  InterpreterInput none = input();
  none.seeds = {};
  InterpreterResult wanted = withoutLogits(interpret(*whole({}), none));
  Module three = vanilla({}, 3);
  InterpreterResult got = interpret(*three, none);
  expectSameStep(got, wanted);
  EXPECT_EQ(got.bytes["remote_features"], 0);
  EXPECT_EQ(got.bytes["embedding_rows"], 0);
  none.seeds = {38}; // isolated, and in the last block
  expectSameStep(interpret(*three, none), withoutLogits(interpret(*whole({}), none)));
}

TEST_F(Cut, Vanilla_Invariant10_EachSeedIsInOneBlock) {
  for (int64_t p : {1, 2, 4, 12}) {
    Module module = vanilla({}, p);
    mlir::OpBuilder builder(&context);
    module->walk([&](SeedBlockOp op) {
      builder.setInsertionPointAfter(op);
      OutputOp::create(builder, op.getLoc(), "blocks", op.getIds());
    });
    // Blocks come together in order: all seeds, each once.
    InterpreterResult got = interpret(*module, input());
    EXPECT_EQ(got.outputs.at("blocks").data, got.outputs.at("ids").data);
  }
}

TEST_F(Cut, Vanilla_Invariant11_TrajectoriesStayTogether) {
  for (const char *optimizer : {"sgd", "adam"}) {
    ModelText model;
    model.optimizer = optimizer;
    model.fanout = 3;
    Module one = whole(model), three = vanilla(model, 3);
    NumericArrays a, b;
    for (uint32_t step = 0; step < 5; ++step) {
      InterpreterResult x = interpret(*one, input(step, a)), y = interpret(*three, input(step, b));
      EXPECT_NEAR(x.outputs["loss"].data[0], y.outputs["loss"].data[0], 1e-9);
      a = x.states;
      b = y.states;
    }
    expectNear(b, a, "", 1e-7);
  }
}

// Lazy Adam at the keepers: a row that any partition touched has one step more, others keep every
// bit.
TEST_F(Cut, Vanilla_Invariant19_OnlyTouchedRowsMoveAndEachOnce) {
  ModelText model;
  model.fanout = 1;
  InterpreterInput in = input();
  in.seeds = {0, 2};
  Module one = whole(model), three = vanilla(model, 3);
  NumericArrays start = interpret(*one, in).states;
  in.states = start;
  in.step = 1;
  in.seeds = {4, 6};
  InterpreterResult wanted = interpret(*one, in), got = interpret(*three, in);
  for (const char *type : {"author", "institution", "topic"}) {
    std::string table = std::string("embeddings.") + type + ".weight";
    const NumericArray &steps = wanted.states.at(table + ".row_steps");
    EXPECT_EQ(got.states.at(table + ".row_steps").data, steps.data);
    for (const char *part : {"", ".moment1", ".moment2"}) {
      const NumericArray &before = start.at(table + part), &after = got.states.at(table + part);
      int64_t untouched = 0;
      size_t width = before.data.size() / steps.data.size();
      for (size_t i = 0; i < before.data.size(); ++i)
        if (start.at(table + ".row_steps").data[i / width] == steps.data[i / width]) {
          EXPECT_EQ(before.data[i], after.data[i]) << table << part;
          ++untouched;
        }
      EXPECT_GT(untouched, 0);
    }
  }
  expectNear(got.states, wanted.states, "embeddings.", 1e-12);
}

// A row that several partitions touch gets the sum of what they have.
TEST_F(Cut, Vanilla_Invariant20_RowGradientsAreOfAllPartitions) {
  Module module = vanilla({}, 3);
  mlir::OpBuilder builder(&context);
  module->walk([&](PushRowsOp op) {
    builder.setInsertionPointAfter(op);
    std::string name =
        mlir::cast<IdsType>(op.getIds().getType()).getDomain().getSymbol().getValue().str();
    std::string p = std::to_string(op->getParentOfType<EntryOp>().getPartition());
    OutputOp::create(builder, op.getLoc(), "ids:" + name + ":" + p, op.getIds());
    OutputOp::create(builder, op.getLoc(), "mine:" + name + ":" + p, op.getRows());
    OutputOp::create(builder, op.getLoc(), "kept:" + name, op.getKept());
  });
  InterpreterResult got = interpret(*module, input());
  int64_t shared = 0;
  for (const char *type : {"author", "institution", "topic"}) {
    const NumericArray &kept = got.outputs.at(std::string("kept:") + type);
    const NumericArray &sums = got.outputs.at(std::string("grad:embeddings.") + type + ".weight");
    std::map<double, std::vector<double>> wanted;
    std::map<double, int> touches;
    for (const char *p : {":0", ":1", ":2"}) {
      const NumericArray &ids = got.outputs.at(std::string("ids:") + type + p);
      const NumericArray &rows = got.outputs.at(std::string("mine:") + type + p);
      for (size_t i = 0; i < ids.data.size(); ++i) {
        std::vector<double> &sum = wanted[ids.data[i]];
        sum.resize(4, 0);
        for (size_t j = 0; j < 4; ++j)
          sum[j] += rows.data[4 * i + j];
        ++touches[ids.data[i]];
      }
    }
    ASSERT_EQ(kept.data.size(), wanted.size());
    size_t i = 0;
    for (const auto &[id, sum] : wanted) {
      EXPECT_EQ(kept.data[i], id); // the keepers' parts together are ascending
      for (size_t j = 0; j < 4; ++j)
        EXPECT_EQ(sums.data[4 * i + j], sum[j]);
      shared += touches[id] > 1;
      ++i;
    }
  }
  EXPECT_GT(shared, 0);
}

TEST_F(Cut, Vanilla_AClipBoundIsOfTheSums) {
  Module one = metatree({}), three = metatree({});
  for (mlir::ModuleOp module : {*one, *three})
    module.walk([&](OptimizerOp op) {
      if (op.getGroup() == 0)
        op.setMaxGradNorm(llvm::APFloat(0.01));
    });
  run(*one, "hgnn-differentiate");
  run(*three, split(3) + "," + train);
  expectSameStep(interpret(*three, input()), withoutLogits(interpret(*one, input())));
}

// Rows are asked for once: papers have one feature and no table here, the others a table alone.
TEST_F(Cut, Vanilla_BytesAreThoseOfTheFormulas) {
  for (int64_t fanout : {-1, 2})
    for (int64_t p : {1, 2, 3}) {
      ModelText model;
      model.fanout = fanout;
      Module module = vanilla(model, p);
      mlir::OpBuilder builder(&context);
      module->walk([&](RequestRowsOp op) {
        builder.setInsertionPointAfter(op);
        OutputOp::create(
            builder, op.getLoc(),
            mlir::cast<IdsType>(op.getIds().getType()).getDomain().getSymbol().getValue().str() +
                ":" + std::to_string(op->getParentOfType<EntryOp>().getPartition()),
            op.getIds());
      });
      InterpreterResult got = interpret(*module, input());
      std::map<std::string, int64_t> nodes{
          {"author", 30}, {"institution", 6}, {"paper", 40}, {"topic", 8}};
      int64_t features = 0, rows = 0, dense = 0;
      for (const auto &[type, count] : nodes)
        for (int64_t k = 0; k < p; ++k)
          for (double id : got.outputs.at(type + ":" + std::to_string(k)).data) {
            bool here = double(count * k / p) <= id && id < double(count * (k + 1) / p);
            if (!here && type == "paper")
              features += 8 + 3 * 4;
            else if (!here)
              rows += 8 + 2 * 4 * 4; // the id, there, and back
          }
      for (const auto &[name, array] : got.outputs)
        if (name.rfind("grad:", 0) == 0 && name.find("embeddings") == std::string::npos)
          dense += 2 * (p - 1) * int64_t(array.data.size()) * 4;
      EXPECT_EQ(got.bytes["remote_features"], features);
      EXPECT_EQ(got.bytes["embedding_rows"], rows);
      EXPECT_EQ(got.bytes["dense_gradients"], dense);
      EXPECT_EQ(got.bytes["activations"], 2 * (p - 1) * 4);
      EXPECT_EQ(features > 0 && rows > 0 && dense > 0, p > 1);
      int64_t seeds = int64_t(input().seeds.size()), classes = 3;
      EXPECT_EQ(interpret(*module, input(), "eval_step").bytes["activations"],
                2 * (p - 1) * 4 + (p - 1) * seeds * classes * 4);
    }
}

} // namespace
} // namespace heddle::test
