//===- Differential.h - one random case, compared all the way ----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_E2E_DIFFERENTIAL_DIFFERENTIAL_H
#define HEDDLE_TESTS_E2E_DIFFERENTIAL_DIFFERENTIAL_H

#include "tests/e2e/differential/Numbers.h"

namespace heddle::test {

/// Makes the case of `seed` and compares phases, derivatives and plan; notes every disagreement and
/// every error. Returns what the case has.
std::string runCase(uint64_t seed, Findings &findings, bool verbose);

/// Where runCase leaves each plan that it compares, with its graph and with code for GPUs, for
/// heddle_devices; empty: nowhere.
void keepCasesIn(const std::string &folder);

/// The same on a graph directory and a model spec; seed 0.
void runGivenCase(const std::string &graphDirectory, const std::string &specFile, Findings &findings,
                  bool verbose);

} // namespace heddle::test

#endif // HEDDLE_TESTS_E2E_DIFFERENTIAL_DIFFERENTIAL_H
