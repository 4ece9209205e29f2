//===- HeadsTest.cpp - heads and merges over edges, against naive loops ----===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Numbers of heads and sizes of heads that divide tiles, that tiles divide, and that do neither;
// few heads and more than a tile has columns.
//
//===----------------------------------------------------------------------===//

#include "Harness.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

using namespace heddle;
using namespace heddle::test;

namespace {

struct Case {
  const char *name, *arguments, *body, *yield;
};

// clang-format off
const Case cases[] = {
    {"head_dot", "%x: $ROW, %y: $ROW, %p: $PAR",
     "%d = hgnn.row_dot %x, %y {heads = $H : i64} : $ROW, $ROW\n"
     "%e = hgnn.row_dot %x, %p {heads = $H : i64} : $ROW, $PAR\n %u = hgnn.unary tanh %e : $RH",
     "%d, %u : $RH, $RH"},
    {"head_scale", "%x: $ROW, %s: $RH, %p: $PAR, %q: $PH",
     "%a = hgnn.scale_rows %x, %s : $ROW, $RH\n %b = hgnn.scale_rows %p, %s : $PAR, $RH\n"
     "%c = hgnn.scale_rows %a, %q : $ROW, $PH\n %d = hgnn.mul %b, %c : $ROW, $ROW",
     "%a, %d : $ROW, $ROW"},
    // Seams that no head ends at.
    {"head_scale_of_parts", "%x: $CUT, %y: $REST, %s: $RH",
     "%c = hgnn.concat %x, %y : $CUT, $REST\n %a = hgnn.scale_rows %c, %s : $ROW, $RH\n"
     "%d = hgnn.row_dot %c, %a {heads = $H : i64} : $ROW, $ROW", "%a, %d : $ROW, $RH"},
    {"head_dot_of_params", "%p: $PAR, %q: $PAR",
     "%d = hgnn.row_dot %p, %q {heads = $H : i64} : $PAR, $PAR", "%d : $PH"},
    {"head_scale_of_params", "%p: $PAR, %d: $PH", "%s = hgnn.scale_rows %p, %d : $PAR, $PH",
     "%s : $PAR"},
    {"head_dropout", "%x: $ROW, %i: $IDS",
     "%d = hgnn.dropout %x, %i {p = 0.3 : f64, site = 9 : i64, heads = $H : i64} : $ROW, $IDS", "%d : $ROW"},
    {"sum_of_head_scale", "%x: $ROW, %s: $RH",
     "%a = hgnn.scale_rows %x, %s : $ROW, $RH\n %c = hgnn.col_sum %a : $ROW", "%c : $PAR"},
    // Attention within a relation: of stored scores, of scores that are made anew, of one number.
    {"attention", "%x: $SRC, %s: $EH, %a: $ADJ",
     "%v = hgnn.gather_src %x, %a : $SRC, $ADJ\n %t = hgnn.term softmax<$H> %v, %s : $EDGE, $EH\n"
     "%m = hgnn.reduce_dst %t, %a of softmax<$H> : $ETERM, $ADJ", "%m : $ATERM"},
    {"attention_value", "%x: $SRC, %p: $SH, %q: $AH, %a: $ADJ",
     "%v = hgnn.gather_src %x, %a : $SRC, $ADJ\n %e = hgnn.gather_src %p, %a : $SH, $ADJ\n"
     "%f = hgnn.gather_dst %q, %a : $AH, $ADJ\n %z = hgnn.add %e, %f : $EH, $EH\n"
     "%s = hgnn.unary leaky_relu %z {alpha = 0.2 : f64} : $EH\n %t = hgnn.term softmax<$H> %v, %s : $EDGE, $EH\n"
     "%m = hgnn.reduce_dst %t, %a of softmax<$H> : $ETERM, $ADJ\n %o = hgnn.combined softmax<$H> %m : $ATERM",
     "%o : $ACT"},
    {"attention_dropped", "%x: $SRC, %s: $EH, %i: $EIDS, %a: $ADJ",
     "%v = hgnn.gather_src %x, %a : $SRC, $ADJ\n"
     "%d = hgnn.dropout %v, %i {p = 0.4 : f64, site = 2 : i64, heads = $H : i64} : $EDGE, $EIDS\n"
     "%t = hgnn.term softmax<$H> %d, %s : $EDGE, $EH\n"
     "%m = hgnn.reduce_dst %t, %a of softmax<$H> : $ETERM, $ADJ\n %o = hgnn.combined softmax<$H> %m : $ATERM",
     "%o : $ACT"},
    {"attention_terms_stored", "%t: $ETERM, %a: $ADJ",
     "%m = hgnn.reduce_dst %t, %a of softmax<$H> : $ETERM, $ADJ", "%m : $ATERM"},
    // One softmax over relations.
    {"terms_of_heads", "%x: $ACT, %p: $AH, %a: $ADJ, %y: $ROW, %q: $RH, %z: $RTERM",
     "%s = hgnn.term softmax<$H> %x, %p : $ACT, $AH\n %e = hgnn.expand %s, %a of softmax<$H> : $ATERM, $ADJ\n"
     "%t = hgnn.term softmax<$H> %y, %q : $ROW, $RH\n"
     "%c = hgnn.combine softmax<$H> %e, %t : $RTERM, $RTERM\n %v = hgnn.combined softmax<$H> %c : $RTERM",
     "%c, %v : $RTERM, $ROW"},
    {"empty_terms_of_heads", "%i: $IDS",
     "%s = hgnn.zeros %i of softmax<$H> : ($IDS) -> $RTERM\n %v = hgnn.combined softmax<$H> %s : $RTERM",
     "%s, %v : $RTERM, $ROW"},
    // Backward.
    {"combined_grad_of_heads", "%g: $ROW, %m: $RTERM",
     "%d = hgnn.combined_grad softmax<$H> %g, %m : $ROW, $RTERM", "%d : $RTERM"},
    {"value_grad", "%g: $ATERM, %s: $EH, %a: $ADJ",
     "%e = hgnn.gather_dst %g, %a : $ATERM, $ADJ\n %d = hgnn.term_grad softmax<$H> %e, %s : $ETERM, $EH\n"
     "%r = hgnn.reduce_src %d, %a : $EDGE, $ADJ", "%r : $SRC"},
    {"value_grad_dropped", "%g: $ATERM, %s: $EH, %i: $EIDS, %a: $ADJ",
     "%e = hgnn.gather_dst %g, %a : $ATERM, $ADJ\n %d = hgnn.term_grad softmax<$H> %e, %s : $ETERM, $EH\n"
     "%k = hgnn.dropout %d, %i {p = 0.4 : f64, site = 2 : i64, heads = $H : i64} : $EDGE, $EIDS\n"
     "%r = hgnn.reduce_src %k, %a : $EDGE, $ADJ", "%r : $SRC"},
    {"score_grad", "%g: $ATERM, %s: $EH, %x: $SRC, %a: $ADJ",
     "%e = hgnn.gather_dst %g, %a : $ATERM, $ADJ\n %v = hgnn.gather_src %x, %a : $SRC, $ADJ\n"
     "%d = hgnn.term_grad softmax<$H> %e, %s, %v : $ETERM, $EH, $EDGE", "%d : $EH"},
    {"score_of_edges", "%x: $SRC, %y: $ACT, %a: $ADJ",
     "%e = hgnn.gather_dst %y, %a : $ACT, $ADJ\n %v = hgnn.gather_src %x, %a : $SRC, $ADJ\n"
     "%d = hgnn.row_dot %v, %e {heads = $H : i64} : $EDGE, $EDGE", "%d : $EH"},
    {"score_to_sources", "%y: $ACT, %s: $EH, %a: $ADJ",
     "%e = hgnn.gather_dst %y, %a : $ACT, $ADJ\n %v = hgnn.scale_rows %e, %s : $EDGE, $EH\n"
     "%r = hgnn.reduce_src %v, %a : $EDGE, $ADJ", "%r : $SRC"},
    // Maxima over edges.
    {"edge_max", "%x: $SRC, %a: $ADJ",
     "%v = hgnn.gather_src %x, %a : $SRC, $ADJ\n %t = hgnn.term max %v : $EDGE\n"
     "%m = hgnn.reduce_dst %t, %a of max : $EDGE, $ADJ\n %o = hgnn.combined max %m : $ACT", "%o : $ACT"},
    {"edge_argmax", "%x: $SRC, %a: $ADJ",
     "%v = hgnn.gather_src %x, %a : $SRC, $ADJ\n %p = hgnn.edge_position %a : $ADJ\n"
     "%t = hgnn.term argmax %v, %p : $EDGE, $E1\n %m = hgnn.reduce_dst %t, %a of argmax : $EDGE2, $ADJ\n"
     "%o = hgnn.combined argmax %m : $ACT2", "%m, %o : $ACT2, $ACT"},
    {"edge_argmax_to_sources", "%g: $ACT2, %a: $ADJ",
     "%e = hgnn.gather_dst %g, %a : $ACT2, $ADJ\n %p = hgnn.edge_position %a : $ADJ\n"
     "%d = hgnn.term_grad argmax %e, %p : $EDGE2, $E1\n %r = hgnn.reduce_src %d, %a : $EDGE, $ADJ", "%r : $SRC"},
    {"edge_positions", "%a: $ADJ", "%p = hgnn.edge_position %a : $ADJ", "%p : $E1"},
};
// clang-format on

struct Heads {
  int64_t heads, size;
};

std::string types(std::string text, Heads h) {
  auto tensor = [](const std::string &domain, int64_t width) {
    return "!hgnn.tensor<" + domain + " : " + std::to_string(width) + "xf32>";
  };
  int64_t w = h.heads * h.size, term = w + 2 * h.heads, cut = w > 3 ? 3 : 1;
  const std::string edges = "edges(0, @r0)", active = "active(0, @r0)", rows = "rows(0, @t0)";
  text = fill(text, {{"$ETERM", tensor(edges, term)},
                     {"$ATERM", tensor(active, term)},
                     {"$RTERM", tensor(rows, term)},
                     {"$EDGE2", tensor(edges, 2 * w)},
                     {"$ACT2", tensor(active, 2 * w)},
                     {"$EIDS", "!hgnn.ids<edges(0, @r0)>"}});
  text = fill(text, {{"$EDGE", tensor(edges, w)},
                     {"$EH", tensor(edges, h.heads)},
                     {"$E1", tensor(edges, 1)},
                     {"$ACT", tensor(active, w)},
                     {"$AH", tensor(active, h.heads)},
                     {"$SRC", tensor("rows(1, @t1)", w)},
                     {"$SH", tensor("rows(1, @t1)", h.heads)},
                     {"$ROW", tensor(rows, w)},
                     {"$REST", tensor(rows, std::max<int64_t>(w - cut, 1))},
                     {"$RH", tensor(rows, h.heads)},
                     {"$CUT", tensor(rows, cut)},
                     {"$PAR", tensor("param", w)},
                     {"$PH", tensor("param", h.heads)},
                     {"$ADJ", "!hgnn.adj<0, @r0 from @t1 to @t0>"},
                     {"$IDS", "!hgnn.ids<rows(0, @t0)>"}});
  return fill(text, {{"$H", std::to_string(h.heads)}});
}

std::string moduleText(Heads heads) {
  std::string text;
  for (const Case &c : cases)
    if (heads.heads * heads.size > 1 || std::string(c.name) != "head_scale_of_parts")
      text += std::string("hgnn.kernel @") + c.name + " {\n^bb0(" + c.arguments + "):\n " + c.body +
              "\n hgnn.yield " + c.yield + "\n}\n";
  return types(text, heads);
}

class HeadsTest : public testing::TestWithParam<Heads> {
protected:
  /// Winners among few edges, equal numbers, scores that take no part.
  static void makeTelling(const std::string &name, Inputs &inputs, std::mt19937 &rng) {
    if (name == "edge_argmax" || name == "edge_max")
      for (float &x : inputs.data[0])
        x = rng() % 9 == 0 ? -INFINITY : std::round(x);
    auto winners = [&](std::vector<float> &terms, int64_t w) {
      for (size_t i = 0; i < terms.size(); ++i)
        if (int64_t(i) % (2 * w) >= w)
          terms[i] = float(rng() % 4);
    };
    int64_t w = GetParam().heads * GetParam().size;
    if (name == "edge_argmax_to_sources")
      winners(inputs.data[0], w);
    auto some = [&](std::vector<float> &scores) {
      for (float &x : scores)
        x = rng() % 5 == 0 ? -INFINITY : x;
    };
    if (name == "attention" || name == "attention_dropped" || name == "value_grad")
      some(inputs.data[1]);
    if (name == "terms_of_heads")
      some(inputs.data[4]);
    // Sums of weights are positive or, of empty terms, 0; so are those of the gradient's terms.
    auto sums = [&](std::vector<float> &terms) {
      int64_t heads = GetParam().heads, width = w + 2 * heads;
      for (size_t i = 0; i < terms.size(); ++i)
        if (int64_t(i) % width >= w + heads)
          terms[i] = rng() % 4 == 0 ? 0 : std::fabs(terms[i]) + 0.25f;
    };
    if (name == "combined_grad_of_heads")
      sums(inputs.data[1]);
    if (name == "attention_terms_stored")
      sums(inputs.data[0]);
  }
};

TEST_P(HeadsTest, AgreeWithNaiveLoops) {
  KernelModule module(moduleText(GetParam()));
  ASSERT_TRUE(module.ok());
  std::mt19937 rng(11);
  const Counts sizes[] = {
      {{"rows(0, @t0)", 41}, {"rows(1, @t1)", 33}},
      {{"rows(0, @t0)", 1}, {"rows(1, @t1)", 2}},
      {{"rows(0, @t0)", 5}, {"rows(1, @t1)", 0}}, // a relation without edges
      {{"rows(0, @t0)", 0}, {"rows(1, @t1)", 4}}, // no rows
  };
  for (const Counts &counts : sizes)
    for (const compiler::KernelSignature &signature : module.signatures) {
      const std::string &name = signature.symbol;
      SCOPED_TRACE(name + " rows " + std::to_string(counts.at("rows(0, @t0)")));
      Inputs inputs = module.randomInputs(name, counts, rng);
      makeTelling(name, inputs, rng);
      auto whole = module.run(name, inputs, counts);
      Arrays expected = reference(module.kernel(name), inputs, counts);
      ASSERT_EQ(whole.size(), expected.size());
      for (size_t i = 0; i < whole.size(); ++i) {
        // Infinities of empty terms are equal, and have no difference.
        for (size_t e = 0; e < whole[i].size(); ++e)
          if (std::isinf(expected[i][e])) {
            EXPECT_EQ(double(whole[i][e]), expected[i][e]) << "element " << e;
            whole[i][e] = 0, expected[i][e] = 0;
          }
        expectClose(whole[i], expected[i], 2e-5, name);
      }
      if (signature.mode == compiler::KernelMode::Chunks)
        continue;
      auto again = module.run(name, inputs, counts);
      auto split = module.run(name, inputs, counts, {1, 3, 17});
      for (size_t i = 0; i < whole.size(); ++i)
        EXPECT_EQ(0, std::memcmp(split[i].data(), again[i].data(), split[i].size() * 4)) << "split";
    }
}

TEST_P(HeadsTest, GiveTheSameBitsAtEachCpuLevel) {
  if (compiler::hostKernelTarget() == "x86-64-v2" || compiler::hostKernelTarget() == "aarch64")
    GTEST_SKIP() << "this machine knows one level only";
  KernelModule v2(moduleText(GetParam()), "x86-64-v2"), v3(moduleText(GetParam()), "x86-64-v3");
  bool more = compiler::hostKernelTarget() == "x86-64-v4"; // else only what is emitted for it
  KernelModule wide(moduleText(GetParam()), more ? "x86-64-v4" : "x86-64-v3-wide");
  ASSERT_TRUE(v2.ok() && v3.ok() && wide.ok());
  std::mt19937 rng(3);
  Counts counts{{"rows(0, @t0)", 41}, {"rows(1, @t1)", 33}};
  for (const compiler::KernelSignature &signature : v2.signatures) {
    Inputs inputs = v3.randomInputs(signature.symbol, counts, rng);
    makeTelling(signature.symbol, inputs, rng);
    auto expected = v2.run(signature.symbol, inputs, counts);
    for (const KernelModule *module : {&v3, &wide}) {
      auto actual = module->run(signature.symbol, inputs, counts);
      for (size_t i = 0; i < expected.size(); ++i)
        EXPECT_EQ(0, std::memcmp(expected[i].data(), actual[i].data(), expected[i].size() * 4))
            << signature.symbol << " result " << i;
    }
  }
}

// Scores far apart: no infinity is subtracted, and what has all the weight comes out to the bit.
TEST_P(HeadsTest, AreFiniteForLargeScores) {
  KernelModule module(moduleText(GetParam()));
  ASSERT_TRUE(module.ok());
  std::mt19937 rng(6);
  Counts counts{{"rows(0, @t0)", 40}, {"rows(1, @t1)", 30}};
  for (const char *name : {"attention", "terms_of_heads"})
    for (float factor : {1e4f, -1e4f}) {
      Inputs inputs = module.randomInputs(name, counts, rng);
      for (float &x : inputs.data[1])
        x *= factor;
      Arrays expected = reference(module.kernel(name), inputs, counts);
      auto values = module.run(name, inputs, counts);
      for (size_t i = 0; i < values.size(); ++i)
        for (size_t e = 0; e < values[i].size(); ++e)
          EXPECT_NEAR(values[i][e], expected[i][e], 2e-5 * (1 + std::fabs(expected[i][e]))) << name;
    }
}

INSTANTIATE_TEST_SUITE_P(Sizes, HeadsTest,
                         testing::Values(Heads{1, 1}, Heads{1, 7}, Heads{2, 3}, Heads{4, 1},
                                         Heads{4, 8}, Heads{3, 16}, Heads{8, 8}, Heads{8, 32},
                                         Heads{2, 64}, Heads{3, 100}, Heads{5, 256}, Heads{20, 4},
                                         Heads{40, 8}, Heads{36, 3}),
                         [](const auto &info) {
                           return "H" + std::to_string(info.param.heads) + "of" +
                                  std::to_string(info.param.size);
                         });

} // namespace
