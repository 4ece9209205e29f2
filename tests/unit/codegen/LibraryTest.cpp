//===- LibraryTest.cpp - large sums, optimizer steps, objects, errors ------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "Harness.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Object/ELFObjectFile.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>

using namespace heddle;
using namespace heddle::test;

namespace {

//===----------------------------------------------------------------------===//
// Sums of many relations
//===----------------------------------------------------------------------===//

/// A sum over `n` relations into rows(0, @t0); every third has another form when `mixed`. `dense`:
/// the first and the last but one term are rows as they are.
std::string manyRelations(int n, int width, bool mixed, bool dense = false, bool stitched = false) {
  std::string arguments, body, operands, operandTypes;
  std::string w = std::to_string(width), row = "!hgnn.tensor<rows(0, @t0) : " + w + "xf32>";
  for (int k = 0; k < n; ++k) {
    std::string i = std::to_string(k), adj = "!hgnn.adj<0, @r" + i + " from @t1 to @t0>";
    auto tensor = [&](const std::string &domain) {
      return "!hgnn.tensor<" + domain + "(0, @r" + i + ") : " + w + "xf32>";
    };
    arguments += (k ? ", " : "") + ("%a" + i) + ": " + adj + ", %x" + i + ": ";
    if (mixed && k % 3 == 2 && k > n / 2) {
      std::string source = "!hgnn.tensor<rows(1, @t1) : " + w + "xf32>";
      arguments += source;
      body +=
          "%e" + i + " = hgnn.gather_src %x" + i + ", %a" + i + " : " + source + ", " + adj + "\n";
      body += "%s" + i + " = hgnn.reduce_dst %e" + i + ", %a" + i + " : " + tensor("edges") + ", " +
              adj + "\n";
      body += "%t" + i + " = hgnn.expand %s" + i + ", %a" + i + " : " + tensor("active") + ", " +
              adj + "\n";
    } else {
      arguments += tensor("active");
      body += "%t" + i + " = hgnn.expand %x" + i + ", %a" + i + " : " + tensor("active") + ", " +
              adj + "\n";
    }
    if (dense && (k == 0 || k == n - 1)) {
      arguments += ", %d" + i + ": " + row;
      operands += (k ? ", %d" : "%d") + i + ",";
      operandTypes += (k ? ", " : "") + row + ",";
      operands += " %t" + i;
      operandTypes += " " + row;
      continue;
    }
    operands += (k ? ", %t" : "%t") + i;
    operandTypes += (k ? ", " : "") + row;
  }
  return "hgnn.kernel @sum {\n^bb0(" + arguments + "):\n" + body + "%z = hgnn.add " + operands +
         (stitched ? " {stitched} : " : " : ") + operandTypes +
         "\n%u = hgnn.unary relu %z : " + row + "\nhgnn.yield %u : " + row + "\n}\n";
}

TEST(ManyRelations, AreAddedInOneLoop) {
  Counts counts{{"rows(0, @t0)", 11}, {"rows(1, @t1)", 13}};
  for (int n : {1, 3, 4, 5, 29})
    for (int width : {7, 64, 200})
      for (bool mixed : {false, true}) {
        SCOPED_TRACE(std::to_string(n) + " relations of width " + std::to_string(width));
        KernelModule module(manyRelations(n, width, mixed));
        ASSERT_TRUE(module.ok());
        std::mt19937 rng(7);
        Inputs inputs = module.randomInputs("sum", counts, rng);
        auto result = module.run("sum", inputs, counts);
        expectClose(result[0], reference(module.kernel("sum"), inputs, counts)[0], 1e-5, "sum");
        EXPECT_EQ(module.run("sum", inputs, counts, {3, 8}), result);
      }
}

/// The gradient to the sources of a mean over each of `n` relations, and to the rows themselves.
std::string manyGradients(int n, int width, bool stitched = false) {
  std::string w = std::to_string(width), source = "!hgnn.tensor<rows(1, @t1) : " + w + "xf32>";
  std::string arguments =
      "%own: !hgnn.tensor<rows(0, @t1) : " + w + "xf32>, %l: !hgnn.link<0, @t1>";
  std::string body = "%s = hgnn.self_scatter %own, %l : !hgnn.tensor<rows(0, @t1) : " + w +
                     "xf32>, !hgnn.link<0, @t1>\n";
  std::string operands, operandTypes;
  for (int k = 0; k < n; ++k) {
    auto part = [&](const std::string &text) {
      return fill(text,
                  {{"$K", std::to_string(k)},
                   {"$A", "!hgnn.adj<0, @r" + std::to_string(k) + " from @t1 to @t0>"},
                   {"$G", "!hgnn.tensor<active(0, @r" + std::to_string(k) + ") : " + w + "xf32>"},
                   {"$E", "!hgnn.tensor<edges(0, @r" + std::to_string(k) + ") : " + w + "xf32>"},
                   {"$D", "!hgnn.tensor<active(0, @r" + std::to_string(k) + ") : 1xf32>"}});
    };
    arguments += part(", %g$K: $G, %a$K: $A");
    body += part(
        "%d$K = hgnn.degree %a$K : $A\n%i$K = hgnn.unary reciprocal %d$K : $D\n"
        "%m$K = hgnn.scale_rows %g$K, %i$K : $G, $D\n%e$K = hgnn.gather_dst %m$K, %a$K : $G, $A\n"
        "%r$K = hgnn.reduce_src %e$K, %a$K : $E, $A\n");
    operands += part("%r$K, ");
    operandTypes += source + ", ";
  }
  return "hgnn.kernel @sum {\n^bb0(" + arguments + "):\n" + body + "%z = hgnn.add " + operands +
         "%s " + (stitched ? "{stitched} : " : ": ") + operandTypes + source +
         "\nhgnn.yield %z : " + source + "\n}\n";
}

TEST(ManyRelations, GradientsAreAddedInOneLoop) {
  for (int n : {1, 4, 19})
    for (int width : {7, 64, 100}) {
      SCOPED_TRACE(std::to_string(n) + " relations of width " + std::to_string(width));
      KernelModule module(manyGradients(n, width));
      ASSERT_TRUE(module.ok());
      EXPECT_EQ(module.signature("sum").domain.kind, compiler::CountKind::ResultRows);
      for (int64_t sources : {37, 1}) {
        Counts counts{{"rows(0, @t0)", 21}, {"rows(0, @t1)", 1}, {"rows(1, @t1)", sources}};
        std::mt19937 rng(11);
        Inputs inputs = module.randomInputs("sum", counts, rng);
        auto result = module.run("sum", inputs, counts);
        expectClose(result[0], reference(module.kernel("sum"), inputs, counts)[0], 1e-5, "sum");
        EXPECT_EQ(module.run("sum", inputs, counts, {3, 8, 9}), result);
      }
    }
}

/// A kernel @sum that goes through its relations one after the other gives the same bits.
void expectSameBits(const std::string &rowByRow, const std::string &stitched,
                    const std::vector<Counts> &sizes, double tolerance = 1e-5) {
  for (const char *target : {"", "x86-64-v2"}) {
    KernelModule one(rowByRow, target), other(stitched, target);
    ASSERT_TRUE(one.ok() && other.ok());
    EXPECT_NE(one.librarySize(), other.librarySize()) << "is it stitched?";
    for (const Counts &counts : sizes) {
      std::mt19937 rng(13);
      Inputs inputs = one.randomInputs("sum", counts, rng);
      auto result = other.run("sum", inputs, counts);
      EXPECT_EQ(one.run("sum", inputs, counts), result);
      Arrays expected = reference(other.kernel("sum"), inputs, counts);
      for (size_t i = 0; i < expected.size(); ++i)
        expectClose(result[i], expected[i], tolerance, "sum");
      EXPECT_EQ(other.run("sum", inputs, counts, {1, 17, 50}), result);
    }
  }
}

TEST(ManyRelations, StitchedSumsHaveTheSameBits) {
  std::vector<Counts> sizes;
  for (int64_t rows : {0, 5, 16, 300})
    sizes.push_back({{"rows(0, @t0)", rows}, {"rows(1, @t1)", 13}});
  for (auto [n, width, mixed, dense] :
       {std::tuple(4, 64, false, false), std::tuple(29, 1, true, false),
        std::tuple(29, 7, true, true), std::tuple(6, 64, false, true),
        std::tuple(29, 64, true, true), std::tuple(8, 200, false, true)}) {
    SCOPED_TRACE(std::to_string(n) + " relations of width " + std::to_string(width));
    expectSameBits(manyRelations(n, width, mixed, dense),
                   manyRelations(n, width, mixed, dense, true), sizes);
  }
}

TEST(ManyRelations, StitchedGradientsHaveTheSameBits) {
  std::vector<Counts> sizes;
  for (int64_t sources : {0, 1, 37, 250})
    sizes.push_back({{"rows(0, @t0)", 21},
                     {"rows(0, @t1)", std::min<int64_t>(sources, 9)},
                     {"rows(1, @t1)", sources}});
  for (auto [n, width] : {std::tuple(4, 64), std::tuple(19, 7), std::tuple(19, 100)}) {
    SCOPED_TRACE(std::to_string(n) + " relations of width " + std::to_string(width));
    expectSameBits(manyGradients(n, width), manyGradients(n, width, true), sizes);
  }
}

/// One softmax over the terms of `n` relations, the last of which are made in the kernel, and of
/// own rows.
std::string manySoftmaxTerms(int n, int size, int heads, bool stitched) {
  const std::string merge = heads > 1 ? "softmax<" + std::to_string(heads) + ">" : "softmax";
  const int value = size * heads;
  auto tensor = [](const std::string &domain, int width) {
    return "!hgnn.tensor<" + domain + " : " + std::to_string(width) + "xf32>";
  };
  const std::string row = tensor("rows(0, @t0)", value + 2 * heads);
  std::string arguments =
      "%x: " + tensor("rows(0, @t0)", value) + ", %p: " + tensor("rows(0, @t0)", heads);
  std::string body = "%own = hgnn.term " + merge + " %x, %p : " + tensor("rows(0, @t0)", value) +
                     ", " + tensor("rows(0, @t0)", heads) + "\n";
  std::string operands, operandTypes;
  for (int k = 0; k < n; ++k) {
    const std::string active = "active(0, @r" + std::to_string(k) + ")";
    auto part = [&](const std::string &text) {
      return fill(text, {{"$K", std::to_string(k)},
                         {"$M", merge},
                         {"$A", "!hgnn.adj<0, @r" + std::to_string(k) + " from @t1 to @t0>"},
                         {"$T", tensor(active, value + 2 * heads)},
                         {"$V", tensor(active, value)},
                         {"$H", tensor(active, heads)}});
    };
    if (k < n / 2) {
      arguments += part(", %a$K: $A, %t$K: $T");
    } else {
      arguments += part(", %a$K: $A, %x$K: $V, %p$K: $H");
      body += part("%t$K = hgnn.term $M %x$K, %p$K : $V, $H\n");
    }
    body += part("%e$K = hgnn.expand %t$K, %a$K of $M : $T, $A\n");
    operands += part("%e$K, ");
    operandTypes += row + ", ";
  }
  return "hgnn.kernel @sum {\n^bb0(" + arguments + "):\n" + body + "%c = hgnn.combine " + merge +
         " " + operands + "%own " + (stitched ? "{stitched} : " : ": ") + operandTypes + row +
         "\n%v = hgnn.combined " + merge + " %c : " + row +
         "\nhgnn.yield %v, %c : " + tensor("rows(0, @t0)", value) + ", " + row + "\n}\n";
}

TEST(ManyRelations, StitchedSoftmaxesHaveTheSameBits) {
  std::vector<Counts> sizes;
  for (int64_t rows : {0, 5, 16, 200})
    sizes.push_back({{"rows(0, @t0)", rows}, {"rows(1, @t1)", 13}});
  for (auto [n, size, heads] :
       {std::tuple(8, 16, 1), std::tuple(29, 16, 4), std::tuple(30, 3, 2), std::tuple(12, 40, 8)}) {
    SCOPED_TRACE(std::to_string(n) + " relations, heads " + std::to_string(heads) + " of " +
                 std::to_string(size));
    expectSameBits(manySoftmaxTerms(n, size, heads, false), manySoftmaxTerms(n, size, heads, true),
                   sizes, 1e-4); // sums of random weights cancel
  }
}

TEST(ManyRelations, CodeDoesNotGrow) {
  auto start = std::chrono::steady_clock::now();
  KernelModule large(manyRelations(1000, 64, false));
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  KernelModule small(manyRelations(4, 64, false));
  ASSERT_TRUE(large.ok() && small.ok());
  EXPECT_EQ(large.signature("sum").args.size(), 2001u);
  EXPECT_LE(large.librarySize(), small.librarySize() + 1024);
  EXPECT_LT(seconds, 20); // some seconds on a busy machine
  Counts counts{{"rows(0, @t0)", 3}, {"rows(1, @t1)", 2}};
  std::mt19937 rng(8);
  Inputs inputs = large.randomInputs("sum", counts, rng);
  expectClose(large.run("sum", inputs, counts)[0],
              reference(large.kernel("sum"), inputs, counts)[0], 1e-5, "sum");
}

TEST(SameCode, IsCompiledOnceForACpu) {
  // Rows of two hops, and narrower ones.
  std::string text;
  for (auto [name, domain, width] :
       {std::tuple("a", "rows(0, @t0)", "40"), std::tuple("b", "rows(1, @t0)", "40"),
        std::tuple("c", "rows(0, @t0)", "24")})
    text += fill(
        "hgnn.kernel @$N {\n^bb0(%x: $R):\n%y = hgnn.unary relu %x : $R\n"
        "hgnn.yield %y : $R\n}\n",
        {{"$N", name}, {"$R", "!hgnn.tensor<" + std::string(domain) + " : " + width + "xf32>"}});
  KernelModule module(text);
  ASSERT_TRUE(module.ok());
  auto ir = compiler::kernelsToLlvmIr(*module.module, module.signatures, "x86-64-v3");
  ASSERT_TRUE(succeeded(ir));
  EXPECT_NE(ir->find("@b = alias "), std::string::npos);
  EXPECT_EQ(ir->find("define void @b("), std::string::npos);
  EXPECT_NE(ir->find("define void @a("), std::string::npos);
  EXPECT_NE(ir->find("define void @c("), std::string::npos);
  Counts counts{{"rows(0, @t0)", 5}, {"rows(1, @t0)", 6}};
  std::mt19937 rng(9);
  for (const char *name : {"a", "b", "c"}) { // each is found by its name
    Inputs inputs = module.randomInputs(name, counts, rng);
    expectClose(module.run(name, inputs, counts)[0],
                reference(module.kernel(name), inputs, counts)[0], 1e-6, name);
  }
}

//===----------------------------------------------------------------------===//
// Optimizer steps
//===----------------------------------------------------------------------===//

constexpr const char *group =
    "hgnn.optimizer $K {group = $G : i64, lr = 0.1 : f64, beta1 = 0.9 : f64, beta2 = 0.99 : f64, "
    "eps = 1.0e-8 : f64, weight_decay = $D : f64, momentum = $M : f64}\n";

std::string stepModule() {
  std::string text;
  struct Dense {
    const char *name, *kind, *decay, *momentum, *moments;
  };
  const Dense dense[] = {{"adam", "adam", "0.01", "0.0", "@m, @v"},
                         {"adamw", "adamw", "0.01", "0.0", "@m, @v"},
                         {"sgd", "sgd", "0.01", "0.0", ""},
                         {"momentum", "sgd", "0.0", "0.8", "@m"}};
  int number = 0;
  for (const Dense &d : dense) {
    bool adam = std::string(d.kind) != "sgd";
    text +=
        fill(group,
             {{"$K", d.kind}, {"$G", std::to_string(number)}, {"$D", d.decay}, {"$M", d.momentum}});
    text +=
        fill(adam ? "hgnn.kernel @$N { ^bb0(%g: $P, %a: $S, %b: $S, %c: $S, %k: $S):\n"
                    " hgnn.optimizer_step @w by %g scalars(%a, %b, %c) clip %k {moments = [$O], "
                    "group = $G : i64} : $P, $S, $S, $S, $S\n hgnn.yield\n}\n"
                  : "hgnn.kernel @$N { ^bb0(%g: $P, %a: $S):\n"
                    " hgnn.optimizer_step @w by %g scalars(%a) {moments = [$O], "
                    "group = $G : i64} : $P, $S\n hgnn.yield\n}\n",
             {{"$N", d.name},
              {"$O", d.moments},
              {"$G", std::to_string(number)},
              {"$P", "!hgnn.tensor<param : 53x3xf32>"},
              {"$S", "!hgnn.tensor<param : 1xf32>"}});
    ++number;
  }
  text += fill(group, {{"$K", "adam"}, {"$G", "9"}, {"$D", "0.5"}, {"$M", "0.0"}});
  text +=
      "hgnn.kernel @rows { ^bb0(%g: !hgnn.tensor<rows(1, @t) : 19xf32>, %i: !hgnn.ids<rows(1, "
      "@t)>, "
      "%a: !hgnn.tensor<param : 1xf32>):\n hgnn.row_optimizer_step @w by %g rows %i scalars(%a) "
      "{moments = [@m, @v, @t], group = 9 : i64} : !hgnn.tensor<rows(1, @t) : 19xf32>, "
      "!hgnn.ids<rows(1, @t)>, !hgnn.tensor<param : 1xf32>\n hgnn.yield\n}\n";
  return text;
}

// Whoever has rows elsewhere replaces these ids, and nothing else may be made of them.
TEST(Optimizer, RowIdsAreForNothingElse) {
  KernelModule module(stepModule());
  ASSERT_TRUE(module.ok());
  int ids = 0, rowIds = 0;
  for (const compiler::KernelArg &arg : module.signature("rows").args) {
    ids += arg.part == compiler::ArgPart::Ids;
    rowIds += arg.part == compiler::ArgPart::RowIds;
  }
  EXPECT_EQ(ids, 0);
  EXPECT_EQ(rowIds, 1);
}

TEST(Optimizer, StepsAsDefined) {
  KernelModule module(stepModule());
  ASSERT_TRUE(module.ok());
  constexpr int n = 53 * 3;
  std::mt19937 rng(9);
  std::uniform_real_distribution<float> uniform(-1, 1);
  for (std::string name : {"adam", "adamw", "sgd", "momentum"}) {
    bool adam = name[0] == 'a';
    size_t moments = adam ? 2 : name == "momentum";
    std::vector<std::vector<double>> states(1 + moments, std::vector<double>(n, 0));
    Inputs inputs;
    inputs.states.assign(1 + moments, std::vector<float>(n, 0));
    for (int i = 0; i < n; ++i)
      states[0][size_t(i)] = inputs.states[0][size_t(i)] = uniform(rng);
    double clip = adam ? 0.25 : 1;
    for (int t = 1; t <= 5; ++t) {
      inputs.data[0].resize(n);
      for (float &g : inputs.data[0])
        g = uniform(rng);
      double c1 = 1 - std::pow(0.9, t), c2 = 1 - std::pow(0.99, t), lr = 0.1;
      inputs.data[1] = {float(lr)};
      inputs.data[2] = {float(c1)};
      inputs.data[3] = {float(c2)};
      inputs.data[4] = {float(clip)};
      module.run(name, inputs, {}, {1, 50, 51});
      for (size_t i = 0; i < size_t(n); ++i) {
        double g = inputs.data[0][i] * clip, &w = states[0][i];
        double decay = name == "momentum" ? 0 : 0.01;
        if (name == "adamw")
          w -= lr * decay * w;
        else
          g += decay * w;
        if (adam) {
          double &m = states[1][i], &v = states[2][i];
          m = 0.9 * m + 0.1 * g;
          v = 0.99 * v + 0.01 * g * g;
          w -= lr / c1 * m / (std::sqrt(v / c2) + 1e-8);
        } else if (name == "momentum") {
          w -= lr * (states[1][i] = 0.8 * states[1][i] + g);
        } else {
          w -= lr * g;
        }
      }
      for (size_t k = 0; k < states.size(); ++k)
        expectClose(inputs.states[k], states[k], 1e-5, name + " state " + std::to_string(k));
    }
  }
}

TEST(Optimizer, TouchesOnlyTheRowsOfTheBatch) {
  KernelModule module(stepModule());
  ASSERT_TRUE(module.ok());
  constexpr size_t total = 12, width = 19;
  std::mt19937 rng(10);
  std::uniform_real_distribution<float> uniform(-1, 1);
  Inputs inputs;
  inputs.states.assign(3, std::vector<float>(total * width, 0));
  for (float &w : inputs.states[0])
    w = uniform(rng);
  inputs.rowSteps.assign(total, 0);
  inputs.rowSteps[4] = 1000; // a row that is far ahead of the others
  std::vector<std::vector<double>> states;
  for (auto &state : inputs.states)
    states.emplace_back(state.begin(), state.end());
  std::vector<uint32_t> steps = inputs.rowSteps;
  for (std::vector<int64_t> ids : {std::vector<int64_t>{0, 4, 11}, {4, 5}, {0, 4, 10}}) {
    inputs.ids[1] = ids;
    inputs.data[0].resize(ids.size() * width);
    for (float &g : inputs.data[0])
      g = uniform(rng);
    inputs.data[2] = {0.1f};
    std::vector<std::vector<float>> before = inputs.states;
    module.run("rows", inputs, {{"rows(1, @t)", int64_t(ids.size())}}, {1});
    for (size_t r = 0; r < ids.size(); ++r) {
      size_t id = size_t(ids[r]);
      double t = ++steps[id], c1 = 1 - std::pow(0.9, t), c2 = 1 - std::pow(0.99, t);
      for (size_t j = 0; j < width; ++j) {
        double g = inputs.data[0][r * width + j], &m = states[1][id * width + j],
               &v = states[2][id * width + j];
        m = 0.9 * m + 0.1 * g;
        v = 0.99 * v + 0.01 * g * g;
        states[0][id * width + j] -= 0.1 / c1 * m / (std::sqrt(v / c2) + 1e-8);
      }
    }
    EXPECT_EQ(inputs.rowSteps, steps);
    for (size_t k = 0; k < 3; ++k) {
      expectClose(inputs.states[k], states[k], 1e-5, "state " + std::to_string(k));
      for (size_t id = 0; id < total; ++id)
        if (std::find(ids.begin(), ids.end(), int64_t(id)) == ids.end())
          for (size_t j = 0; j < width; ++j)
            EXPECT_EQ(inputs.states[k][id * width + j], before[k][id * width + j]) << "row " << id;
    }
  }
}

//===----------------------------------------------------------------------===//
// Signatures
//===----------------------------------------------------------------------===//

TEST(Signature, SaysWhatThePlanMustPass) {
  using enum compiler::ArgPart;
  KernelModule module(
      "hgnn.kernel @mean { ^bb0(%x: !hgnn.tensor<rows(1, @t1) : 8xf32>, %a: !hgnn.adj<0, @r0 from "
      "@t1 to @t0>):\n"
      "%e = hgnn.gather_src %x, %a : !hgnn.tensor<rows(1, @t1) : 8xf32>, !hgnn.adj<0, @r0 from @t1 "
      "to @t0>\n"
      "%s = hgnn.reduce_dst %e, %a : !hgnn.tensor<edges(0, @r0) : 8xf32>, !hgnn.adj<0, @r0 from "
      "@t1 to @t0>\n"
      "hgnn.yield %s : !hgnn.tensor<active(0, @r0) : 8xf32>\n}\n"
      "hgnn.kernel @grad { ^bb0(%x: !hgnn.tensor<rows(0, @t0) : 8xf32>, %i: !hgnn.ids<rows(0, "
      "@t0)>):\n"
      "%s = hgnn.col_sum %x, %i : !hgnn.tensor<rows(0, @t0) : 8xf32>, !hgnn.ids<rows(0, @t0)>\n"
      "hgnn.yield %s : !hgnn.tensor<param : 8xf32>\n}\n");
  ASSERT_TRUE(module.ok());
  const auto &mean = module.signature("mean");
  EXPECT_EQ(mean.mode, compiler::KernelMode::Rows);
  EXPECT_EQ(mean.domain.kind, compiler::CountKind::ResultRows);
  EXPECT_EQ(mean.args,
            (std::vector<compiler::KernelArg>{{Data, 0}, {InPtr, 1}, {InSrc, 1}, {Output, 0}}));
  EXPECT_EQ(mean.numInputs, 3);
  ASSERT_EQ(mean.balanceArg, 1);
  EXPECT_FALSE(mean.outputs[0].partial);
  double edgeBytes = 0;
  for (const auto &cost : mean.costs)
    if (cost.count.kind == compiler::CountKind::AdjEdges)
      edgeBytes += cost.bytes;
  EXPECT_EQ(edgeBytes, 8 * 4 + 4 + 4); // a row, its number, the edge's place in it

  const auto &grad = module.signature("grad");
  EXPECT_EQ(grad.mode, compiler::KernelMode::Chunks);
  EXPECT_EQ(grad.domain.kind, compiler::CountKind::OperandRows);
  EXPECT_EQ(grad.chunkRows, 2048u);
  EXPECT_TRUE(grad.outputs[0].partial);
  EXPECT_EQ(grad.outputs[0].width, 8);
  EXPECT_EQ(grad.balanceArg, -1);
}

//===----------------------------------------------------------------------===//
// Objects and errors
//===----------------------------------------------------------------------===//

std::vector<compiler::CompiledLibrary> compileAll(const std::string &text,
                                                  std::vector<std::string> targets) {
  mlir::MLIRContext context;
  context.loadDialect<hgnn::HgnnDialect>();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  std::vector<compiler::KernelSignature> signatures;
  for (auto kernel : module->getOps<hgnn::KernelOp>())
    signatures.push_back(*compiler::analyzeKernel(kernel));
  auto libraries = compiler::compileKernels(*module, signatures, targets);
  EXPECT_TRUE(mlir::succeeded(libraries));
  return mlir::succeeded(libraries) ? *libraries : std::vector<compiler::CompiledLibrary>();
}

TEST(Library, NeedsNothingAndRunsNothingOnLoading) {
  std::string text = stepModule() + manyRelations(5, 33, false);
  auto libraries = compileAll(text, compiler::kernelTargets());
  ASSERT_GE(libraries.size(), 3u);
  for (const auto &library : libraries) {
    SCOPED_TRACE(library.target);
    llvm::StringRef bytes(reinterpret_cast<const char *>(library.object.data()),
                          library.object.size());
    auto object =
        llvm::object::ObjectFile::createELFObjectFile(llvm::MemoryBufferRef(bytes, "kernels"));
    ASSERT_TRUE(bool(object));
    for (const auto &section : (*object)->sections()) {
      auto name = llvm::cantFail(section.getName());
      EXPECT_FALSE(name.contains("init") || name.contains("fini") || name.contains("ctors"))
          << name.str();
    }
    auto *elf = llvm::cast<llvm::object::ELFObjectFileBase>(object->get());
    std::vector<std::string> exported;
    for (const auto &symbol : elf->getDynamicSymbolIterators()) {
      auto name = llvm::cantFail(symbol.getName()).str();
      if (name.empty())
        continue;
      if (llvm::cantFail(symbol.getFlags()) & llvm::object::SymbolRef::SF_Undefined)
        EXPECT_TRUE(name == "memcpy" || name == "memset" || name == "memmove") << name;
      else
        exported.push_back(name);
    }
    std::sort(exported.begin(), exported.end());
    EXPECT_EQ(exported,
              (std::vector<std::string>{"adam", "adamw", "momentum", "rows", "sgd", "sum"}));
    if (auto *file = llvm::dyn_cast<llvm::object::ELF64LEObjectFile>(elf)) {
      for (const auto &entry : llvm::cantFail(file->getELFFile().dynamicEntries()))
        EXPECT_NE(entry.getTag(), llvm::ELF::DT_NEEDED);
    }
  }
}

TEST(Library, IsTheSameEachTime) {
  std::string text = manyRelations(5, 33, true);
  auto first = compileAll(text, {"x86-64-v3"}),
       second = compileAll(text, {"x86-64-v3", "x86-64-v2"});
  ASSERT_TRUE(first.size() == 1 && second.size() == 2);
  EXPECT_EQ(first[0].object, second[0].object);
}

TEST(Library, OfGpusHasOneTextAndOneFunctionForOneCode) {
  auto kernel = [](const std::string &name, const std::string &domain, const std::string &factor) {
    return fill("hgnn.kernel @$N {\n^bb0(%x: $T):\n  %0 = hgnn.scale %x {factor = $F : f64} : $T\n"
                "  hgnn.yield %0 : $T\n}\n",
                {{"$N", name}, {"$F", factor}, {"$T", "!hgnn.tensor<" + domain + " : 8xf32>"}});
  };
  const std::string text = kernel("a", "rows(0, @t)", "2.0") +
                           kernel("other", "rows(0, @t)", "3.0") +
                           kernel("b", "rows(1, @u)", "2.0");
  auto all = compileAll(text, {"sm_90", "sm_75", "x86-64-v3", "sm_80"});
  ASSERT_EQ(all.size(), 4u);
  EXPECT_TRUE(all[2].functions.empty() && all[2].preamble.empty() && all[2].textOf.empty());
  const std::string ptx(all[1].object.begin(), all[1].object.end());
  EXPECT_NE(ptx.find(".entry a("), std::string::npos);
  EXPECT_NE(ptx.find(".entry other("), std::string::npos);
  EXPECT_EQ(ptx.find(".entry b("), std::string::npos);
  for (int i : {0, 1, 3}) {
    SCOPED_TRACE(all[i].target);
    EXPECT_EQ(all[i].functions, (std::vector<uint32_t>{0, 1, 0}));
    EXPECT_EQ(all[i].threads.size(), 3u);
    EXPECT_EQ(all[i].textOf, i == 1 ? "" : "sm_75");
    EXPECT_EQ(all[i].object.empty(), i != 1);
    // What is made for a target alone is the same.
    auto alone = compileAll(text, {all[i].target});
    ASSERT_EQ(alone.size(), 1u);
    EXPECT_EQ(alone[0].preamble, all[i].preamble);
    EXPECT_NE(alone[0].preamble.find(".target " + all[i].target), std::string::npos);
    EXPECT_EQ(std::string(alone[0].object.begin(), alone[0].object.end()), ptx);
  }
}

/// The message that analysing or compiling gives.
std::string errorOf(const std::string &text, std::vector<std::string> targets = {"x86-64-v3"}) {
  mlir::MLIRContext context;
  context.loadDialect<hgnn::HgnnDialect>();
  std::string message;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    message += diagnostic.str();
    return mlir::success();
  });
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  if (!module)
    return "parse: " + message;
  std::vector<compiler::KernelSignature> signatures;
  for (auto kernel : module->getOps<hgnn::KernelOp>()) {
    auto signature = compiler::analyzeKernel(kernel);
    if (mlir::failed(signature))
      return message;
    signatures.push_back(*signature);
  }
  EXPECT_TRUE(mlir::failed(compiler::compileKernels(*module, signatures, targets)));
  return message;
}

TEST(Errors, NameTheOpAndTheReason) {
  std::string row = "!hgnn.tensor<rows(0, @t) : 4xf32>";
  auto kernel = [&](const std::string &arguments, const std::string &body) {
    return fill("hgnn.kernel @k {\n^bb0(" + arguments + "):\n" + body + "}\n",
                {{"$R", row}, {"$P", "!hgnn.tensor<param : 4x4xf32>"}});
  };
  EXPECT_NE(
      errorOf(kernel("%x: $R, %w: $P", "%y = hgnn.linear %x, %w : $R, $P\nhgnn.yield %y : $R\n"))
          .find("cannot be part of a kernel"),
      std::string::npos);
  EXPECT_NE(errorOf(kernel("%x: $R", "hgnn.yield\n")).find("must yield at least one value"),
            std::string::npos);
  EXPECT_NE(
      errorOf(kernel("%x: $R, %w: $P", "hgnn.yield %x, %w : $R, $P\n")).find("two loop domains"),
      std::string::npos);
  EXPECT_NE(
      errorOf(kernel("%x: $R", "%y = hgnn.unary relu %x : $R\nhgnn.yield %y : $R\n"), {"x86-64-v9"})
          .find("unknown kernel target 'x86-64-v9'; known here are x86-64-v2"),
      std::string::npos);
  setenv("HEDDLE_LLD", "/nowhere/ld.lld", 1);
  EXPECT_NE(errorOf(kernel("%x: $R", "%y = hgnn.unary relu %x : $R\nhgnn.yield %y : $R\n"))
                .find("HEDDLE_LLD names /nowhere/ld.lld"),
            std::string::npos);
  unsetenv("HEDDLE_LLD");
}

} // namespace
