//===- OpsFixture.h - one op on numbers by hand ------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_UNIT_COMPILER_OPSFIXTURE_H
#define HEDDLE_TESTS_UNIT_COMPILER_OPSFIXTURE_H

#include "tests/unit/compiler/InterpreterSupport.h"

#include <cmath>

namespace heddle::test {

class InterpreterOps : public MlirTest {
protected:
  /// States by hand: ta[i] = (i+1, -(i+1)), tp[i] = (i, 0.5), tz = rows (-1,0), (0.5,2), (-2,1)
  /// at 1..3.
  InterpreterInput input() {
    InterpreterInput input = small.input();
    input.states = {
        {"ta", {{5, 2}, {1, -1, 2, -2, 3, -3, 4, -4, 5, -5}}},
        {"tp", {{5, 2}, {0, .5, 1, .5, 2, .5, 3, .5, 4, .5}}},
        {"tz", {{5, 2}, {9, 9, -1, 0, .5, 2, -2, 1, 9, 9}}},
        {"W", {{2, 3}, {1, 2, 3, 4, 5, 6}}},
        {"W3", {{3, 2}, {1, 4, 2, 5, 3, 6}}},
        {"M", {{2, 2}, {1, 0, 2, -1}}},
        {"b", {{2}, {7, 8}}},
        {"b2", {{2}, {10, 20}}},
        {"c", {{1}, {3}}},
    };
    return input;
  }
  /// Runs `text`, which computes %r of `type`.
  NumericArray run(const std::string &text, const std::string &type) {
    const std::string terms = R"(
!act4 = !hgnn.tensor<active(0, @"a:w:p") : 4xf32>
!actc = !hgnn.tensor<active(0, @"p:c:p") : 2xf32>
!actc1 = !hgnn.tensor<active(0, @"p:c:p") : 1xf32>
!actc4 = !hgnn.tensor<active(0, @"p:c:p") : 4xf32>)";
    auto module = parse(terms + SmallGraph::program(text + "\nhgnn.output \"r\" %r : " + type));
    return interpretOrDie(*module, "train_step", input()).outputs["r"];
  }
  void expect(const std::string &text, const std::string &type, std::vector<int64_t> shape,
              std::vector<double> data) {
    SCOPED_TRACE(text);
    NumericArray result = run(text, type);
    EXPECT_EQ(result.shape, shape);
    ASSERT_EQ(result.data.size(), data.size());
    for (size_t i = 0; i < data.size(); ++i)
      if (result.data[i] != data[i]) // equal infinities have no difference
        EXPECT_NEAR(result.data[i], data[i], 1e-12 * (1 + std::abs(data[i]))) << "element " << i;
  }
  SmallGraph small;
};

} // namespace heddle::test

#endif // HEDDLE_TESTS_UNIT_COMPILER_OPSFIXTURE_H
