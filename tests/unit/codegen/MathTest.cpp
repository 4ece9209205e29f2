//===- MathTest.cpp - elementary functions against double ------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The functions are reached through ops that expose them alone.
//
//===----------------------------------------------------------------------===//

#include "Harness.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <functional>

using namespace heddle;
using namespace heddle::test;

namespace {

/// |value - exact| in units of the last place of a float of that size.
double ulps(float value, double exact) {
  if (std::isinf(value) && std::fabs(exact) > 3.4028235e38)
    return 0;
  int exponent = 0;
  std::frexp(exact, &exponent);
  return std::fabs(double(value) - exact) / std::ldexp(1.0, std::max(exponent, -125) - 24);
}

constexpr const char *text = R"(
hgnn.kernel @sigmoid { ^bb0(%x: $R): %y = hgnn.unary sigmoid %x : $R
 hgnn.yield %y : $R }
hgnn.kernel @tanh { ^bb0(%x: $R): %y = hgnn.unary tanh %x : $R
 hgnn.yield %y : $R }
hgnn.kernel @expm1 { ^bb0(%x: $R): %y = hgnn.unary elu %x : $R
 hgnn.yield %y : $R }
hgnn.kernel @gelu { ^bb0(%x: $R): %y = hgnn.unary gelu %x : $R
 hgnn.yield %y : $R }
hgnn.kernel @exp { ^bb0(%x: $R, %g: $R): %y = hgnn.unary_grad elu %x, %g : $R, $R
 hgnn.yield %y : $R }
hgnn.kernel @exp_ { ^bb0(%x: $R): %y = hgnn.unary exp %x : $R
 hgnn.yield %y : $R }
hgnn.kernel @log { ^bb0(%x: $R): %y = hgnn.unary log %x : $R
 hgnn.yield %y : $R }
hgnn.kernel @softplus_ { ^bb0(%x: $R): %y = hgnn.unary softplus %x : $R
 hgnn.yield %y : $R }
hgnn.kernel @rsqrt { ^bb0(%x: $R): %y = hgnn.unary rsqrt %x : $R
 hgnn.yield %y : $R }
hgnn.kernel @softplus { ^bb0(%x: $R, %l: !hgnn.labels<rows(0, @t0), 1, multi>):
 %y = hgnn.sigmoid_xent %x, %l : $R, !hgnn.labels<rows(0, @t0), 1, multi>
 hgnn.yield %y : $R }
)";

struct Function {
  const char *kernel;
  float low, high;
  std::function<double(double)> exact;
  double bound; ///< ulps, or, where negative, the error relative to the largest result
};

TEST(Math, IsAccurateToAFewUlps) {
  KernelModule module(fill(text, {{"$R", "!hgnn.tensor<rows(0, @t0) : 1xf32>"}}));
  ASSERT_TRUE(module.ok());
  const Function functions[] = {
      {"exp", -103, 0, [](double x) { return std::exp(x); }, 1},
      {"exp_", -103, 88.7f, [](double x) { return std::exp(x); }, 1},
      {"log", 1e-45f, 1.1e-38f, [](double x) { return std::log(x); }, 1},
      {"log", 1e-3f, 3, [](double x) { return std::log(x); }, 2},
      {"log", 0.99f, 1.01f, [](double x) { return std::log(x); }, 2},
      {"log", 1, 3e38f, [](double x) { return std::log(x); }, 1},
      {"softplus_", -100, 90, [](double x) { return std::log1p(std::exp(x)); }, 2},
      {"softplus_", -1, 1, [](double x) { return std::log1p(std::exp(x)); }, 2},
      {"rsqrt", 1.2e-38f, 1e-30f, [](double x) { return 1 / std::sqrt(x); }, 2},
      {"rsqrt", 1e-3f, 3, [](double x) { return 1 / std::sqrt(x); }, 2},
      {"rsqrt", 1, 3e38f, [](double x) { return 1 / std::sqrt(x); }, 2},
      {"expm1", -60, 0, [](double x) { return std::expm1(x); }, 1},
      {"expm1", -1e-3f, 0, [](double x) { return std::expm1(x); }, 1},
      {"sigmoid", -87, 87, [](double x) { return 1 / (1 + std::exp(-x)); }, 2.1},
      {"tanh", -12, 12, [](double x) { return std::tanh(x); }, 2},
      {"tanh", -1e-2f, 1e-2f, [](double x) { return std::tanh(x); }, 2},
      {"tanh", 0.5f, 0.75f, [](double x) { return std::tanh(x); }, 2},
      {"gelu", 0, 10, [](double x) { return x * 0.5 * (1 + std::erf(x * M_SQRT1_2)); }, 2},
      {"gelu", -8, 0, [](double x) { return x * 0.5 * (1 + std::erf(x * M_SQRT1_2)); }, -1e-6},
      // Positive logits of label 1: log(1 + e^-z) alone.
      {"softplus", 0, 80, [](double z) { return std::log1p(std::exp(-z)); }, 2},
  };
  constexpr int n = 200001;
  for (const Function &function : functions) {
    Inputs inputs;
    Counts counts{{"rows(0, @t0)", n}};
    for (int i = 0; i < n; ++i)
      inputs.data[0].push_back(function.low +
                               (function.high - function.low) * float(i) / float(n - 1));
    inputs.data[1].assign(n, 1);
    inputs.multiLabels[1].assign(n, 1);
    inputs.labelMask[1].assign(n, 1);
    auto result = module.run(function.kernel, inputs, counts).front();
    double worst = 0, at = 0, largest = 0;
    for (int i = 0; i < n; ++i) {
      double x = inputs.data[0][size_t(i)], exact = function.exact(x);
      double error = function.bound > 0 ? ulps(result[size_t(i)], exact)
                                        : std::fabs(double(result[size_t(i)]) - exact);
      largest = std::max(largest, std::fabs(exact));
      if (error > worst)
        worst = error, at = x;
    }
    if (function.bound < 0)
      worst /= largest;
    std::printf("%s on [%g, %g]: %.2g at %.9g\n", function.kernel, function.low, function.high,
                worst, at);
    EXPECT_LE(worst, std::fabs(function.bound)) << function.kernel << " at " << at;
  }
}

TEST(Math, HandlesTheEnds) {
  KernelModule module(fill(text, {{"$R", "!hgnn.tensor<rows(0, @t0) : 1xf32>"}}));
  ASSERT_TRUE(module.ok());
  Counts counts{{"rows(0, @t0)", 8}};
  const float inf = INFINITY;
  auto run = [&](const char *kernel, std::vector<float> x) {
    Inputs inputs;
    x.resize(8, 0);
    inputs.data[0] = x;
    inputs.data[1].assign(8, 1);
    return module.run(kernel, inputs, counts).front();
  };
  auto s = run("sigmoid", {-inf, inf, -1000, 1000, NAN, 0});
  EXPECT_EQ(s[0], 0);
  EXPECT_EQ(s[1], 1);
  EXPECT_EQ(s[2], 0);
  EXPECT_EQ(s[3], 1);
  EXPECT_TRUE(std::isnan(s[4]));
  EXPECT_EQ(s[5], 0.5f);
  auto t = run("tanh", {-inf, inf, -1000, 1000, NAN, 0});
  EXPECT_EQ(t[0], -1);
  EXPECT_EQ(t[1], 1);
  EXPECT_EQ(t[2], -1);
  EXPECT_EQ(t[3], 1);
  EXPECT_TRUE(std::isnan(t[4]));
  EXPECT_EQ(t[5], 0);
  auto e = run("expm1", {-inf, -1000, NAN});
  EXPECT_EQ(e[0], -1);
  EXPECT_EQ(e[1], -1);
  EXPECT_TRUE(std::isnan(e[2]));
  auto y = run("exp_", {-inf, inf, 1000, -1000, NAN, -0.0f, 1e-45f});
  EXPECT_EQ(y[0], 0);
  EXPECT_EQ(y[1], inf);
  EXPECT_EQ(y[2], inf);
  EXPECT_EQ(y[3], 0);
  EXPECT_TRUE(std::isnan(y[4]));
  EXPECT_EQ(y[5], 1);
  EXPECT_EQ(y[6], 1);
  auto l = run("log", {0, -0.0f, -1, -inf, inf, NAN, 1, 1e-45f});
  EXPECT_EQ(l[0], -inf);
  EXPECT_EQ(l[1], -inf);
  EXPECT_TRUE(std::isnan(l[2]));
  EXPECT_TRUE(std::isnan(l[3]));
  EXPECT_EQ(l[4], inf);
  EXPECT_TRUE(std::isnan(l[5]));
  EXPECT_EQ(l[6], 0);
  EXPECT_FLOAT_EQ(l[7], std::log(1e-45f));
  auto r = run("rsqrt", {0, inf, -1, NAN, 4});
  EXPECT_EQ(r[0], 0);
  EXPECT_EQ(r[1], 0);
  EXPECT_TRUE(std::isnan(r[2]));
  EXPECT_TRUE(std::isnan(r[3]));
  EXPECT_EQ(r[4], 0.5f);
  auto p = run("softplus_", {-inf, inf, 1000, -1000, NAN, 0});
  EXPECT_EQ(p[0], 0);
  EXPECT_EQ(p[1], inf);
  EXPECT_EQ(p[2], 1000);
  EXPECT_EQ(p[3], 0);
  EXPECT_TRUE(std::isnan(p[4]));
  EXPECT_FLOAT_EQ(p[5], float(M_LN2));
  auto x = run("exp", {-inf, -1000, NAN, -0.0f});
  EXPECT_EQ(x[0], 0);
  EXPECT_EQ(x[1], 0);
  EXPECT_TRUE(std::isnan(x[2]));
  EXPECT_EQ(x[3], 1);
}

} // namespace
