//===- Numbers.h - comparing named arrays ------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_E2E_DIFFERENTIAL_NUMBERS_H
#define HEDDLE_TESTS_E2E_DIFFERENTIAL_NUMBERS_H

#include "compiler/interpreter/Interpreter.h"

#include <string>
#include <vector>

namespace heddle::test {

/// What disagreed in one case; empty = all is well.
class Findings {
public:
  /// Notes a difference: where (phase or step), of what, how large, and how large it may be.
  void add(const std::string &where, const std::string &what, double difference, double limit);
  void add(const std::string &where, const std::string &what);
  bool empty() const { return lines.empty(); }
  std::vector<std::string> lines;
  /// The largest difference of a kind that was accepted, as a part of its limit.
  double closest = 0;
  std::string closestWhat;
  void within(const std::string &where, const std::string &what, double difference, double limit);
};

double normOf(const std::vector<double> &x);

/// ||got - wanted|| / max(||wanted||, floor); infinite where sizes differ or a number is not finite.
double normwise(const std::vector<double> &got, const std::vector<double> &wanted, double floor = 0);

/// Compares the arrays of `wanted` whose name starts with `prefix` with those of `got`, each normwise.
/// `floor`: norms below it count as it. Both must have the same names with that prefix.
void compareArrays(Findings &findings, const std::string &where, const compiler::NumericArrays &got,
                   const compiler::NumericArrays &wanted, const std::string &prefix, double limit,
                   double floor = 0);

/// <a, b> over the names of `a`.
double dot(const compiler::NumericArrays &a, const compiler::NumericArrays &b);

} // namespace heddle::test

#endif // HEDDLE_TESTS_E2E_DIFFERENTIAL_NUMBERS_H
