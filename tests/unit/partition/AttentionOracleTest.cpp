//===- AttentionOracleTest.cpp - encoders against torch_geometric -----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// See Golden.h for what is compared with.
//
//===----------------------------------------------------------------------===//
#include "tests/unit/partition/Golden.h"

namespace heddle::test {
namespace {

class AttentionOracle : public Golden, public testing::WithParamInterface<const char *> {};

TEST_P(AttentionOracle, GivesWhatTorchGeometricGives) {
  const json golden = readGolden(GetParam());
  const std::string encoder = golden["encoder"].get<std::string>();
  spec::ModelSpec spec = specOf(golden, "");
  auto module = compiler::buildModel(context, spec, store->schema());
  ASSERT_TRUE(module) << messages;
  InterpreterInput input;
  input.graph = store.get();
  input.seeds = golden["seeds"].get<std::vector<int64_t>>();
  input.states = statesOf(golden);
  auto check = [&](const InterpreterResult &result) {
    EXPECT_LE(apart(result.outputs.at("logits"), arrayOf(golden["logits"])), 1e-9);
    EXPECT_NEAR(result.outputs.at("loss").data[0], golden["loss"].get<double>(), 1e-9);
  };
  check(interpret(*module, input));
  run(*module, "hgnn-unroll,hgnn-differentiate");
  InterpreterResult step = interpret(*module, input);
  check(step);
  int compared = 0;
  for (const auto &[name, gradient] : golden["gradients"].items()) {
    auto found = step.outputs.find("grad:" + name);
    NumericArray wanted = arrayOf(gradient);
    if (found == step.outputs.end()) { // of the last layer's rows of other types
      for (double x : wanted.data)
        EXPECT_EQ(x, 0) << name;
      continue;
    }
    ++compared;
    EXPECT_LE(apart(found->second, wanted), 1e-9) << name;
  }
  EXPECT_GE(compared, encoder == "rgat" || encoder == "hgt" ? 50 : 15);
  // What only relations without the feature would have is no state.
  EXPECT_EQ(module->lookupSymbol("convs.0.convs.<author___reviews___paper>.lin_edge.weight"),
            nullptr);
}

INSTANTIATE_TEST_SUITE_P(Encoders, AttentionOracle,
                         testing::Values("rgcn", "rgat", "hgt", "rsage", "gatv2", "simplehgn",
                                         "han", "rgat_edges", "rgcn_weighted"),
                         [](const auto &info) { return std::string(info.param); });

} // namespace
} // namespace heddle::test
