//===- InterpreterTermsTest.cpp - terms of merges that are no sum, by hand ===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tests/unit/compiler/OpsFixture.h"

#include <cmath>
#include <limits>

namespace heddle::test {
namespace {

class InterpreterTerms : public InterpreterOps {};

// Terms over the active destinations 1 and 3 of a:w:p (rows 0 and 2) and of p:c:p (the same), by
// hand.
TEST_F(InterpreterTerms, TermsOfAMaximum) {
  const std::string a = "%v = hgnn.restrict %xp, %adj : !rp, !adj\n" // (1, .5), (3, .5)
                        "%t = hgnn.term argmax %v {link = 4 : i64} : !act\n"
                        "%u = hgnn.expand %t, %adj of argmax : !act4, !adj\n";
  const double none = std::numeric_limits<double>::infinity();
  expect(a + "%r = hgnn.combine argmax %u : !r4", "!r4", {3, 4},
         {1, .5, 4, 4, -none, -none, none, none, 3, .5, 4, 4});
  // Beside it (-1, 0), (-2, 1) of relation 2: the larger numbers, and relation 2 where they are
  // equal.
  const std::string b = "%w = hgnn.restrict %xz, %adjc : !rp, !adjc\n"
                        "%x = hgnn.term argmax %w {link = 2 : i64} : !actc\n"
                        "%yy = hgnn.expand %x, %adjc of argmax : !actc4, !adjc\n";
  for (const char *order : {"%u, %yy", "%yy, %u"}) {
    expect(a + b + "%r = hgnn.combine argmax " + order + " : !r4, !r4", "!r4", {3, 4},
           {1, .5, 4, 4, -none, -none, none, none, 3, 1, 4, 2});
    expect(a + b + "%c0 = hgnn.combine argmax " + order +
               " : !r4, !r4\n%r = hgnn.combined argmax %c0 : !r4",
           "!rp", {3, 2}, {1, .5, 0, 0, 3, 1});
  }
  const std::string tie = "%w = hgnn.restrict %xp, %adjc : !rp, !adjc\n"
                          "%x = hgnn.term argmax %w {link = 2 : i64} : !actc\n"
                          "%yy = hgnn.expand %x, %adjc of argmax : !actc4, !adjc\n";
  for (const char *order : {"%u, %yy", "%yy, %u"})
    expect(a + tie + "%r = hgnn.combine argmax " + order + " : !r4, !r4", "!r4", {3, 4},
           {1, .5, 2, 2, -none, -none, none, none, 3, .5, 2, 2});
  // Gradients xz = (-1, 0), (.5, 2), (-2, 1) of the combined rows, to relations 4 and 2.
  const std::string all = a + b + "%c0 = hgnn.combine argmax %u, %yy : !r4, !r4\n";
  const std::string grad = "hgnn.combined_grad argmax %xz, %c0 : !rp, !r4\n";
  expect(all + "%r = " + grad, "!r4", {3, 4}, {-1, 0, 4, 4, 0, 0, none, none, -2, 1, 4, 2});
  const std::string back = all + "%g = " + grad + "%h = hgnn.restrict %g, %adj : !r4, !adj\n";
  expect(back + "%r = hgnn.term_grad argmax %h {link = 4 : i64} : !act4", "!act", {2, 2},
         {-1, 0, -2, 0});
  expect(back + "%r = hgnn.term_grad argmax %h {link = 2 : i64} : !act4", "!act", {2, 2},
         {0, 0, 0, 1});
  // Without indices; empty terms.
  expect("%v = hgnn.restrict %xz, %adj : !rp, !adj\n%t = hgnn.term max %v : !act\n"
         "%u = hgnn.expand %t, %adj of max : !act, !adj\n"
         "%z = hgnn.zeros %s of max : (!s) -> !rp\n%c0 = hgnn.combine max %u, %z : !rp, !rp\n"
         "%r = hgnn.combined max %c0 : !rp",
         "!rp", {3, 2}, {-1, 0, 0, 0, -2, 1});
  expect("%r = hgnn.zeros %s of argmax : (!s) -> !rp", "!rp", {3, 2},
         {-none, none, -none, none, -none, none});
  expect("%r = hgnn.zeros %s of softmax : (!s) -> !r4", "!r4", {3, 4},
         {0, 0, -none, 0, 0, 0, -none, 0, 0, 0, -none, 0});
}

// Scores are degrees: 3 and 2 of a:w:p, 2 and 1 of p:c:p, times a factor.
TEST_F(InterpreterTerms, TermsOfASoftmax) {
  const double none = std::numeric_limits<double>::infinity();
  auto terms = [](double factor) {
    std::string f = std::to_string(factor);
    return "%v = hgnn.restrict %xp, %adj : !rp, !adj\n%w = hgnn.restrict %xz, %adjc : !rp, !adjc\n"
           "%i = hgnn.degree %adj : !adj\n%j = hgnn.degree %adjc : !adjc\n"
           "%k = hgnn.scale %i {factor = " +
           f +
           " : f64} : !act1\n"
           "%l = hgnn.scale %j {factor = " +
           f +
           " : f64} : !actc1\n"
           "%t = hgnn.term softmax %v, %k : !act, !act1\n"
           "%x = hgnn.term softmax %w, %l : !actc, !actc1\n"
           "%u = hgnn.expand %t, %adj of softmax : !act4, !adj\n"
           "%yy = hgnn.expand %x, %adjc of softmax : !actc4, !adjc\n"
           "%c0 = hgnn.combine softmax %u, %yy : !r4, !r4\n";
  };
  const double e = std::exp(-1.0), s = 1 + e;
  const std::string one = terms(1), grad = "hgnn.combined_grad softmax %xz, %c0 : !rp, !r4\n";
  const std::vector<double> merged = {1 - e, .5, 3, s, 0, 0, -none, 0, 3 - 2 * e, .5 + e, 2, s};
  expect(one + "%r = hgnn.combine softmax %u, %yy : !r4, !r4", "!r4", {3, 4}, merged);
  expect(one + "%r = hgnn.combine softmax %yy, %u : !r4, !r4", "!r4", {3, 4}, merged);
  expect(one + "%r = hgnn.combined softmax %c0 : !r4", "!rp", {3, 2},
         {(1 - e) / s, .5 / s, 0, 0, (3 - 2 * e) / s, (.5 + e) / s});
  // The gradient xz of the combined rows: g / s, m, -(g . o) / s^2.
  const double d0 = -(1 - e), d2 = -2 * (3 - 2 * e) + (.5 + e);
  expect(one + "%r = " + grad, "!r4", {3, 4},
         {-1 / s, 0, 3, -d0 / s / s, 0, 0, -none, 0, -2 / s, 1 / s, 2, -d2 / s / s});
  const std::string back = one + "%g = " + grad + "%h = hgnn.restrict %g, %adjc : !r4, !adjc\n";
  expect(back + "%r = hgnn.term_grad softmax %h, %l : !actc4, !actc1", "!actc", {2, 2},
         {-e / s, 0, -2 * e / s, e / s});
  // Of the score: w (g . value - g . all) / s, with the value (-1, 0) and (-2, 1).
  expect(back + "%r = hgnn.term_grad softmax %h, %l, %w : !actc4, !actc1, !actc", "!actc1", {2, 1},
         {e * (1 - d0 / s) / s, e * (5 - d2 / s) / s});
  // Scores far apart: the larger one's value, to the bit, and no infinity.
  for (double factor : {1e4, -1e4}) {
    std::vector<double> larger = factor > 0 ? std::vector<double>{1, .5, 0, 0, 3, .5}
                                            : std::vector<double>{-1, 0, 0, 0, -2, 1};
    EXPECT_EQ(run(terms(factor) + "%r = hgnn.combined softmax %c0 : !r4", "!rp").data, larger);
  }
}

} // namespace
} // namespace heddle::test
