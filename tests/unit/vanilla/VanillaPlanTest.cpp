//===- VanillaPlanTest.cpp - plans in vanilla order -----------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A compiled plan of several partitions, run by threads, against the interpreter; the bytes that
// its formulas say; and what the verifier refuses. Random graphs are in tests/e2e/differential.
//
//===----------------------------------------------------------------------===//
#include "compiler/plan/PlanWriter.h"
#include "runtime/exec/PeerBlocks.h"
#include "runtime/plan/Collective.h"
#include "runtime/plan/PlanFile.h"
#include "runtime/plan/RowTerms.h"
#include "tests/e2e/differential/PlanRun.h"
#include "tests/unit/partition/Cut.h"

#include <algorithm>
#include <functional>
#include <map>

namespace heddle::test {
namespace {

using plan::OpT;
using plan::PlanT;

class VanillaPlan : public Cut {
protected:
  std::shared_ptr<PlanT> planOf(const ModelText &model, int64_t partitions) {
    training = vanilla(model, partitions);
    Module kernels(training->clone());
    run(*kernels, "hgnn-fuse,hgnn-verify-phase{phase=kernels}");
    compiler::PlanWriterOptions writer;
    writer.targets = {"x86-64-v2"};
    writer.schemaFingerprint = store->schema().schemaFingerprint;
    writer.statisticsFingerprint = store->schema().dataFingerprint;
    auto written = compiler::writePlan(*kernels, writer);
    EXPECT_TRUE(llvm::succeeded(written)) << messages;
    if (llvm::failed(written))
      std::abort();
    std::string path = directory / "vanilla.plan";
    EXPECT_TRUE(plan::savePlan(**written, path, true).ok());
    return std::shared_ptr<PlanT>(valueOf(plan::loadPlan(path)));
  }
  static OpT &find(PlanT &p, plan::OpAttrs kind, size_t entry = 0) {
    for (auto &op : p.entries[entry]->ops)
      if (op->attrs.type == kind)
        return *op;
    ADD_FAILURE() << "no op of kind " << plan::EnumNameOpAttrs(kind);
    return *p.entries[entry]->ops[0];
  }
  Module training;
};

TEST_F(VanillaPlan, StepsAreThoseOfTheInterpreter) {
  for (int64_t fanout : {-1, 2})
    for (int64_t p : {2, 3, 12}) { // 12: some blocks have no seed
      SCOPED_TRACE(std::to_string(p) + " " + std::to_string(fanout));
      ModelText model;
      model.fanout = fanout;
      auto plan = planOf(model, p);
      PlanRun steps = valueOf(PlanRun::create(plan, store, 9, 1, true));
      InterpreterInput in = input();
      PlanSteps evaluated = valueOf(steps.run(plan::EntryKind::EvalStep, {in.seeds}, 0));
      InterpreterResult wanted = interpret(*whole(model), in, "eval_step");
      expectNear({{"logits", evaluated.logits}}, {{"logits", wanted.outputs.at("logits")}}, "",
                 1e-5);

      auto before = steps.sentBytes();
      PlanSteps got = valueOf(steps.run(plan::EntryKind::TrainStep, {in.seeds}, 0));
      auto after = steps.sentBytes();
      wanted = interpret(*whole(model), in);
      EXPECT_NEAR(got.losses.at(0), wanted.outputs.at("loss").data[0], 1e-5);
      // Adam's first step is lr whatever the gradient: moments say more.
      expectNear(steps.states(), wanted.states, "convs.", 1e-5);
      for (const char *type : {"author", "institution", "topic"})
        for (const char *part : {".moment1", ".row_steps"})
          expectNear(steps.states(), wanted.states,
                     std::string("embeddings.") + type + ".weight" + part, 1e-5);
      EXPECT_EQ(steps.differingCopy(), "");
      InterpreterResult cut = interpret(*training, in);
      for (const char *traffic :
           {"activations", "dense_gradients", "embedding_rows", "remote_features"})
        EXPECT_EQ(after[traffic] - before[traffic], cut.bytes[traffic]) << traffic;
      EXPECT_GT(after["remote_features"], before["remote_features"]);
      // A batch without a seed.
      got = valueOf(steps.run(plan::EntryKind::TrainStep, std::vector<std::vector<int64_t>>(1), 1));
      EXPECT_EQ(got.losses.at(0), 0);
    }
}

TEST_F(VanillaPlan, LargeBlocksChangeNoBit) {
  for (int64_t fanout : {-1, 2}) {
    ModelText model;
    model.fanout = fanout;
    auto plan = planOf(model, 3);
    // 24 and 16 bytes: of a few rows, or of one; with both some of an exchange's blocks are packed.
    NumericArrays packed;
    const int64_t usual = exec::PeerBlocks::packedBytes;
    for (int64_t most : {usual, int64_t(24), int64_t(16), int64_t(-1)}) {
      exec::PeerBlocks::packedBytes = most;
      PlanRun steps = valueOf(PlanRun::create(plan, store, 9, 1, true));
      PlanSteps got = valueOf(steps.run(
          plan::EntryKind::TrainStep,
          std::vector<std::vector<int64_t>>{input().seeds, {input().seeds[0]}, {}, input().seeds},
          0));
      NumericArrays states = steps.states();
      if (most == usual)
        packed = states;
      ASSERT_EQ(states.size(), packed.size());
      for (const auto &[name, array] : packed)
        EXPECT_EQ(states.at(name).data, array.data) << name << " " << most;
    }
    exec::PeerBlocks::packedBytes = usual;
  }
}

TEST_F(VanillaPlan, TablesOfAStepTravelTogether) {
  for (int64_t fanout : {-1, 2}) {
    ModelText model;
    model.fanout = fanout;
    auto plan = planOf(model, 3);
    // Tables of author, institution and topic, some at two hops; features of paper at two.
    size_t fetches = 0, pushes = 0, requests = 0, features = 0;
    training->walk([&](mlir::Operation *op) {
      auto entry = op->getParentOfType<hgnn::EntryOp>();
      if (!entry || entry.getSymName() != plan->entries[0]->name)
        return;
      fetches += mlir::isa<hgnn::FetchRemoteRowsOp>(op);
      pushes += mlir::isa<hgnn::PushRowsOp>(op);
      requests += mlir::isa<hgnn::RequestRowsOp>(op);
      features += mlir::isa<hgnn::FetchRemoteFeaturesOp>(op);
    });
    std::map<plan::OpAttrs, std::vector<size_t>> terms; // of the ops of each kind
    for (const auto &op : plan->entries[0]->ops)
      if (plan::rowTermsOf(*op))
        terms[op->attrs.type].push_back(plan::rowTermsOf(*op));
    using enum plan::OpAttrs;
    EXPECT_GT(fetches, 1u);
    EXPECT_EQ(terms[FetchRemoteRowsAttrs], (std::vector<size_t>{fetches}));
    EXPECT_EQ(terms[PushRowsAttrs], (std::vector<size_t>{pushes}));
    EXPECT_EQ(terms[FetchRemoteAttrs], (std::vector<size_t>{features}));
    // Those for features are bytes of another class.
    ASSERT_EQ(terms[RequestRowsAttrs].size(), 2u);
    EXPECT_EQ(terms[RequestRowsAttrs][0] + terms[RequestRowsAttrs][1], requests);
  }
}

TEST_F(VanillaPlan, LossesStayTogether) {
  ModelText model;
  model.fanout = 2;
  auto plan = planOf(model, 3);
  PlanRun steps = valueOf(PlanRun::create(plan, store, 9, 1, true));
  std::vector<std::vector<int64_t>> batches(20, input().seeds);
  PlanSteps got = valueOf(steps.run(plan::EntryKind::TrainStep, batches, 0));
  Module one = whole(model);
  NumericArrays states;
  for (uint32_t step = 0; step < batches.size(); ++step) {
    InterpreterResult wanted = interpret(*one, input(step, states));
    EXPECT_NEAR(got.losses.at(step), wanted.outputs.at("loss").data[0],
                1e-5 * std::max(1.0, wanted.outputs.at("loss").data[0]))
        << step;
    states = wanted.states;
  }
}

struct Wrong {
  const char *error; ///< part of the message
  std::function<void(PlanT &)> make;
};

TEST_F(VanillaPlan, WrongPlansAreRefused) {
  using enum plan::OpAttrs;
  const std::vector<Wrong> all = {
      {"its block of the seeds is not that of its partition",
       [](PlanT &p) { find(p, SeedsAttrs).attrs.AsSeedsAttrs()->block = 1; }},
      {"block 5 is out of range",
       [](PlanT &p) { find(p, SeedsAttrs).attrs.AsSeedsAttrs()->block = 5; }},
      {"are not outputs of one",
       [](PlanT &p) {
         std::swap(find(p, FetchRemoteAttrs).inputs[2], find(p, FetchRemoteAttrs).inputs[3]);
       }},
      {"it fetches for other rows than were asked for",
       [](PlanT &p) { ++find(p, FetchRemoteAttrs).attrs.AsFetchRemoteAttrs()->hop; }},
      {"the width is 3, not 4",
       [](PlanT &p) { ++find(p, FetchRemoteAttrs).attrs.AsFetchRemoteAttrs()->dim; }},
      {"its rows are not spread over the participants",
       [](PlanT &p) {
         OpT &op = find(p, FetchRemoteRowsAttrs);
         p.states[size_t(p.entries[0]->buffers[size_t(op.inputs[0])]->state)]->spread = false;
       }},
      {"are not outputs of one",
       [](PlanT &p) { find(p, PushRowsAttrs).inputs[1] = find(p, PushRowsAttrs).inputs[2]; }},
      {"the rows are not Kept",
       [](PlanT &p) {
         std::swap(find(p, PushRowsAttrs).outputs[0], find(p, PushRowsAttrs).outputs[1]);
       }},
      {" outputs, not ", [](PlanT &p) { find(p, RequestRowsAttrs).outputs.pop_back(); }},
      {" inputs, not ", [](PlanT &p) { find(p, PushRowsAttrs).inputs.pop_back(); }},
      {"the state differs",
       [](PlanT &p) {
         OpT &op = find(p, FetchRemoteRowsAttrs, 1);
         std::swap_ranges(op.inputs.begin(), op.inputs.begin() + 5, op.inputs.begin() + 5);
         std::swap_ranges(op.outputs.begin(), op.outputs.begin() + 2, op.outputs.begin() + 2);
       }},
      {"what is kept differs",
       [](PlanT &p) {
         OpT &op = find(p, PushRowsAttrs, 1);
         std::swap_ranges(op.inputs.begin(), op.inputs.begin() + 4, op.inputs.begin() + 4);
         std::swap_ranges(op.outputs.begin(), op.outputs.begin() + 2, op.outputs.begin() + 2);
       }},
      {"the buffer is written twice",
       [](PlanT &p) {
         auto &op = find(p, RequestRowsAttrs);
         auto *a = op.attrs.AsRequestRowsAttrs();
         a->more.push_back(plan::RowsAt(a->node_type, a->hop));
         op.inputs.push_back(op.inputs[0]);
         for (size_t i = 0; i < 5; ++i)
           op.outputs.push_back(op.outputs[i]);
       }},
      {"of its cut does not lead to the seeds",
       [](PlanT &p) {
         auto *a = find(p, SeedsAttrs).attrs.AsSeedsAttrs();
         uint32_t other = 0;
         while (p.relations[other]->destination == a->node_type)
           ++other;
         a->cut.push_back(plan::CutLink(other, -1));
       }},
      {"the cut of its seeds differs",
       [](PlanT &p) { find(p, SeedsAttrs, 1).attrs.AsSeedsAttrs()->cut.pop_back(); }},
      {"nothing says where they begin", [](PlanT &p) { find(p, SeedsAttrs).outputs.pop_back(); }},
      {"it does not know where the blocks of the seeds begin",
       [](PlanT &p) { find(p, GatherBlocksAttrs, 2).inputs.pop_back(); }},
      {"the rows are not Rows of hop",
       [](PlanT &p) { ++find(p, RequestRowsAttrs).attrs.AsRequestRowsAttrs()->hop; }},
      {"the traffic class differs",
       [](PlanT &p) {
         find(p, RequestRowsAttrs, 1).attrs.AsRequestRowsAttrs()->traffic =
             plan::Traffic::Activations;
       }},
  };
  for (const Wrong &wrong : all) {
    auto broken = planOf({}, 2);
    wrong.make(*broken);
    absl::Status status = plan::verifyPlan(*broken);
    ASSERT_FALSE(status.ok()) << wrong.error;
    EXPECT_NE(messageOf(status).find(wrong.error), std::string::npos) << messageOf(status);
  }
}

} // namespace
} // namespace heddle::test
