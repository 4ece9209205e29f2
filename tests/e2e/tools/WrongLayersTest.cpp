//===- WrongLayersTest.cpp - layer programs that are wrong ------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// What a user's slips in a layer's file or its spec lead to: exit code 2 within a second, the line
// where the slip is, and a remedy.
//
//===----------------------------------------------------------------------===//
#include "tests/unit/support/TestSupport.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <sys/wait.h>
#include <vector>

namespace heddle {
namespace {

using test::readAll;
using test::TemporaryDirectory;
using test::writeAll;

struct Slip {
  const char *name;
  std::string find, replace; ///< in the layer's file; "" and "" leave it as it is
  std::string message;       ///< what is printed has it
  std::string at = {};       ///< text of the line that is blamed; empty: that of `replace`
  std::string args = {};     ///< in place of the spec's "args": {...}
};

struct Outcome {
  int code = 0;
  std::string text;
  double seconds = 0;
};

Outcome compile(const TemporaryDirectory &folder) {
  std::string command = "'" HEDDLE_BIN_DIR "/heddle-compile' --graph '" HEDDLE_SOURCE_DIR
                        "/tests/lit/Inputs' --model '" +
                        folder / "model.json" + "' --force --cpu=x86-64-v2 -o '" + folder / "plan" +
                        "' 2>&1";
  Outcome out;
  auto start = std::chrono::steady_clock::now();
  FILE *pipe = ::popen(command.c_str(), "r");
  char buffer[4096];
  for (size_t n; (n = std::fread(buffer, 1, sizeof(buffer), pipe)) > 0;)
    out.text.append(buffer, n);
  int status = ::pclose(pipe);
  out.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return out;
}

class WrongLayers : public ::testing::Test {
protected:
  void writeSpec(const std::string &args) {
    writeAll(folder / "model.json", R"({"version": "1.0",
      "task": {"target_ntype": "paper", "label": "field"}, "inputs": {"author": {"learnable": true}},
      "model": {"encoder": "layer.mlir", "num_layers": 2, "hidden_size": 8)" +
                                        (args.empty() ? std::string() : ", " + args) + R"(},
      "sampling": {"fanout": [4, 3]}})");
  }
  void check(const std::string &base, const std::vector<Slip> &slips) {
    for (const Slip &slip : slips) {
      SCOPED_TRACE(slip.name);
      std::string text = base;
      if (!slip.find.empty()) {
        size_t at = text.find(slip.find);
        ASSERT_NE(at, std::string::npos);
        text.replace(at, slip.find.size(), slip.replace);
      }
      writeAll(folder / "layer.mlir", text);
      writeSpec(slip.args);
      Outcome out = compile(folder);
      EXPECT_EQ(out.code, 2) << out.text;
      EXPECT_NE(out.text.find(slip.message), std::string::npos) << out.text;
      bool inSpec = slip.at == "-" && !slip.args.empty();
      std::string place = inSpec ? "model.json: /model/" : "layer.mlir:";
      if (slip.at != "-") {
        const std::string &blamed = slip.at.empty() ? slip.replace : slip.at;
        size_t at = text.find(blamed);
        ASSERT_NE(at, std::string::npos) << blamed;
        at += blamed.find_first_not_of(" \n");
        place += std::to_string(1 + std::count(text.begin(), text.begin() + long(at), '\n')) + ":";
      }
      EXPECT_NE(out.text.find(place), std::string::npos) << place << " in\n" << out.text;
      // A remedy: what to do after what is wrong, or the words that would be right.
      EXPECT_TRUE(out.text.find("; ") != std::string::npos ||
                  out.text.find("to be one of") != std::string::npos ||
                  out.text.find(" must end with ") != std::string::npos ||
                  out.text.find("expected ") != std::string::npos)
          << out.text;
      EXPECT_LT(out.seconds, 5) << "a second, on a machine that is not busy";
      ++checked;
    }
  }

  TemporaryDirectory folder;
  int checked = 0;
};

const std::string left = "%left = hgnn.linear %src, %wl : !src, !param";
const std::string leftEdges = "%l = hgnn.gather_src %left, %adj : !src, !adj";
const std::string bent = "%bent = hgnn.unary leaky_relu %sum {alpha = \"slope\"} : !edge";
const std::string score = "%score = hgnn.row_dot %bent, %a {heads = \"num_heads\"} : !edge, !param";
const std::string term = "%term = hgnn.term softmax<\"num_heads\"> %value, %score : !edge, !edge";
const std::string wl = "%wl = hgnn.param \"lin_l.weight\" scope relation shape [\"in\", \"out\"] "
                       "init \"xavier_uniform\"";
const std::string root =
    "%root = hgnn.param \"root\" scope layer shape [\"in\", \"out\"] init \"xavier_uniform\"";
const std::string bias = "%bias = hgnn.param \"bias\" scope layer shape [\"out\"] init \"zeros\"";
const std::string yieldMean = "hgnn.yield %mean : !dst";
const std::string yieldOut = "hgnn.yield %out : !dst";
const std::string rows = "%rows = hgnn.add %combined, %self : !dst, !dst";

TEST_F(WrongLayers, NameTheLineAndTheRemedy) {
  const std::string gat = readAll(HEDDLE_SOURCE_DIR "/examples/layers/gatv2.mlir");
  // clang-format off
  check(gat, {
    // Sizes and expressions.
    {"heads that do not divide", "", "", "\"out / num_heads\" = 2.66667; ", "%a = hgnn.param",
     R"("args": {"num_heads": 3})"},
    {"weight of another width", wl, "%wl = hgnn.param \"lin_l.weight\" scope relation shape [\"out\", \"out\"] init \"ones\"",
     "needs a weight with 8 rows, got '!hgnn.tensor<param : 3x3xf32>'; change its `shape`", left},
    {"bias of another width", bias, "%bias = hgnn.param \"bias\" scope layer shape [\"2 * out\"] init \"zeros\"",
     "'add_bias' needs operands of one width", "%biased = hgnn.add_bias"},
    {"bias of rank 2", bias, "%bias = hgnn.param \"bias\" scope layer shape [1, \"out\"] init \"zeros\"",
     "'add_bias' needs bias of rank 1", "%biased = hgnn.add_bias"},
    {"scores of another width", "shape [\"num_heads\", \"out / num_heads\"]", "shape [\"num_heads\", \"out\"]",
     "'row_dot' needs operands of one width", score},
    {"size 0", bias, "%bias = hgnn.param \"bias\" scope layer shape [0] init \"zeros\"",
     "a size is a whole number of at least 1"},
    {"size below 0", bias, "%bias = hgnn.param \"bias\" scope layer shape [\"out - 100\"] init \"zeros\"",
     "a size is a whole number of at least 1, got \"out - 100\" = -92; "},
    {"division by zero", bias, "%bias = hgnn.param \"bias\" scope layer shape [\"out / 0\"] init \"zeros\"",
     "\"out / 0\" divides by zero; "},
    {"half an expression", bias, "%bias = hgnn.param \"bias\" scope layer shape [\"out *\"] init \"zeros\"",
     "\"out *\" ends where a number or name should be; "},
    {"a bracket too few", bias, "%bias = hgnn.param \"bias\" scope layer shape [\"2 * (out\"] init \"zeros\"",
     "\"2 * (out\" lacks a ')'; "},
    {"misspelt argument", "{heads = \"num_heads\"} : !edge, !param", "{heads = \"nun_heads\"} : !edge, !param",
     "names 'nun_heads'; did you mean 'num_heads'?"},
    {"unknown argument", "{alpha = \"slope\"}", "{alpha = \"temperature\"}",
     "names 'temperature'; known: in, out, attention_dropout, dropout, num_heads, slope"},
    {"root of a negative number", "{alpha = \"slope\"}", "{alpha = \"sqrt(0 - slope)\"}", "takes the root of a negative number; "},
    {"no number", "{alpha = \"slope\"}", "{alpha = true}", "failed to satisfy constraint: a 64-bit float"},
    // Domains.
    {"edges and rows added", "%sum = hgnn.add %l, %r : !edge, !edge", "%sum = hgnn.add %l, %right : !edge, !dst",
     "'add' needs operands of one domain"},
    {"own rows as sources", leftEdges, "%l = hgnn.gather_src %right, %adj : !dst, !adj",
     "'gather_src' needs a value over rows of the source type"},
    {"sources as own rows", "%r = hgnn.gather_dst %right, %adj : !dst, !adj", "%r = hgnn.gather_dst %left, %adj : !src, !adj",
     "'gather_dst' needs a value over the active destinations"},
    {"a sum over rows", "%merged = hgnn.reduce_dst %term, %adj of softmax<\"num_heads\"> : !edge, !adj",
     "%merged = hgnn.reduce_dst %left, %adj of softmax<\"num_heads\"> : !src, !adj",
     "'reduce_dst' needs a value over the edges"},
    {"edges yielded", yieldMean, "hgnn.yield %l : !edge", "must yield rows of the destination (domain dst)"},
    {"sources yielded", yieldMean, "hgnn.yield %left : !src", "must yield rows of the destination (domain dst)"},
    {"rows put beside edges", "%sum = hgnn.add %l, %r : !edge, !edge",
     "%both = hgnn.concat %l, %left : !edge, !src\n    %sum = hgnn.add %l, %r : !edge, !edge", "'concat' needs operands of one domain",
     "%both = hgnn.concat"},
    {"a score of the rows", term,
     "%s = hgnn.row_dot %left, %a {heads = \"num_heads\"} : !src, !param\n"
     "    %term = hgnn.term softmax<\"num_heads\"> %value, %s : !edge, !src",
     "'term' needs a score of width ? over", "%term ="},
    {"a product of rows and rows", left, "%left = hgnn.linear %src, %own : !src, !dst", "'linear' needs a parameter as weight"},
    // Placements and scopes.
    {"dropout of sources", left, "%wet = hgnn.dropout %src {p = 0.5, site = 3 : i64} : !src\n    " + left,
     "dropout stands in `update`, where rows have ids, or is of edge values; move it there", "%wet = hgnn.dropout"},
    {"one relation's parameter in update", root,
     "%root = hgnn.param \"root\" scope relation shape [\"in\", \"out\"] init \"ones\"",
     "has scope relation, which only `message` has one of; here it is layer or destination_type"},
    {"a source type's parameter in update", root,
     "%root = hgnn.param \"root\" scope source_type shape [\"in\", \"out\"] init \"ones\"",
     "has scope source_type, which only `message` has one of"},
    {"a feature in a layer", left, "%x = hgnn.feature \"year\" : !src\n    " + left, "stands in input programs (hgnn.input) only",
     "%x = hgnn.feature"},
    {"constant rows in a message", yieldMean, "%c = hgnn.constant_rows %a : (!param) -> !dst\n    " + yieldMean,
     "stands in `update` and input programs, where rows have ids; move it there", "%c = hgnn.constant_rows"},
    {"a table without a scope", left, "%t = hgnn.learnable \"t\" init \"zeros\" : !src\n    " + left,
     "in a layer needs `scope` and `width`", "%t = hgnn.learnable"},
    {"a relation's table in update", rows,
     "%t = hgnn.learnable \"t\" scope relation width \"out\" init \"zeros\" : !dst\n    " + rows,
     "the tables of `update` are of a destination_type", "%t = hgnn.learnable"},
    {"the message's adjacency in update", rows, "%d = hgnn.degree %adj : !adj\n    " + rows,
     "use of undeclared SSA value name; a region sees its own values", "%d = hgnn.degree"},
    {"a term of partitions", yieldOut, "%p = hgnn.partial %out : !dst\n    hgnn.yield %out : !dst",
     "; in a layer there are none, passes cut it", "%p = hgnn.partial"},
    // Gradients.
    {"no gradient", rows, "%squares = hgnn.layer_norm_xhat %combined : !dst\n    %rows = hgnn.add %squares, %self : !dst, !dst",
     "has no gradient; the loss depends on it: ", "%squares = hgnn.layer_norm_xhat"},
    // Combines.
    {"an unknown combine", "combine sum", "combine average", "to be one of: sum, mean, max, softmax"},
    {"a softmax without scores", "combine sum", "combine softmax", "a value and its score (combine softmax), or of terms", "hgnn.layer @all"},
    {"terms summed", yieldMean, "hgnn.yield %merged : !dst", "yields terms of a softmax; take the value out"},
    {"two values summed", yieldMean, "hgnn.yield %mean, %mean : !dst, !dst", "message must end with hgnn.yield of one value", "hgnn.layer @all"},
    {"a self link in a sum", "  } update {",
     "  } self {\n  ^bb0(%me: !dst, %ids: !hgnn.ids<dst>):\n    hgnn.yield %me, %me : !dst, !dst\n  } update {",
     "has a region `self`, which gives the identity link's part of a softmax", "hgnn.layer @all"},
    {"terms of rows", yieldMean, "%t = hgnn.term max %mean : !dst\n    " + yieldMean, "the layer's `combine` says it", "%t = hgnn.term max"},
    {"heads of another number", term, "%term = hgnn.term softmax<2> %value, %score : !edge, !edge", "'term' needs a score of width 2"},
    {"heads of a maximum", term, "%term = hgnn.term max<4> %value : !edge", "only softmax has heads"},
    {"terms of another merge", "%mean = hgnn.combined softmax<\"num_heads\"> %merged : !dst",
     "%mean = hgnn.combined softmax<4> %merged : !dst", "'combined' needs terms of softmax<4>"},
    // Ops, attributes, syntax.
    {"a misspelt op", left, "%left = hgnn.lineer %src, %wl : !src, !param", "did you mean 'hgnn.linear'?"},
    {"an unknown function", "hgnn.unary elu %biased", "hgnn.unary swish %biased", "to be one of: relu, elu, tanh"},
    {"a misspelt attribute", "site = 1 : i64, heads = \"num_heads\"", "site = 1 : i64, head = \"num_heads\"",
     "has no attribute 'head'; did you mean 'heads'?"},
    {"a misspelt mark", "{hidden_only}", "{hiden_only}", "has no attribute 'hiden_only'; did you mean 'hidden_only'?"},
    {"a mark on a change of domain", leftEdges, "%l = hgnn.gather_src %left, %adj {hidden_only} : !src, !adj",
     "is `hidden_only`, and the last layer has its first operand in its place"},
    {"all dropped", "p = \"dropout\"", "p = 1.0", "'dropout' needs p in [0, 1), got 1.0"},
    {"a dropout site too far", "site = 0 : i64", "site = 99999 : i64", "'dropout' needs a site in [0, 65535]"},
    {"an unknown initialiser", bias, "%bias = hgnn.param \"bias\" scope layer shape [\"out\"] init \"glorot\"",
     "unknown initialiser 'glorot'; known: zeros, ones, xavier_uniform"},
    {"another type written", left, "%left = hgnn.linear %src, %wl : !dst, !param", "expects different type than prior uses", "-"},
    {"a value made twice", rows, "%self = hgnn.add %combined, %own : !dst, !dst", "redefinition of SSA value '%self'; every value"},
    {"an undeclared type", left, "%left = hgnn.linear %src, %wl : !source, !param", "undefined symbol alias id 'source'; declare it"},
    {"no yield", yieldOut, "", "update must end with hgnn.yield", "hgnn.layer @all"},
    {"an argument too few", "^bb0(%combined: !dst, %own: !dst, %ids: !hgnn.ids<dst>):", "^bb0(%combined: !dst, %own: !dst):",
     "use of undeclared SSA value name", "%ids {p = \"dropout\""},
    {"arguments of another kind", "^bb0(%adj: !adj, %src: !src, %own: !dst):", "^bb0(%adj: !adj, %src: !dst, %own: !dst):",
     "expects different type than prior uses", left},
    {"a loop", yieldOut, "cf.br ^bb1\n  ^bb1:\n    hgnn.yield %out : !dst", "; ", "cf.br"},
    {"an op of another dialect", rows, "%rows = arith.addf %combined, %self : !dst", "arith.addf"},
    {"a task in the file", "hgnn.layer @all", "hgnn.node_type @a {id = 0 : i64, num_nodes = 1 : i64, features = {}}\nhgnn.layer @all",
     "an encoder file holds hgnn.layer ops only", "hgnn.node_type @a"},
    {"rows of another width", yieldOut, "hgnn.yield %own : !dst", "update yields rows of width 8, out_size is 3; end with a product", "hgnn.layer @all"},
    {"an argument with a meaning", "args = {num_heads = 4,", "args = {in = 4,", "argument 'in' has a name with a meaning; choose another", "hgnn.layer @all"},
    {"an argument that is a text", "slope = 0.2", "slope = \"0.2\"", "argument 'slope' is a number", "hgnn.layer @all"},
    {"the last layer's own argument", "last_args = {num_heads = 1}", "last_args = {heads = 1}",
     "`last_args` names 'heads', which `args` does not declare; ", "hgnn.layer @all"},
    // The spec's side.
    {"an argument that no layer has", "", "", "/model/args/num_head: no layer of", "-", R"("args": {"num_head": 2})"},
    {"an argument that is no number", "", "", "/model/args/slope: an argument of", "-", R"("args": {"slope": "steep"})"},
    {"heads outside args", "", "", "/model/num_heads: is for rgat, hgt, simplehgn and han; a program gets its heads by /model/args", "-",
     R"("num_heads": 4)"},
    {"bases of a program", "", "", "/model/num_bases: is for rgcn; remove it", "-", R"("num_bases": 4)"},
    {"a relation that is not there", "", "", "/model/relations/0: the graph has no relation author:wrote:paper; did you mean", "-",
     R"("relations": [["author", "wrote", "paper"]])"},
  });
  // clang-format on
  EXPECT_GE(checked, 50);
}

} // namespace
} // namespace heddle
