//===- RandomCases.h - a run over random cases  -----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_E2E_DIFFERENTIAL_RANDOMCASES_H
#define HEDDLE_TESTS_E2E_DIFFERENTIAL_RANDOMCASES_H

#include "tests/e2e/differential/Numbers.h"

#include <functional>
#include <string>

namespace heddle::test {

/// `--count N`, `--first-seed S`, `--verbose`: what every test over random cases takes.
struct RandomCasesOptions {
  uint64_t count = 20, first = 0;
  bool verbose = false;
  /// Takes argv[i], and what belongs to it, if it is one of these; `i` ends at the last word taken.
  bool take(int argc, char **argv, int &i);
};

/// Runs `one` (seed, findings, verbose; returns what the case has) for each seed, prints what is
/// wrong and a closing line. Returns the exit code: 1 if a case disagrees.
int runRandomCases(const RandomCasesOptions &options,
                   const std::function<std::string(uint64_t, Findings &, bool)> &one);

} // namespace heddle::test

#endif // HEDDLE_TESTS_E2E_DIFFERENTIAL_RANDOMCASES_H
