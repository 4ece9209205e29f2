//===- CheckLayerTest.cpp - heddle-compile --check-layer --------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// What the check prints of built-in encoders and of the example programs, and exit code 1 where a
// gradient is no number.
//
//===----------------------------------------------------------------------===//
#include "tests/unit/support/TestSupport.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <sys/wait.h>

namespace heddle {
namespace {

using test::readAll;
using test::TemporaryDirectory;
using test::writeAll;

class CheckLayer : public ::testing::Test {
protected:
  /// Exit code and, in `text`, what is printed.
  int check(const std::string &model) {
    writeAll(folder / "model.json", R"({"version": "1.0",
      "task": {"target_ntype": "paper", "label": "field"}, "inputs": {"author": {"learnable": true}},
      "model": {"hidden_size": 8, )" + model +
                                        R"(}, "sampling": {"fanout": 3}})");
    std::string command = "'" HEDDLE_BIN_DIR "/heddle-compile' --graph '" HEDDLE_SOURCE_DIR
                          "/tests/lit/Inputs' --check-layer --model '" +
                          folder / "model.json" + "' 2>&1";
    FILE *pipe = ::popen(command.c_str(), "r");
    text.clear();
    char buffer[4096];
    for (size_t n; (n = std::fread(buffer, 1, sizeof(buffer), pipe)) > 0;)
      text.append(buffer, n);
    int status = ::pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  bool says(const std::string &words) const { return text.find(words) != std::string::npos; }
  /// A copy of an example beside the spec, with something replaced.
  void write(const std::string &example, const std::string &find, const std::string &replace) {
    std::string program = readAll(HEDDLE_SOURCE_DIR "/examples/layers/" + example);
    size_t at = program.find(find);
    ASSERT_NE(at, std::string::npos);
    writeAll(folder / "layer.mlir", program.replace(at, find.size(), replace));
  }

  TemporaryDirectory folder;
  std::string text;
};

TEST_F(CheckLayer, EveryEncoderIsRight) {
  for (const char *model :
       {R"("encoder": "rgcn", "dropout": 0.5, "norm": "layer")",
        R"("encoder": "rgcn", "num_bases": 2)", R"("encoder": "rsage", "activation": "tanh")",
        R"("encoder": "rgat", "num_heads": 2)", R"("encoder": "hgt", "num_heads": 2)",
        R"("encoder": "simplehgn", "num_heads": 2, "edge_dim": 3, "attention_dropout": 0.25)"}) {
    SCOPED_TRACE(model);
    EXPECT_EQ(check(model), 0) << text;
    EXPECT_TRUE(says(" gradients agree")) << text;
    EXPECT_FALSE(says("WRONG")) << text;
  }
}

TEST_F(CheckLayer, PrintsShapesParametersAndGradientsOfAProgram) {
  const std::string path = HEDDLE_SOURCE_DIR "/examples/layers/";
  EXPECT_EQ(check("\"encoder\": \"" + path + R"(gatv2.mlir", "args": {"num_heads": 2})"), 0)
      << text;
  EXPECT_TRUE(
      says("layer 0: rows of 8 to rows of 8, combine sum, attention_dropout = 0, dropout = 0, "
           "num_heads = 2, slope = 0.2 (gatv2.mlir)"))
      << text;
  EXPECT_TRUE(
      says("layer 1: rows of 8 to rows of 3, combine sum, attention_dropout = 0, dropout = 0, "
           "num_heads = 1, slope = 0.2 (gatv2.mlir)"));
  EXPECT_TRUE(says("message, once for each of 3 relations: author:reviews:paper, "
                   "author:writes:paper, paper:cites:paper"));
  EXPECT_TRUE(says("update, once for each of 1 node types: paper"));
  EXPECT_TRUE(says("param att, of each relation                    2 x 4"));
  EXPECT_TRUE(says("row_dot of 2 heads                             edges x 2"));
  EXPECT_TRUE(says("reduce_dst of softmax<2>                       destinations x 12"));
  EXPECT_TRUE(says("yields                                         destinations x 3"));
  // [2, 4] in one relation of layer 0; all of both layers and the inputs.
  EXPECT_TRUE(says("convs.0.convs.<author___writes___paper>.att"));
  EXPECT_TRUE(says("uniform(-0.7385, 0.7385)")) << text; // sqrt(6 / (8 + 3))
  EXPECT_TRUE(says("inputs.paper.title.weight                                    50 x 8"));
  EXPECT_EQ(check("\"encoder\": \"" + path + "gated_rgcn.mlir\""), 0) << text;
  EXPECT_TRUE(says(" gradients agree"));
}

TEST_F(CheckLayer, EndsWithOneWhereAGradientIsWrong) {
  write("gated_rgcn.mlir", "hgnn.unary relu %biased", "hgnn.unary log %biased");
  EXPECT_EQ(check(R"("encoder": "layer.mlir")"), 1) << text;
  EXPECT_TRUE(says("WRONG")) << text;
  EXPECT_TRUE(says("gradients are wrong, the worst at ")) << text;
  EXPECT_TRUE(says("finite differences give")) << text;
}

TEST_F(CheckLayer, ASlipIsReportedAsInCompiling) {
  write("gated_rgcn.mlir", "shape [\"out\"]", "shape [\"ou\"]");
  EXPECT_EQ(check(R"("encoder": "layer.mlir")"), 2) << text;
  EXPECT_TRUE(says("names 'ou'; did you mean 'out'?")) << text;
}

} // namespace
} // namespace heddle
