//===- GoldenPlanTest.cpp - compiled plans against torch_geometric ----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// R-GCN, R-GAT and HGT as machine code, in fp32: logits for copied weights, and all weights and
// learnable rows after one step of torch's SGD and Adam; 1e-5 normwise.
// partition/AttentionOracleTest.cpp compares gradients in fp64, and of more encoders.
//
//===----------------------------------------------------------------------===//
#include "compiler/plan/PlanWriter.h"
#include "runtime/plan/PlanFile.h"
#include "tests/e2e/differential/PlanRun.h"
#include "tests/unit/partition/Golden.h"

#include <tuple>

namespace heddle::test {
namespace {

class GoldenPlan : public Golden,
                   public testing::WithParamInterface<std::tuple<const char *, const char *>> {
protected:
  std::shared_ptr<plan::PlanT> planOf(const spec::ModelSpec &spec) {
    Module module = compiler::buildModel(context, spec, store->schema());
    EXPECT_TRUE(module) << messages;
    run(*module, "hgnn-unroll,hgnn-differentiate,hgnn-fuse,hgnn-verify-phase{phase=kernels}");
    compiler::PlanWriterOptions writer;
    writer.targets = {"x86-64-v2"};
    writer.schemaFingerprint = store->schema().schemaFingerprint;
    writer.statisticsFingerprint = store->schema().dataFingerprint;
    auto written = compiler::writePlan(*module, writer);
    EXPECT_TRUE(llvm::succeeded(written)) << messages;
    if (llvm::failed(written))
      std::abort();
    const std::string path = directory / "golden.plan";
    EXPECT_TRUE(plan::savePlan(**written, path, true).ok());
    return std::shared_ptr<plan::PlanT>(valueOf(plan::loadPlan(path)));
  }
};

TEST_P(GoldenPlan, LogitsAndOneStepAreThoseOfTorch) {
  const auto [name, optimizer] = GetParam();
  const json golden = readGolden(name);
  const std::string own = std::string(R"({"name": ")") + optimizer + R"(", "lr": 0.1})";
  auto plan =
      planOf(specOf(golden, R"(, "optimizer": )" + own + R"(, "sparse_optimizer": )" + own));
  PlanRun steps = valueOf(PlanRun::create(plan, store, 9, 2, true));
  NumericArrays before = statesOf(golden), gradients, wanted;
  for (const auto &[state, value] : golden["gradients"].items())
    gradients[state] = arrayOf(value);
  for (const auto &[type, value] : golden["row_gradients"].items())
    gradients["embeddings." + type + ".weight"] = arrayOf(value);
  double largest = 0;
  for (const auto &[state, value] : gradients) {
    double most = 0;
    for (double g : value.data)
      most = std::max(most, std::abs(g));
    largest = std::max(largest, most);
    if (!steps.describe(state)) { // of the last layer's rows of other types
      EXPECT_EQ(most, 0) << state;
      before.erase(state);
    }
  }
  ASSERT_OK(steps.fill(before));
  const auto seeds = golden["seeds"].get<std::vector<int64_t>>();
  PlanSteps got = valueOf(steps.run(plan::EntryKind::EvalStep, {seeds}, 0));
  expectNear({{"logits", got.logits}}, {{"logits", arrayOf(golden["logits"])}}, "", 1e-5);
  got = valueOf(steps.run(plan::EntryKind::TrainStep, {seeds}, 0));
  EXPECT_NEAR(got.losses.at(0), golden["loss"].get<double>(), 1e-5 * golden["loss"].get<double>());

  NumericArrays after = steps.states();
  int64_t numbers = 0, left = 0;
  for (const auto &[state, start] : before) {
    NumericArray &mine = after.at(state);
    wanted[state] = arrayOf(golden["after"][optimizer][state]);
    ASSERT_EQ(mine.data.size(), start.data.size()) << state;
    mine.shape = wanted[state].shape;
    // Adam's first update is a sign: of a gradient that is 0 but for rounding (a softmax over one
    // edge) it is anyone's. Learnable rows that no edge touches are not of that kind.
    for (size_t i = 0; std::string(optimizer) == "adam" && i < mine.data.size(); ++i) {
      ++numbers;
      if (std::abs(gradients.at(state).data[i]) < 1e-5 * largest &&
          (state.rfind("embeddings.", 0) != 0 || wanted[state].data[i] != start.data[i])) {
        mine.data[i] = wanted[state].data[i];
        ++left;
      }
    }
  }
  expectNear(after, wanted, "", 1e-5);
  EXPECT_LE(left, numbers / 2);
  EXPECT_GT(difference(before, wanted, ""), 1e-2); // the step is no small one
}

INSTANTIATE_TEST_SUITE_P(Encoders, GoldenPlan,
                         testing::Combine(testing::Values("rgcn", "rgat", "hgt"),
                                          testing::Values("sgd", "adam")),
                         [](const auto &info) {
                           return std::string(std::get<0>(info.param)) + "_" +
                                  std::get<1>(info.param);
                         });

} // namespace
} // namespace heddle::test
