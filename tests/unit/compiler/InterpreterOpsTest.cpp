//===- InterpreterOpsTest.cpp - what each op computes, by hand ------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tests/unit/compiler/OpsFixture.h"

#include "runtime/base/Keys.h"

#include <cmath>
#include <set>

namespace heddle::test {
namespace {

TEST_F(InterpreterOps, ChangesOfDomain) {
  expect("%r = hgnn.gather_src %xa, %adj : !ra, !adj", "!e", {5, 2},
         {1, -1, 3, -3, 3, -3, 4, -4, 5, -5});
  expect("%r = hgnn.restrict %xp, %adj : !rp, !adj", "!act", {2, 2}, {1, .5, 3, .5});
  expect("%v = hgnn.restrict %xp, %adj : !rp, !adj\n%r = hgnn.gather_dst %v, %adj : !act, !adj", "!e",
         {5, 2}, {1, .5, 1, .5, 1, .5, 3, .5, 3, .5});
  expect("%v = hgnn.gather_src %xa, %adj : !ra, !adj\n%r = hgnn.reduce_dst %v, %adj : !e, !adj",
         "!act", {2, 2}, {7, -7, 9, -9});
  expect("%u = hgnn.restrict %xp, %adj : !rp, !adj\n%v = hgnn.gather_dst %u, %adj : !act, !adj\n"
         "%r = hgnn.reduce_src %v, %adj : !e, !adj",
         "!ra", {4, 2}, {1, .5, 2, 1, 3, .5, 3, .5});
  expect("%v = hgnn.restrict %xp, %adj : !rp, !adj\n%r = hgnn.expand %v, %adj : !act, !adj", "!rp",
         {3, 2}, {1, .5, 0, 0, 3, .5});
  expect("%r = hgnn.degree %adj : !adj", "!act1", {2, 1}, {3, 2});
  expect("%r = hgnn.self_gather %xq, %link : !rq, !link", "!rp", {3, 2}, {1, .5, 2, .5, 3, .5});
  expect("%r = hgnn.self_scatter %xz, %link : !rp, !link", "!rq", {5, 2},
         {0, 0, -1, 0, .5, 2, -2, 1, 0, 0});
  expect("%r = hgnn.broadcast_rows %b, %s : !p2, !s", "!rp", {3, 2}, {7, 8, 7, 8, 7, 8});
  expect("%r = hgnn.broadcast_rows %b, %xz : !p2, !rp", "!rp", {3, 2}, {7, 8, 7, 8, 7, 8});
  expect("%r = hgnn.ones %xz : !rp", "!r1", {3, 1}, {1, 1, 1});
  expect("%r = hgnn.batch_reduce sum %xz : !rp", "!rp", {3, 2}, {-2.5, 3, -2.5, 3, -2.5, 3});
  expect("%r = hgnn.batch_reduce mean %xp : !rp", "!rp", {3, 2}, {2, .5, 2, .5, 2, .5});
  // Of the destinations that have an edge: rows 0 and 2.
  expect("%v = hgnn.restrict %xz, %adj : !rp, !adj\n%r = hgnn.batch_reduce mean %v : !act", "!act",
         {2, 2}, {-1.5, .5, -1.5, .5});
  expect("%r = hgnn.col_sum %xz, %s : !rp, !s", "!p2", {2}, {-2.5, 3});
  expect("%r = hgnn.col_sum %xz : !rp", "!p2", {2}, {-2.5, 3});
}

TEST_F(InterpreterOps, Products) {
  expect("%r = hgnn.linear %xp, %W : !rp, !p23", "!r3", {3, 3}, {3, 4.5, 6, 4, 6.5, 9, 5, 8.5, 12});
  expect("%r = hgnn.linear %xp, %W3 {transpose} : !rp, !p32", "!r3", {3, 3},
         {3, 4.5, 6, 4, 6.5, 9, 5, 8.5, 12});
  expect("%r = hgnn.linear %M, %W : !p22, !p23", "!p23", {2, 3}, {1, 2, 3, -2, -1, 0});
  expect("%r = hgnn.linear %b, %W : !p2, !p23", "!hgnn.tensor<param : 3xf32>", {3}, {39, 54, 69});
  expect("%r = hgnn.linear_sum %xp, %xp, %W, %W : !rp, !rp, !p23, !p23", "!r3", {3, 3},
         {6, 9, 12, 8, 13, 18, 10, 17, 24});
  expect("%r = hgnn.linear_sum %M, %W : !p22, !p23", "!p23", {2, 3}, {1, 2, 3, -2, -1, 0});
  expect("%r = hgnn.linear_grad_weight %xp, %xz : !rp, !rp", "!p22", {2, 2}, {-6, 7, -1.25, 1.5});
  expect("%r = hgnn.linear_grad_weight %M, %W : !p22, !p23", "!p23", {2, 3},
         {9, 12, 15, -4, -5, -6});
  expect("%r = hgnn.sparse_linear %sp, %W3 : !sp, !p32", "!rp", {3, 2}, {5, 14, 0, 0, -2, -5});
  expect("%r = hgnn.sparse_linear_grad_weight %sp, %xp : !sp, !rp", "!p32", {3, 2},
         {2, 1, -3, -.5, 1, .5});
}

TEST_F(InterpreterOps, RowWise) {
  expect("%r = hgnn.row_dot %xp, %xz : !rp, !rp", "!r1", {3, 1}, {-1, 2, -5.5});
  expect("%v = hgnn.row_dot %xp, %xp : !rp, !rp\n%r = hgnn.scale_rows %xz, %v : !rp, !r1", "!rp",
         {3, 2}, {-1.25, 0, 2.125, 8.5, -18.5, 9.25});
  expect("%r = hgnn.add %xp, %xz, %xz : !rp, !rp, !rp", "!rp", {3, 2}, {-1, .5, 3, 4.5, -1, 2.5});
  expect("%r = hgnn.mul %xp, %xz : !rp, !rp", "!rp", {3, 2}, {-1, 0, 1, 1, -6, .5});
  expect("%r = hgnn.scale %xz {factor = 2.5 : f64} : !rp", "!rp", {3, 2},
         {-2.5, 0, 1.25, 5, -5, 2.5});
  expect("%r = hgnn.scale_by %xz, %c : !rp, !p1", "!rp", {3, 2}, {-3, 0, 1.5, 6, -6, 3});
  expect("%r = hgnn.add_bias %xz, %b : !rp, !p2", "!rp", {3, 2}, {6, 8, 7.5, 10, 5, 9});
  expect("%r = hgnn.concat %xz, %xp : !rp, !rp", "!r4", {3, 4},
         {-1, 0, 1, .5, .5, 2, 2, .5, -2, 1, 3, .5});
  expect("%r = hgnn.slice %xz {offset = 1 : i64, size = 1 : i64} : !rp", "!r1", {3, 1}, {0, 2, 1});
  expect("%r = hgnn.pad %xz {offset = 1 : i64, size = 4 : i64} : !rp", "!r4", {3, 4},
         {0, -1, 0, 0, 0, .5, 2, 0, 0, -2, 1, 0});
  expect("%r = hgnn.reshape %W {shape = array<i64: 3, 2>} : !p23", "!p32", {3, 2}, {1, 2, 3, 4, 5, 6});
  expect("%r = hgnn.zeros %s : (!s) -> !r3", "!r3", {3, 3}, std::vector<double>(9, 0));
  expect("%r = hgnn.zeros : () -> !p22", "!p22", {2, 2}, std::vector<double>(4, 0));
}

TEST_F(InterpreterOps, Unary) {
  auto unary = [&](const std::string &fn, const std::string &attributes, std::vector<double> data) {
    expect("%r = hgnn.unary " + fn + " %xz " + attributes + " : !rp", "!rp", {3, 2}, data);
  };
  unary("relu", "", {0, 0, .5, 2, 0, 1});
  unary("elu", "{alpha = 2.0 : f64}", {-1.2642411176571153, 0, .5, 2, -1.7293294335267746, 1});
  unary("leaky_relu", "{alpha = 0.1 : f64}", {-.1, 0, .5, 2, -.2, 1});
  unary("tanh", "", {-0.7615941559557649, 0, 0.46211715726000973, 0.9640275800758169,
                     -0.9640275800758169, 0.7615941559557649});
  unary("sigmoid", "", {0.2689414213699951, .5, 0.6224593312018546, 0.8807970779778823,
                        0.11920292202211755, 0.7310585786300049});
  unary("gelu", "", {-0.15865525393145707, 0, 0.34573123063700656, 1.9544997361036416,
                     -0.04550026389635842, 0.8413447460685429});
  unary("reciprocal", "", {-1, 0, 2, .5, -.5, 1});

  // Times g = xp = (1, .5), (2, .5), (3, .5).
  auto gradient = [&](const std::string &fn, const std::string &attributes,
                      std::vector<double> data) {
    expect("%r = hgnn.unary_grad " + fn + " %xz, %xp " + attributes + " : !rp, !rp", "!rp", {3, 2},
           data);
  };
  gradient("relu", "", {0, 0, 2, .5, 0, .5});
  gradient("elu", "{alpha = 2.0 : f64}",
           {2 * 0.36787944117144233, 1, 2, .5, 6 * 0.1353352832366127, .5});
  gradient("leaky_relu", "{alpha = 0.1 : f64}", {.1, .05, 2, .5, .3, .5});
  gradient("tanh", "", {0.41997434161402614, .5, 2 * 0.7864477329659274, .5 * 0.07065082485316443,
                        3 * 0.07065082485316443, .5 * 0.41997434161402614});
  gradient("sigmoid", "", {0.19661193324148185, .125, 2 * 0.2350037122015945,
                           .5 * 0.10499358540350662, 3 * 0.10499358540350662,
                           .5 * 0.19661193324148185});
  // Phi(x) + x phi(x)
  gradient("gelu", "", {0.15865525393145707 - 0.24197072451914337, .25,
                        2 * (0.6914624612740131 + .5 * 0.3520653267642995),
                        .5 * (0.9772498680518208 + 2 * 0.05399096651318806),
                        3 * (0.02275013194817921 - 2 * 0.05399096651318806),
                        .5 * (0.8413447460685429 + 0.24197072451914337)});
  gradient("reciprocal", "", {-1, 0, -8, -.125, -.75, -.5});
}

TEST_F(InterpreterOps, DropoutFollowsTheKeys) {
  NumericArray result = run("%r = hgnn.dropout %xp, %s {p = 0.5 : f64, site = 3 : i64} : !rp, !s", "!rp");
  uint32_t threshold = keys::dropoutThreshold(0.5);
  int kept = 0;
  for (int row = 0; row < 3; ++row)
    for (uint32_t column = 0; column < 2; ++column) {
      bool keeps = keys::dropoutKeeps(11, 4, 0, 3, uint64_t(row + 1), column, threshold);
      kept += keeps;
      double x = column ? .5 : row + 1;
      EXPECT_EQ(result.data[size_t(row) * 2 + column], keeps ? 2 * x : 0);
    }
  EXPECT_GT(kept, 0);
  EXPECT_LT(kept, 6);
  // At hop 1 the same rows have another mask somewhere; p = 0 keeps everything.
  expect("%r = hgnn.dropout %xp, %s {p = 0.0 : f64, site = 3 : i64} : !rp, !s", "!rp", {3, 2},
         {1, .5, 2, .5, 3, .5});
  NumericArray beyond =
      run("%r = hgnn.dropout %xq, %q {p = 0.5 : f64, site = 3 : i64} : !rq, !q", "!rq");
  for (int row = 0; row < 5; ++row)
    for (uint32_t column = 0; column < 2; ++column)
      EXPECT_EQ(beyond.data[size_t(row) * 2 + column],
                keys::dropoutKeeps(11, 4, 1, 3, uint64_t(row), column, threshold)
                    ? 2 * (column ? .5 : row)
                    : 0);
}

TEST_F(InterpreterOps, LayerNorm) {
  // Row (x, .5): half the difference d, variance d^2, eps = 0.25.
  std::vector<double> xhat, normal, gradient;
  for (double x : {1.0, 2.0, 3.0}) {
    double d = (x - .5) / 2, rstd = 1 / std::sqrt(d * d + .25), h = d * rstd;
    xhat.insert(xhat.end(), {h, -h});
    normal.insert(normal.end(), {7 * h + 10, -8 * h + 20});
    double d0 = 7 * x, d1 = 8 * .5, mean = (d0 + d1) / 2, meanH = (d0 * h - d1 * h) / 2;
    gradient.insert(gradient.end(), {rstd * (d0 - mean - h * meanH), rstd * (d1 - mean + h * meanH)});
  }
  expect("%r = hgnn.layer_norm_xhat %xp {eps = 0.25 : f64} : !rp", "!rp", {3, 2}, xhat);
  expect("%r = hgnn.layer_norm %xp, %b, %b2 {eps = 0.25 : f64} : !rp, !p2, !p2", "!rp", {3, 2}, normal);
  expect("%r = hgnn.layer_norm_grad %xp, %b, %xp {eps = 0.25 : f64} : !rp, !p2, !rp", "!rp", {3, 2},
         gradient);
}

TEST_F(InterpreterOps, SoftmaxLoss) {
  // Logits (3, 4.5, 6), (4, ...), (5, 8.5, 12); labels 2, missing, 0.
  std::string logits = "%z = hgnn.linear %xp, %W : !rp, !p23\n";
  double s1 = std::exp(-3.0) + std::exp(-1.5) + 1, s3 = std::exp(-7.0) + std::exp(-3.5) + 1;
  expect(logits + "%r = hgnn.softmax_xent %z, %y : !r3, !ly", "!r1", {3, 1},
         {std::log(s1), 0, std::log(s3) + 7});
  expect(logits + "%r = hgnn.softmax_xent %z, %y {class_weights = array<f64: 3.0, 1.0, 0.5>} : !r3, !ly",
         "!r1", {3, 1}, {.5 * std::log(s1), 0, 3 * (std::log(s3) + 7)});
  std::string g = "%g = hgnn.slice %xp {offset = 0 : i64, size = 1 : i64} : !rp\n";
  std::vector<double> gradient = {
      .5 * std::exp(-3.0) / s1, .5 * std::exp(-1.5) / s1, .5 * (1 / s1 - 1), 0, 0, 0,
      9 * (std::exp(-7.0) / s3 - 1), 9 * std::exp(-3.5) / s3, 9 / s3};
  expect(logits + g +
             "%r = hgnn.softmax_xent_grad %z, %y, %g {class_weights = array<f64: 3.0, 1.0, 0.5>} : !r3, "
             "!ly, !r1",
         "!r3", {3, 3}, gradient);
  // Logits far from 0 stay finite.
  NumericArray far = run(logits + "%h = hgnn.scale %z {factor = 1.0e4 : f64} : !r3\n"
                                  "%r = hgnn.softmax_xent %h, %y : !r3, !ly",
                         "!r1");
  EXPECT_EQ(far.data[0], 0);
  EXPECT_NEAR(far.data[2], 7e4, 1e-6);
}

TEST_F(InterpreterOps, SigmoidLoss) {
  // Rows 1 and 3 have labels (1,0,1), (0,0,0); row 2 none.
  std::string logits = "%z = hgnn.linear %xz, %W : !rp, !p23\n"; // (-1,-2,-3), ., (2,1,0)
  auto plus = [](double z) { return std::log(1 + std::exp(z)); };
  auto sigma = [](double z) { return 1 / (1 + std::exp(-z)); };
  expect(logits + "%r = hgnn.sigmoid_xent %z, %m : !r3, !lm", "!r1", {3, 1},
         {(plus(1) + plus(-2) + plus(3)) / 3, 0, (plus(2) + plus(1) + plus(0)) / 3});
  expect(logits + "%r = hgnn.sigmoid_xent %z, %m {class_weights = array<f64: 3.0, 1.0, 0.5>} : !r3, !lm",
         "!r1", {3, 1}, {(3 * plus(1) + plus(-2) + .5 * plus(3)) / 3, 0,
                         (plus(2) + plus(1) + plus(0)) / 3});
  std::string g = "%g = hgnn.slice %xp {offset = 0 : i64, size = 1 : i64} : !rp\n";
  expect(logits + g +
             "%r = hgnn.sigmoid_xent_grad %z, %m, %g {class_weights = array<f64: 3.0, 1.0, 0.5>} : !r3, "
             "!lm, !r1",
         "!r3", {3, 3},
         {-sigma(1), sigma(-2) / 3, -sigma(3) / 6, 0, 0, 0, sigma(2), sigma(1), sigma(0)});
}

TEST_F(InterpreterOps, NormsAndScalars) {
  expect("%r = hgnn.sum_squares %xz : !rp", "!p1", {1}, {10.25});
  std::string squares = "%q1 = hgnn.sum_squares %b : !p2\n%q2 = hgnn.sum_squares %c : !p1\n";
  expect(squares + "%r = hgnn.clip_factor %q1, %q2 {max_norm = 2.0 : f64} : !p1, !p1", "!p1", {1},
         {2 / (std::sqrt(49 + 64 + 9) + 1e-6)});
  expect(squares + "%r = hgnn.clip_factor %q1, %q2 {max_norm = 200.0 : f64} : !p1, !p1", "!p1", {1},
         {1});
  expect("%r = hgnn.scalar inv_label_count : !p1", "!p1", {1}, {.5});
  expect("%r = hgnn.scalar learning_rate : !p1", "!p1", {1}, {.5});
  expect("%r = hgnn.scalar bias_correction1 : !p1", "!p1", {1}, {1 - std::pow(.9, 5)});
  expect("%r = hgnn.scalar bias_correction2 : !p1", "!p1", {1}, {1 - std::pow(.99, 5)});
}

TEST_F(InterpreterOps, FetchesHalfPrecisionExactly) {
  expect("%r = hgnn.fetch_dense \"d\" of %f : (!f) -> !hgnn.tensor<rows(1, @a) : 1xf32>",
         "!hgnn.tensor<rows(1, @a) : 1xf32>", {4, 1}, {1, .5, 0x1p-24, 65504});
}

TEST_F(InterpreterOps, FetchesDataOfEdges) {
  // Edges by destination: 0, 2, 2 to 1; 3, 4 to 3.
  expect("%r = hgnn.fetch_edge \"g\" of %adj : (!adj) -> !e", "!e", {5, 2},
         {-5, 6, 3, 4, 7, 8, 9, -3, 1, -2});
  expect("%r = hgnn.edge_constant %adj {value = -0.5 : f64, width = 2 : i64} : !adj", "!e", {5, 2},
         {-.5, -.5, -.5, -.5, -.5, -.5, -.5, -.5, -.5, -.5});
  // One that the graph does not have.
  auto module = parse(SmallGraph::program("%x = hgnn.fetch_edge \"h\" of %adj : (!adj) -> !e"));
  EXPECT_TRUE(llvm::failed(compiler::interpret(*module, "train_step", input())));
  EXPECT_NE(messages.find("relation 'a:w:p' has no edge feature 'h'"), std::string::npos)
      << messages;
}

TEST_F(InterpreterOps, SamplesByKeys) {
  // Two of the three in-edges of node 1, by Floyd's method on keys.
  auto module = parse(SmallGraph::program(R"(
    %two = hgnn.sample %s fanout 2 : !s -> !adj
    %g = hgnn.frontier samples(%two) : (!adj) -> !f
    hgnn.output "sources" %g : !f
    %d = hgnn.degree %two : !adj
    hgnn.output "degree" %d : !act1
    %none = hgnn.sample %s fanout 0 : !s -> !adjc
    %h, %l = hgnn.frontier self %s samples(%none) : (!s, !adjc) -> (!q, !link)
    hgnn.output "own" %h : !q)"));
  for (uint32_t step = 0; step < 20; ++step) {
    InterpreterInput in = input();
    in.step = step;
    auto outputs = interpretOrDie(*module, "train_step", in).outputs;
    uint64_t t0 = keys::sampleDraw(11, step, 0, 0, 1, 0, 2), t1 = keys::sampleDraw(11, step, 0, 0, 1, 1, 3);
    std::set<uint64_t> offsets = {t0};
    offsets.insert(t1 == t0 ? 2 : t1);
    // In-edges of node 1 come from 0, 2, 2; node 3 keeps both of its edges, from 3 and 4.
    std::set<double> sources = {3, 4};
    for (uint64_t offset : offsets)
      sources.insert(offset == 0 ? 0 : 2);
    EXPECT_EQ(outputs["sources"].data, std::vector<double>(sources.begin(), sources.end()));
    EXPECT_EQ(outputs["degree"].data, (std::vector<double>{2, 2}));
    EXPECT_EQ(outputs["own"].data, (std::vector<double>{1, 2, 3}));
  }
}

//===----------------------------------------------------------------------===//
// Optimizers and kernels
//===----------------------------------------------------------------------===//

TEST_F(InterpreterOps, AdamWithDecayAndClip) {
  auto module = parse(SmallGraph::program(R"(
    %lr = hgnn.scalar learning_rate : !p1
    %c1 = hgnn.scalar bias_correction1 : !p1
    %c2 = hgnn.scalar bias_correction2 : !p1
    hgnn.optimizer_step @b by %b2 scalars(%lr, %c1, %c2) clip %c
      {moments = [@m1, @m2], group = 0 : i64} : !p2, !p1, !p1, !p1, !p1
    %again = hgnn.read @b : !p2
    hgnn.output "b" %again : !p2)",
                                          R"(
    hgnn.state moment1 @m1 {shape = array<i64: 2>, init = {kind = "zeros"}, parameter = @b}
    hgnn.state moment2 @m2 {shape = array<i64: 2>, init = {kind = "zeros"}, parameter = @b})"));
  InterpreterInput in = input();
  in.states["m1"] = {{2}, {1, 2}};
  in.learningRates = {0.25};
  InterpreterResult result = interpretOrDie(*module, "train_step", in);
  for (int i = 0; i < 2; ++i) {
    double w = i ? 8 : 7, g = (i ? 20 : 10) * 3 + .1 * w, m = .9 * (i ? 2 : 1) + .1 * g, v = .01 * g * g;
    double c1 = 1 - std::pow(.9, 5), c2 = 1 - std::pow(.99, 5);
    EXPECT_NEAR(result.states["b"].data[i], w - .25 / c1 * m / (std::sqrt(v / c2) + .001), 1e-12);
    EXPECT_NEAR(result.states["m1"].data[i], m, 1e-12);
    EXPECT_NEAR(result.states["m2"].data[i], v, 1e-9);
  }
  EXPECT_EQ(result.outputs["b"].data, (std::vector<double>{7, 8})) << "reads see the start of the step";
}

TEST_F(InterpreterOps, OtherRules) {
  std::string optimizers = R"(
    hgnn.optimizer adamw {group = 1 : i64, lr = 0.5 : f64, beta1 = 0.9 : f64, beta2 = 0.99 : f64,
      eps = 0.001 : f64, weight_decay = 0.1 : f64, momentum = 0.0 : f64}
    hgnn.optimizer sgd {group = 2 : i64, lr = 0.5 : f64, beta1 = 0.9 : f64, beta2 = 0.99 : f64,
      eps = 0.001 : f64, weight_decay = 0.1 : f64, momentum = 0.5 : f64}
    hgnn.state moment1 @m1 {shape = array<i64: 2>, init = {kind = "zeros"}, parameter = @b}
    hgnn.state moment2 @m2 {shape = array<i64: 2>, init = {kind = "zeros"}, parameter = @b}
    hgnn.state moment1 @u {shape = array<i64: 2>, init = {kind = "zeros"}, parameter = @b2})";
  auto module = parse(SmallGraph::program(R"(
    %lr = hgnn.scalar learning_rate {group = 1 : i64} : !p1
    %c1 = hgnn.scalar bias_correction1 {group = 1 : i64} : !p1
    %c2 = hgnn.scalar bias_correction2 {group = 1 : i64} : !p1
    hgnn.optimizer_step @b by %b2 scalars(%lr, %c1, %c2)
      {moments = [@m1, @m2], group = 1 : i64} : !p2, !p1, !p1, !p1
    hgnn.optimizer_step @b2 by %b scalars(%lr) {moments = [@u], group = 2 : i64} : !p2, !p1)",
                                          optimizers));
  InterpreterInput in = input();
  in.step = 0;
  in.states["u"] = {{2}, {4, 6}};
  auto states = interpretOrDie(*module, "train_step", in).states;
  for (int i = 0; i < 2; ++i) {
    double w = i ? 8 : 7, g = i ? 20 : 10;
    EXPECT_NEAR(states["b"].data[i], w - .5 * .1 * w - .5 * g / (g + .001), 1e-12);
    double w2 = i ? 20 : 10, g2 = (i ? 8 : 7) + .1 * w2, m = .5 * (i ? 6 : 4) + g2;
    EXPECT_NEAR(states["b2"].data[i], w2 - .5 * m, 1e-12);
    EXPECT_NEAR(states["u"].data[i], m, 1e-12);
  }
}

TEST_F(InterpreterOps, RowAdamIsLazy) {
  auto module = parse(SmallGraph::program(R"(
    %lr = hgnn.scalar learning_rate : !p1
    hgnn.row_optimizer_step @tp by %xz rows %s scalars(%lr)
      {moments = [@m1, @m2, @t], group = 0 : i64} : !rp, !s, !p1)",
                                          R"(
    hgnn.state moment1 @m1 {shape = array<i64: 2>, rows_type = @p, init = {kind = "zeros"}, parameter = @tp}
    hgnn.state moment2 @m2 {shape = array<i64: 2>, rows_type = @p, init = {kind = "zeros"}, parameter = @tp}
    hgnn.state row_steps @t {shape = array<i64: 1>, rows_type = @p, init = {kind = "zeros"}, parameter = @tp})"));
  InterpreterInput in = input();
  in.states["t"] = {{5, 1}, {7, 0, 1, 0, 7}};
  auto states = interpretOrDie(*module, "train_step", in).states;
  EXPECT_EQ(states["t"].data, (std::vector<double>{7, 1, 2, 1, 7}));
  const auto &tp = states["tp"].data;
  EXPECT_EQ(tp[0], 0);
  EXPECT_EQ(tp[8], 4);
  // Row 1, first step: m / c1 = g = -1, v / c2 = 1; no weight decay although the group has one.
  EXPECT_NEAR(tp[2], 1 + .5 * 1 / (1 + .001), 1e-12);
  EXPECT_EQ(tp[3], .5);
  // Row 2, second step of the row, from zero moments.
  double g = .5, m = .1 * g / (1 - .81), v = .01 * g * g / (1 - .99 * .99);
  EXPECT_NEAR(tp[4], 2 - .5 * m / (std::sqrt(v) + .001), 1e-12);
  EXPECT_EQ(states["m1"].data[0], 0);
  EXPECT_NEAR(states["m1"].data[2], -.1, 1e-15);
}

TEST_F(InterpreterOps, KernelsAreCalledWithRenamedTypes) {
  auto module = parse(SmallGraph::program(R"(
    %v, %w = hgnn.launch @k(%xa, %adj, %s, %b) : (!ra, !adj, !s, !p2) -> (!rp, !p2)
    hgnn.output "v" %v : !rp
    hgnn.output "w" %w : !p2
    hgnn.launch @step(%b2, %c) {states = [@b]} : (!p2, !p1) -> ())",
                                          R"(
    hgnn.optimizer sgd {group = 2 : i64, lr = 0.5 : f64, beta1 = 0.0 : f64, beta2 = 0.0 : f64,
      eps = 0.0 : f64, weight_decay = 0.0 : f64, momentum = 0.0 : f64}
    hgnn.kernel @step {
    ^bb0(%g: !p2, %lr: !p1):
      hgnn.optimizer_step @state by %g scalars(%lr) {moments = [], group = 2 : i64} : !p2, !p1
    }
    hgnn.kernel @k {
    ^bb0(%x: !hgnn.tensor<rows(3, @t0) : 2xf32>, %adj: !hgnn.adj<2, @r0 from @t0 to @t1>,
         %ids: !hgnn.ids<rows(2, @t1)>, %bias: !hgnn.tensor<param : 2xf32>):
      %e = hgnn.gather_src %x, %adj : !hgnn.tensor<rows(3, @t0) : 2xf32>, !hgnn.adj<2, @r0 from @t0 to @t1>
      %a = hgnn.reduce_dst %e, %adj : !hgnn.tensor<edges(2, @r0) : 2xf32>, !hgnn.adj<2, @r0 from @t0 to @t1>
      %y = hgnn.expand %a, %adj : !hgnn.tensor<active(2, @r0) : 2xf32>, !hgnn.adj<2, @r0 from @t0 to @t1>
      %z = hgnn.add_bias %y, %bias : !hgnn.tensor<rows(2, @t1) : 2xf32>, !hgnn.tensor<param : 2xf32>
      %sum = hgnn.col_sum %z, %ids : !hgnn.tensor<rows(2, @t1) : 2xf32>, !hgnn.ids<rows(2, @t1)>
      hgnn.yield %z, %sum : !hgnn.tensor<rows(2, @t1) : 2xf32>, !hgnn.tensor<param : 2xf32>
    })"));
  InterpreterResult result = interpretOrDie(*module, "train_step", input());
  EXPECT_EQ(result.outputs["v"].data, (std::vector<double>{14, 1, 7, 8, 16, -1}));
  EXPECT_EQ(result.outputs["w"].data, (std::vector<double>{37, 8}));
  EXPECT_EQ(result.states["b"].data, (std::vector<double>{7 - 30, 8 - 60}));
}

//===----------------------------------------------------------------------===//
// States and errors
//===----------------------------------------------------------------------===//

TEST_F(InterpreterOps, StatesStartAsTheKeysSay) {
  auto module = parse(SmallGraph::program(""));
  auto states = interpretOrDie(*module, "train_step", small.input()).states;
  ASSERT_EQ(states["W"].shape, (std::vector<int64_t>{2, 3}));
  ASSERT_EQ(states["ta"].shape, (std::vector<int64_t>{5, 2}));
  for (uint32_t i = 0; i < 6; ++i)
    EXPECT_EQ(states["W"].data[i], double(float(-1 + 2 * keys::initUniform(11, "W", i / 3, i % 3))));
  for (uint32_t i = 0; i < 10; ++i) {
    EXPECT_EQ(states["ta"].data[i], double(float(-1 + 2 * keys::initUniform(11, "ta", i / 2, i % 2))));
    double u = keys::initUniform(11, "tp", i / 2, 2 * (i % 2));
    double v = keys::initUniform(11, "tp", i / 2, 2 * (i % 2) + 1);
    EXPECT_EQ(states["tp"].data[i],
              double(float(std::sqrt(-2 * std::log1p(-u)) * std::cos(2 * M_PI * v))));
  }
  EXPECT_EQ(states["b2"].data[1], double(float(keys::initUniform(11, "b2", 0, 1))));
  EXPECT_EQ(states["b"].data, (std::vector<double>{1.5, 1.5}));
}

TEST_F(InterpreterOps, EmptyBatch) {
  auto module = parse(SmallGraph::program(R"(
    %z = hgnn.linear %xp, %W : !rp, !p23
    %l = hgnn.softmax_xent %z, %y : !r3, !ly
    %r = hgnn.col_sum %l, %s : !r1, !s
    hgnn.output "r" %r : !p1
    hgnn.output "z" %z : !r3
    %g = hgnn.linear_grad_weight %xp, %z : !rp, !r3
    hgnn.output "g" %g : !p23
    %n = hgnn.scalar inv_label_count : !p1
    hgnn.output "n" %n : !p1)"));
  InterpreterInput in = input();
  in.seeds.clear();
  auto outputs = interpretOrDie(*module, "train_step", in).outputs;
  EXPECT_EQ(outputs["r"].data, std::vector<double>{0});
  EXPECT_EQ(outputs["n"].data, std::vector<double>{0});
  EXPECT_EQ(outputs["z"].shape, (std::vector<int64_t>{0, 3}));
  EXPECT_EQ(outputs["g"].data, std::vector<double>(6, 0));
}

TEST_F(InterpreterOps, ErrorsAreDiagnostics) {
  auto module = parse(SmallGraph::program(""));
  auto fails = [&](InterpreterInput in, const std::string &entry, const std::string &text) {
    messages.clear();
    EXPECT_TRUE(llvm::failed(compiler::interpret(*module, entry, in)));
    EXPECT_NE(messages.find(text), std::string::npos) << messages;
  };
  InterpreterInput unsorted = input(), outside = input(), shape = input(), blind = input();
  unsorted.seeds = {2, 1};
  outside.seeds = {5};
  shape.states["W"] = {{3, 2}, std::vector<double>(6)};
  blind.graph = nullptr;
  fails(unsorted, "train_step", "ascending");
  fails(outside, "train_step", "outside [0, 5)");
  fails(shape, "train_step", "another shape");
  fails(blind, "train_step", "needs a graph");
  fails(input(), "eval_step", "neither an hgnn.entry");
  std::string other = SmallGraph::program("");
  other.replace(other.find("{id = 0 : i64, name = \"w\""), 8, "{id = 7 ");
  module = parse(other);
  fails(input(), "train_step", "has id 7, in the graph it is 0");
}

} // namespace
} // namespace heddle::test
