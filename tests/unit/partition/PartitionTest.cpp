//===- PartitionTest.cpp - partitions against the whole step ---------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Tests name the invariants of relation-aggregation-first that they hold: numerical ones here,
// those of the structure in StructureTest.cpp. Random graphs and models are in
// tests/e2e/partitions.
//
//===----------------------------------------------------------------------===//
#include "tests/unit/partition/Cut.h"

#include <set>

using namespace heddle::hgnn;

namespace heddle::test {
namespace {

constexpr int64_t children = 6; ///< about, cites, mentions, reviews, writes, self

// Outputs are those of the whole, gradients are summed and never averaged, the self-loop is one
// more root link, a leader changes nothing, and a partition whose relations have no edge joins.
TEST_F(Cut, Invariants1And2And3And6And8_EveryCutIsTheWhole) {
  for (bool self : {true, false}) {
    ModelText model;
    model.selfLoop = self;
    InterpreterResult wanted = interpret(*whole(model), input());
    int64_t links = self ? children : children - 1;
    // More partitions than root links: some are shared by blocks of the seeds.
    for (int64_t p : {int64_t(1), int64_t(2), int64_t(3), links, links + 1, 2 * links + 1})
      for (const char *mode : {"replicated", "leader"}) {
        SCOPED_TRACE(std::string(mode) + " " + std::to_string(p) + (self ? " self" : ""));
        Module module = cut(model, p, mode);
        expectSameStep(interpret(*module, input()), wanted);
      }
  }
}

// Links cut though there are enough of them, and batches with fewer seeds than blocks.
TEST_F(Cut, Invariant18_BlocksOfTheSeedsAreTheWhole) {
  for (size_t seeds : {0, 1, 2, 5, 12}) {
    InterpreterInput in = input();
    in.seeds.resize(std::min(seeds, in.seeds.size()));
    for (int64_t layers : {1, 2, 3}) {
      ModelText model;
      model.layers = layers;
      model.fanout = layers == 2 ? 2 : -1;
      Module one = whole(model);
      InterpreterResult wanted = interpret(*one, in), eval = interpret(*one, in, "eval_step");
      for (int64_t p : {2, 4, 9, 16})
        for (const char *mode : {"replicated", "leader"}) {
          SCOPED_TRACE(std::string(mode) + " " + std::to_string(p) + ", " + std::to_string(seeds) +
                       " seeds, " + std::to_string(layers) + " layers");
          Module module = metatree(model);
          run(*module, assign(p, "balance") + "," + communicate(mode) + "," + train);
          expectSameStep(interpret(*module, in), wanted);
          expectSameStep(interpret(*module, in, "eval_step"), eval);
        }
    }
  }
}

TEST_F(Cut, Invariant3_LeaderAndReplicatedGiveTheSameBitsForTwo) {
  // With two terms the order of a sum does not matter, so even the bits agree.
  Module a = cut({}, 2, "replicated"), b = cut({}, 2, "leader");
  EXPECT_EQ(interpret(*a, input()).outputs.at("logits").data,
            interpret(*b, input()).outputs.at("logits").data);
}

TEST_F(Cut, Invariant4_WhichPartitionOwnsWhatDoesNotMatter) {
  ModelText model;
  InterpreterResult wanted = interpret(*whole(model), input());
  for (int64_t shift : {1, 2}) {
    Module module = metatree(model);
    run(*module, assign(3));
    module->walk([&](PartialOp op) { op.setPartition((op.getPartition() + uint64_t(shift)) % 3); });
    run(*module, communicate("replicated") + "," + train);
    expectSameStep(interpret(*module, input()), wanted);
  }
}

TEST_F(Cut, Invariant9_BytesAreThoseOfTheFormula) {
  const int64_t seeds = int64_t(input().seeds.size()), classes = 3;
  for (int64_t p : {2, 3, 6, 9}) {
    SCOPED_TRACE(p);
    for (int64_t fanout : {-1, 1, 3})
      for (int64_t layers : {2, 3}) {
        ModelText model;
        model.fanout = fanout;
        model.layers = layers;
        // Forward and back by all-to-all and all-gather; with a leader, there and back.
        for (const char *mode : {"replicated", "leader"}) {
          Module module = cut(model, p, mode);
          EXPECT_EQ(interpret(*module, input()).bytes["activations"],
                    2 * (p - 1) * seeds * classes * 4);
          EXPECT_EQ(interpret(*module, input(), "eval_step").bytes["activations"],
                    (mode[0] == 'l' ? 1 : 2) * (p - 1) * seeds * classes * 4);
        }
      }
    // Gradients: what is kept in q > 1 partitions and used below the merges.
    Module module = cut({}, p);
    int64_t dense = 0, rows = 0;
    std::map<std::string, int64_t>
        frontier; // rows by partition and table, counted by the interpreter
    mlir::OpBuilder builder(&context);
    module->walk([&](ExchangeRowsOp op) {
      builder.setInsertionPointAfter(op);
      OutputOp::create(builder, op.getLoc(),
                       "rows:" + std::to_string(op.getId()) + ":" +
                           std::to_string(op->getParentOfType<EntryOp>().getPartition()),
                       op.getIds());
    });
    module->walk([&](StateOp state) {
      if (state.getRole() != StateRole::Parameter)
        return;
      std::set<int64_t> users;
      bool below = false;
      module->walk([&](ReadOp read) {
        auto entry = read->getParentOfType<EntryOp>();
        if (read.getState() != state.getSymName() || entry.getKind() != EntryKind::Train)
          return;
        users.insert(int64_t(entry.getPartition()));
        below |= state.getSymName() != "convs.1.bias"; // the head's
      });
      int64_t numbers = 1;
      for (int64_t size : state.getShape())
        numbers *= size;
      if (below && users.size() > 1)
        dense += 2 * (int64_t(users.size()) - 1) * numbers * 4;
    });
    InterpreterResult result = interpret(*module, input());
    EXPECT_EQ(result.bytes["dense_gradients"], dense);
    EXPECT_GT(dense, 0);
    std::map<std::string, int64_t> participants;
    module->walk([&](ExchangeRowsOp op) {
      participants[std::to_string(op.getId())] = int64_t(op.getPartitions().size());
    });
    for (const auto &[name, array] : result.outputs)
      if (name.rfind("rows:", 0) == 0)
        rows += (participants[name.substr(5, name.find(':', 5) - 5)] - 1) *
                int64_t(array.data.size()) * (8 + 4 * 4);
    EXPECT_EQ(result.bytes["embedding_rows"], rows);
    EXPECT_GT(rows, 0);
  }
}

TEST_F(Cut, Invariant11_TrajectoriesStayTogether) {
  for (const char *optimizer : {"sgd", "adam"}) {
    ModelText model;
    model.optimizer = optimizer;
    model.fanout = 3;
    Module one = whole(model), three = cut(model, 3);
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

TEST_F(Cut, Invariant19_OnlyTouchedRowsMove) {
  ModelText model;
  model.fanout = 1;
  InterpreterInput in = input();
  in.seeds = {0, 2};
  Module one = whole(model), three = cut(model, 3);
  NumericArrays start = interpret(*one, in).states;
  in.states = start;
  in.step = 1;
  in.seeds = {4, 6};
  InterpreterResult wanted = interpret(*one, in), got = interpret(*three, in);
  for (const char *type : {"author", "institution", "topic"})
    for (const char *part : {"", ".moment1", ".moment2", ".row_steps"}) {
      std::string name = std::string("embeddings.") + type + ".weight" + part;
      const NumericArray &before = start.at(name), &after = got.states.at(name);
      const NumericArray &steps0 =
          start.at(std::string("embeddings.") + type + ".weight.row_steps");
      const NumericArray &steps1 =
          wanted.states.at(std::string("embeddings.") + type + ".weight.row_steps");
      int64_t untouched = 0;
      size_t width = before.data.size() / steps0.data.size();
      for (size_t i = 0; i < before.data.size(); ++i)
        if (steps0.data[i / width] == steps1.data[i / width]) {
          EXPECT_EQ(before.data[i], after.data[i]) << name; // every bit
          ++untouched;
        }
      EXPECT_GT(untouched, 0);
    }
  expectNear(got.states, wanted.states, "embeddings.", 1e-12);
}

TEST_F(Cut, Invariant20_RowGradientsAreOfAllPartitions) {
  // What one partition alone has is not the gradient, so an update by it differs.
  Module module = cut({}, 2);
  bool some = false;
  mlir::OpBuilder builder(&context);
  module->walk([&](ExchangeRowsOp op) {
    builder.setInsertionPointAfter(op);
    std::string p = std::to_string(op->getParentOfType<EntryOp>().getPartition());
    OutputOp::create(builder, op.getLoc(), "mine:" + p + ":" + std::to_string(op.getId()),
                     op.getRows());
    OutputOp::create(builder, op.getLoc(), "sums:" + std::to_string(op.getId()), op.getSums());
  });
  InterpreterResult result = interpret(*module, input());
  for (const auto &[name, array] : result.outputs)
    if (name.rfind("mine:", 0) == 0)
      some |= array.data != result.outputs.at("sums:" + name.substr(7)).data;
  EXPECT_TRUE(some);

  // An owner-only update is refused before it runs, and by the copies that it leaves.
  module->walk([&](RowOptimizerStepOp op) {
    auto exchange = op.getGrad().getDefiningOp<ExchangeRowsOp>();
    if (!exchange)
      return;
    op.getGradMutable().assign(exchange.getRows());
    op.getIdsMutable().assign(exchange.getIds());
  });
  mlir::PassManager manager(&context);
  ASSERT_TRUE(llvm::succeeded(
      mlir::parsePassPipeline("hgnn-verify-phase{phase=training}", manager, llvm::errs())));
  EXPECT_TRUE(llvm::failed(manager.run(*module)));
  EXPECT_NE(messages.find("several partitions keep it: sum the terms first"), std::string::npos)
      << messages;
  messages.clear();
  EXPECT_TRUE(llvm::failed(compiler::interpret(*module, "train_step", input())));
  EXPECT_NE(messages.find("has copies that differ after the step"), std::string::npos) << messages;
}

} // namespace
} // namespace heddle::test
